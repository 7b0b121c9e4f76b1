package tokens_test

import (
	"slices"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/tokens"
)

const (
	aKey     = "a35407cd24f9fad31648b0362f72bab9bed41726"
	aKnox    = "9ff4ffcf26be9ff3c36de645a55d1b9fa2b02200a32628e78d33bcff361a9c4d"
	aSession = "esjmu4ngrkusok3wdqr4tddvputwnx9g"
	aJWT     = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiIxIiwidHlwIjoiYSJ9.kRAUxNIH0Hcs6fl1H3kSaFrTBGDqj8_-MvbvZxbgbaU"
)

func pastedSettings() *tokenctl.Settings {
	s := &tokenctl.Settings{}
	s.DRF.Keyword = "Api-Key"
	s.Knox.AuthHeaderPrefix = "Knox"
	s.SimpleJWT.AuthHeaderTypes = []string{"Jot"}
	s.SimpleJWT.AuthHeaderName = "HTTP_X_ACCESS"
	s.Session.CookieName = "shop_session"
	return s
}

// pastedForms are lines in which S is the secret.
var pastedForms = []string{
	"S", " S ", "\tS", `"S"`, "'S'", "`S`", "S,", "S;", `"S",`, "'S';", "S.", "(S)", "[S]", "<S>", "{S}", "<Token: S>", "**S**", "_S_", "__S__", "- S", "* S", "> S", "+S", "-S", "#S", "S|",
	"Token S", "token S", "TOKEN S", "Bearer S", "JWT S", "Api-Key S", "api-key S", "Knox S", "Jot S", "Token: S", "Token=S", `Token "S"`, `Token token="S"`, "Token  S",
	"Authorization: Token S", "authorization: bearer S", "AUTHORIZATION:Token S", "Authorization: S", "Proxy-Authorization: Token S", "Authorization: Api-Key S", `"Authorization": "Token S",`,
	"'Authorization': 'Token S'", "X-Access: Jot S", "X-Api-Key: S", "HTTP_AUTHORIZATION=Token S", "> Authorization: Token S", "Authorization=Token S", "headers={'Authorization': 'Token S'}",
	"KEY=S", "KEY='S'", `export X="S"`, "export API_TOKEN=S", "set TOKEN=S", "TOKEN = S", `API_TOKEN := "S"`, `$env:TOKEN = "S"`, "Environment=TOKEN=S", "-e TOKEN=S", "ENV TOKEN S", "+API_TOKEN=S", "-  token: S",
	"key: S", "key: 'S'", "token: S # production", `"token": "S",`, `"token":"S"`, `{"token":"S","user":1}`, `{"token": "S"}`, `{\"token\": \"S\"}`, `{"key": "S", "name": "x"}`, `<token>S</token>`, `token => 'S',`,
	"curl -H 'Authorization: Token S' https://example.com/api/", `curl -H "Authorization: Bearer S" -X POST https://example.com`, `$ curl --header='Authorization: Token S' https://example.com`,
	"curl -sS --header 'Authorization: Token S' 'https://example.com/a?b=c'", "curl -HAuthorization:Token\tS https://example.com", "http GET example.com Authorization:'Token S'", "curl -b 'shop_session=S' https://example.com",
	"curl -b shop_session=S https://example.com", "curl --cookie 'a=b; shop_session=S' https://example.com", "wget --header=\"Authorization: Token S\" https://example.com",
	"Cookie: shop_session=S", "Cookie: theme=dark; shop_session=S; lang=en", "cookie: shop_session=S;", "Set-Cookie: shop_session=S; expires=Thu, 01 Jan 2026 00:00:00 GMT; HttpOnly; Path=/", "shop_session=S; csrftoken=" + aSession,
	"Cookie: csrftoken=" + aSession + "; shop_session=S", `{"shop_session": "S"}`,
	"https://example.com/?token=S", "https://example.com/cb?a=b&access_token=S&c=d", "https://example.com/cb#access_token=S&x=y", "GET /api/?auth=S HTTP/1.1", "/reset/S/", "https://S@example.com/", "https://user:S@example.com/x.git",
	"a?x=1\\u0026token=S\\u0026y=2", "Authorization%3A%20Token%20S", "Token+S", "next=%2Fapi%3Ftoken%3DS%26x%3D1",
	`10.0.0.1 - - [12/Mar/2026:10:00:00 +0000] "GET /api/?token=S HTTP/1.1" 200 12 "-" "curl/8.5"`, "2026-03-12T10:00:00Z INFO auth token=S user=alice", "alice: S", "alice,S", "S,alice", "S: alice", "S alice", "alice\tS\t2026-01-01",
	" S | 2026-03-12 10:00:00+00 |       1", "please revoke S as soon as you can", "the key (S) leaked", "token is S.", "<https://example.com/?token=S|link>", "request.headers[\"Authorization\"] = \"Token S\"", `log("Token S\n")`, `"body": "a\nS\n"`,
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	w := tokens.NewWrapping(pastedSettings())
	for _, secret := range []string{aKey, aKnox, "acme_" + aKnox, aSession, aJWT} {
		for _, form := range pastedForms {
			if strings.Contains(form, aSession) && secret == aSession {
				continue
			}
			line := placeSecret(form, secret)
			got := w.Candidates(line)
			if !slices.Contains(got, secret) {
				t.Errorf("%q: %q", line, got)
			}
			if strings.Contains(form, aSession) && slices.Contains(got, aSession) {
				t.Errorf("%q: the CSRF token is a candidate: %q", line, got)
			}
		}
	}
}

// placeSecret puts a secret in place of the S that is a word of its own.
func placeSecret(form, secret string) string {
	letter := func(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }
	for i := len(form) - 1; i >= 0; i-- {
		before := i == 0 || !letter(form[i-1]) || i > 1 && form[i-2:i] == `\n` || i > 1 && form[i-2] == '%' || i > 2 && form[i-3] == '%'
		after := i == len(form)-1 || !letter(form[i+1])
		if form[i] == 'S' && before && after {
			return form[:i] + secret + form[i+1:]
		}
	}
	panic("no place for the secret in " + form)
}

// TestCandidatesOdd: keys that have marks in them are read where something introduces them.
func TestCandidatesOdd(t *testing.T) {
	t.Parallel()
	w := tokens.NewWrapping(pastedSettings())
	for _, key := range []string{"abc", "k:1", "a=b=c", "odd/key+1==", "p@ss#word", "a.b.c", "x!y"} {
		for _, form := range []string{"Token %", "Authorization: Token %", "KEY=%", "KEY='%'", `export X="%"`, "key: %", `"token": "%",`, "'%'", "%,"} {
			if strings.HasPrefix(form, "'%") && len(key) < 4 || form == "%," && len(key) < 4 {
				continue // nothing says that it is a secret
			}
			if line := strings.ReplaceAll(form, "%", key); !slices.Contains(w.Candidates(line), key) {
				t.Errorf("%q: %q", line, w.Candidates(line))
			}
		}
	}
}

// TestCandidatesNone: what is no secret is not looked up, nor a part of one.
func TestCandidatesNone(t *testing.T) {
	t.Parallel()
	w := tokens.NewWrapping(pastedSettings())
	other := "k3v9w2m1q8z7x6c5b4n3a2s1d0f9g8h7"
	for line, not := range map[string]string{
		"Authorization: Token " + aKey: "Token",
		"KEY=" + aKey:                  "KEY",
		"long_name_of_it: " + aKey:     "long_name_of_it",
		aJWT:                           strings.Split(aJWT, ".")[2],
		"x" + aKey:                     aKey,
		aKey + "0":                     aKey,
		"Cookie: other=" + other + "; shop_session=" + aSession:    other,
		"curl -b 'shop_session=" + aSession + "; a=" + other + "'": other,
		"X-CSRFToken: " + other:                                    other,
	} {
		if got := w.Candidates(line); slices.Contains(got, not) {
			t.Errorf("%q: %q", line, got)
		}
	}
	// Where the session's cookie is not there, its name may be another.
	if got := w.Candidates("Cookie: sessionid=" + other); !slices.Contains(got, other) {
		t.Errorf("%q", got)
	}
	// A token in another cookie is as good as one in a header.
	if got := w.Candidates("Cookie: auth=" + aJWT + "; shop_session=" + aSession); !slices.Contains(got, aJWT) || !slices.Contains(got, aSession) {
		t.Errorf("%q", got)
	}
}

func FuzzCandidates(f *testing.F) {
	for _, form := range pastedForms {
		f.Add(placeSecret(form, aKey))
	}
	f.Add(strings.Repeat("%", 100) + strings.Repeat("\\u00", 100) + strings.Repeat("eyJ", 100) + strings.Repeat("_=", 100))
	w := tokens.NewWrapping(pastedSettings())
	inWord := func(b byte) bool {
		return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b >= 0x80
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 2000 {
			return // the checks below take quadratic time
		}
		total := 0
		for _, c := range w.Candidates(line) {
			total += len(c)
			whole := false
			for at := 0; !whole; at++ {
				i := strings.Index(line[at:], c)
				if i < 0 {
					break
				}
				at += i
				end := at + len(c)
				before := at == 0 || !inWord(line[at-1]) || !inWord(c[0]) || escaped(line[:at])
				whole = before && (end == len(line) || !inWord(line[end]) || !inWord(c[len(c)-1]))
			}
			if !whole {
				t.Errorf("%q of %q is no whole word", c, line)
			}
		}
		if total > 8*len(line) {
			t.Errorf("%d bytes of candidates from %d", total, len(line))
		}
		tokens.Damage(line)
		if hidden := tokens.Hide(line); tokens.Holds(line, tokens.Anywhere) && hidden == line || tokens.Holds(hidden, tokens.Anywhere) {
			t.Errorf("%q is %q when it is hidden", line, hidden)
		}
	})
}

// escaped reports whether text ends in what is written for a mark.
func escaped(text string) bool {
	n := len(text)
	return n >= 3 && text[n-3] == '%' || n >= 2 && text[n-2] == '\\' || n >= 6 && text[n-6] == '\\' && text[n-5] == 'u'
}

// TestDamage: the length tells what is missing; the whole secrets, and other texts, are
// left alone.
func TestDamage(t *testing.T) {
	t.Parallel()
	hs := strings.LastIndexByte(aJWT, '.')
	for text, want := range map[string]string{
		aKey[1:]:                  "a drf key that lacks a character: it has 39 of 40",
		aKey + "0":                "a drf key with a character too many: it has 41, not 40",
		aKey[:36]:                 "a drf key that lacks 4 characters: it has 36 of 40",
		aKnox[:63]:                "a knox token that lacks a character: it has 63 of 64",
		aKnox + "ab":              "a knox token with 2 characters too many: it has 66, not 64",
		aSession[1:]:              "a session key that lacks a character: it has 31 of 32",
		aSession + "z":            "a session key with a character too many: it has 33, not 32",
		aJWT[:hs]:                 "a JWT that was cut off",
		aJWT[:30]:                 "a JWT that was cut off",
		aJWT[:len(aJWT)-1]:        "a JWT that was cut off: its signature is too short",
		aJWT[:len(aJWT)-2]:        "a JWT that was cut off: its signature is too short",
		aJWT[:hs+1]:               "a JWT that was cut off: its signature is too short",
		aJWT + "x":                "a JWT whose signature is too long: something else stands behind it",
		aJWT[2:]:                  "a JWT whose beginning is missing",
		aJWT[:20] + aJWT[21:]:     "a damaged JWT: it cannot be decoded",
		aJWT[:40] + "..." + "abc": "a JWT with something else behind it, or one that was cut short by points",
		aKey:                      "", aKnox: "", aSession: "", aJWT: "", "alice": "", "": "", "eyJ": "", "a.b.c": "", strings.ToUpper(aKey[1:]): "",
		"0b0c1d2e3f40415283647586a97b8c9d": "", // a UUID, or a jti
		"internationalization-of-it":       "", "thequickbrownfoxjumpsoverdogs": "",
	} {
		if got := tokens.Damage(text); got != want {
			t.Errorf("Damage(%q) is %q, want %q", text, got, want)
		}
	}
}

// TestHolds: a secret in any text, but not what only resembles one where it stands.
func TestHolds(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{aKey, aKnox, "acme" + aKnox, aJWT} {
		for _, form := range []string{"S", "x-S", "S-x", "xxS", "drf:S", "jwt:S", "session:S", "knox:S", "drf:7@S", "https://example.com/?k=S", "Token S", "-S", "--S", "--user=S", "a,S,b", "a@S", "S.csv"} {
			text := placeForm(form, secret)
			for _, where := range []tokens.Where{tokens.Anywhere, tokens.InName, tokens.InPath} {
				if !tokens.Holds(text, where) {
					t.Errorf("%q holds none (%d)", text, where)
				}
			}
			if hidden := tokens.Hide(text); strings.Contains(hidden, secret) || !strings.Contains(hidden, tokens.Hidden) {
				t.Errorf("%q is hidden as %q", text, hidden)
			}
		}
	}
	// A character more or less is not repeated either.
	for text, want := range map[string]string{"drf:" + aKey[1:]: "drf:[not repeated]", "no user " + aSession[1:]: "no user [not repeated]", "jwt:x" + aSession: "jwt:[not repeated]",
		aJWT[:40] + ", x": "[not repeated], x", "there is no jwt:0b0c1d2e3f40415283647586a97b8c9d": "there is no jwt:0b0c1d2e3f40415283647586a97b8c9d"} {
		if got := tokens.Hide(text); got != want {
			t.Errorf("Hide(%q) is %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string][3]bool{ // anywhere, in a name, in a path
		aKey + "/x":                            {true, true, false},
		"/srv/" + aKey + "/db":                 {true, true, false},
		"/srv/" + aKey:                         {true, true, false},
		aJWT + "/x":                            {true, true, true},
		aSession:                               {true, false, false},
		"session:" + aSession:                  {true, false, false},
		aSession + "/x":                        {true, false, false},
		"x_" + aSession + "@y":                 {true, false, false},
		"alice":                                {},
		"drf:7@1f0c3a55":                       {},
		"jwt:0b0c1d2e3f40415283647586a97b8c9d": {},
		"drf:0b0c1d2e-3f40-4152-8364-758697a8b9ca@1f0c3a55": {},
		"knox:" + aKnox + aKnox:                             {}, // a whole digest
		"eyJ.x":                                             {},
		strings.ToUpper(aSession):                           {},
	} {
		for i, where := range []tokens.Where{tokens.Anywhere, tokens.InName, tokens.InPath} {
			if got := tokens.Holds(text, where); got != want[i] {
				t.Errorf("Holds(%q, %d) is %t", text, where, got)
			}
		}
	}
}

func placeForm(form, secret string) string { return strings.Replace(form, "S", secret, 1) }
