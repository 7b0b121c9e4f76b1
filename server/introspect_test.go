package server_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/django"
	"tokenctl/server"
)

const formType = "application/x-www-form-urlencoded"

func (b *bench) introspect(token string, more ...string) *httptest.ResponseRecorder {
	headers := append([]string{"Authorization: Token " + b.secrets.DRF["bob"]}, more...)
	return b.do(http.MethodPost, "/introspect", formType, url.Values{"token": {token}}.Encode(), headers...)
}

func basicAuth(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

var credentialID = regexp.MustCompile(`"id":"(\w+:)[^"]+"`)

// TestIntrospect: what is said of each kind, in the order of RFC 7662, section 2.2.
func TestIntrospect(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", nil)
		s := b.secrets
		b.rows("update authtoken_token set created = '2026-11-22 01:00:00'")
		b.rows("update knox_authtoken set created = '2026-11-22 01:00:00'")
		b.rows("update knox_authtoken set expiry = '2035-12-05 00:00:00' where user_id = 1")
		live := b.introspect(s.JWT["alice-live"].Refresh).Body.String()
		for _, c := range []struct{ name, token, want string }{
			{"drf", s.DRF["alice"], `{"active":true,"username":"alice","token_type":"Token","iat":1795309200,"sub":"1","kind":"drf","id":"drf:ID"}`},
			{"knox", s.Knox["alice-1"], `{"active":true,"username":"alice","token_type":"Token","exp":2080425600,"iat":1795309200,"sub":"1","kind":"knox","id":"knox:ID"}`},
			{"knox without expiry", s.Knox["bob-never"], `{"active":true,"username":"bob","token_type":"Token","iat":1795309200,"sub":"2","kind":"knox","id":"knox:ID"}`},
			{"session", s.Sessions["alice-web"], `{"active":true,"username":"alice","exp":2082801600,"sub":"1","kind":"session","id":"session:ID"}`},
			{"access", b.token("access", `name="Zoë"`), `{"active":true,"username":"alice","token_type":"Bearer","exp":1795349100,"iat":1795348800,"sub":"1","jti":"JTI","kind":"jwt","id":"jwt:ID","type":"access","user_id":"1","name":"Zoë"}`},
			{"sliding", b.token("sliding"), `{"active":true,"username":"alice","token_type":"Bearer","exp":1795349100,"iat":1795348800,"sub":"1","jti":"JTI","kind":"jwt","id":"jwt:ID","type":"sliding","refresh_exp":1795435200,"user_id":"1"}`},
			{"refresh", b.token("refresh"), `{"active":true,"username":"alice","exp":1795435200,"iat":1795348800,"sub":"1","jti":"JTI","kind":"jwt","id":"jwt:ID","type":"refresh","user_id":"1"}`},
			{"claims that are ours", b.token("access", `active=false`, `username="root"`, `kind="drf"`, `sub="other"`),
				`{"active":true,"username":"alice","token_type":"Bearer","exp":1795349100,"iat":1795348800,"sub":"other","jti":"JTI","kind":"jwt","id":"jwt:ID","type":"access","user_id":"1"}`},
		} {
			w := b.introspect(c.token)
			got := credentialID.ReplaceAllString(w.Body.String(), `"id":"${1}ID"`)
			want := c.want
			if strings.Contains(c.token, ".") {
				want = strings.ReplaceAll(want, "JTI", b.jti(c.token))
			}
			if w.Code != http.StatusOK || got != want {
				t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s: headers %v", c.name, w.Header())
			}
		}
		if !strings.Contains(live, `"active":true`) {
			t.Errorf("a token of Django's: %s", live)
		}
	})
}

// TestIntrospectInactive: of what does not let in, nothing is said but that.
func TestIntrospectInactive(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", nil)
		s := b.secrets
		forged := b.token("access")
		forged = forged[:len(forged)-4] + "AAAA"
		late := b.token("access")
		gone := b.token("refresh")
		if w := b.json("/api/token/blacklist/", `{"refresh":"`+gone+`"}`); w.Code != http.StatusOK {
			t.Fatal(said(w))
		}
		for name, token := range map[string]string{
			"unknown": "nobody's", "unknown key": strings.Repeat("0", 40), "unknown knox": strings.Repeat("0", 64), "unknown session": strings.Repeat("z", 32),
			"NUL": "a\x00b", "not UTF-8": "\xff", "long": strings.Repeat("x", 100_000), "quote": "'; select 1 --",
			"drf of an inactive user": s.DRF["carol"], "knox of an inactive user": s.Knox["carol"], "session of an inactive user": s.Sessions["carol"],
			"jwt of an inactive user": s.JWT["carol-inactive"].Refresh, "expired knox": s.Knox["zoë-expired"], "expired session": s.Sessions["alice-expired"],
			"expired jwt": s.JWT["alice-expired"].Refresh, "blacklisted": s.JWT["bob-blacklisted"].Refresh, "blacklisted here": gone,
			"anonymous session": s.Sessions["anonymous"], "forged": forged, "upper case": strings.ToUpper(s.DRF["alice"]), "a part": s.Knox["alice-1"][:15],
		} {
			if w := b.introspect(token); said(w) != `200 {"active":false}` {
				t.Errorf("%s: %s", name, said(w))
			}
		}
		if w := b.introspect(late); !strings.Contains(w.Body.String(), `"active":true`) {
			t.Fatalf("not expired yet: %s", said(w))
		}
		b.now = b.now.AddDate(0, 0, 1)
		if w := b.introspect(late); said(w) != `200 {"active":false}` {
			t.Errorf("expired: %s", said(w))
		}
	})
}

// TestIntrospectHint: the hint decides where one secret is two credentials, and is
// no more than a hint.
func TestIntrospectHint(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", nil)
		key := b.secrets.DRF["alice"]
		row, err := django.KnoxText.Row(tokenctl.KnoxSettings{}, tokenctl.NewSecret(key), "")
		if err != nil {
			t.Fatal(err)
		}
		b.rows(fmt.Sprintf("insert into knox_authtoken (digest, token_key, created, user_id, expiry) values ('%s', '%s', '2026-11-22 01:00:00', 1, null)", row.Digest, row.TokenKey))
		for hint, kind := range map[string]string{"": "drf", "knox": "knox", "drf": "drf", "jwt": "drf", "access_token": "drf", "refresh_token": "drf", "nonsense": "drf"} {
			w := b.do(http.MethodPost, "/introspect", formType, url.Values{"token": {key}, "token_type_hint": {hint}}.Encode(), "Authorization: Token "+b.secrets.DRF["bob"])
			if !strings.Contains(w.Body.String(), `"kind":"`+kind+`"`) {
				t.Errorf("hint %q: %s", hint, said(w))
			}
		}
	})
}

// TestIntrospectCallers: who may ask, and how they may say who they are.
func TestIntrospectCallers(t *testing.T) {
	t.Parallel()
	const id, secret = "gateway", "s3cret: 100% + ☃"
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", func(b *bench) {
			b.config.Clients = []server.Client{{ID: "other", Secret: tokenctl.NewSecret("x")}, {ID: id, Secret: tokenctl.NewSecret(secret)}}
		})
		s := b.secrets
		ask := func(headers ...string) *httptest.ResponseRecorder {
			return b.do(http.MethodPost, "/introspect", formType, "token="+s.DRF["zoë"], headers...)
		}
		pair := b.json("/api/token/", `{"username":"bob","password":"bob's staff pass 42"}`).Body.String()
		_, access, _ := strings.Cut(pair, `"access":"`)
		for name, header := range map[string]string{
			"token": "Authorization: Token " + s.DRF["bob"], "knox": "Authorization: Token " + s.Knox["bob-never"], "basic": basicAuth("bob", "bob's staff pass 42"),
			"jwt": "Authorization: Bearer " + strings.TrimSuffix(access, `"}`), "client": basicAuth(id, secret),
			"encoded client": basicAuth(url.QueryEscape(id), url.QueryEscape(secret)), "other client": basicAuth("other", "x"),
		} {
			if w := ask(header); !strings.HasPrefix(said(w), `200 {"active":true,"username":"zoë"`) {
				t.Errorf("%s: %s", name, said(w))
			}
		}
		csrf := strings.Repeat("a", 32)
		session := "Cookie: sessionid=" + s.Sessions["bob-web"] + "; csrftoken=" + csrf
		if w := ask(session, "X-Csrftoken: "+csrf); w.Code != http.StatusOK {
			t.Errorf("session: %s", said(w))
		}
		for name, headers := range map[string][]string{
			"nobody": nil, "no staff": {"Authorization: Token " + s.DRF["alice"]}, "inactive": {"Authorization: Token " + s.DRF["carol"]},
			"wrong key": {"Authorization: Token x"}, "wrong password": {basicAuth("bob", "x")}, "wrong client secret": {basicAuth(id, "x")},
			"other client's secret": {basicAuth(id, "x")}, "empty client": {basicAuth("", "")}, "session without CSRF": {session},
			"no staff's knox": {"Authorization: Token " + s.Knox["alice-1"]}, "refresh token": {"Authorization: Bearer " + s.JWT["bob-live"].Refresh},
		} {
			w := ask(headers...)
			if w.Code != http.StatusUnauthorized || !slices.Equal(challenges(w), []string{`Basic realm="api"`}) || !strings.HasPrefix(w.Body.String(), `{"error":"invalid_client"`) ||
				w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s %v", name, said(w), w.Header())
			}
		}
	})
}

// TestIntrospectForm: what is no right request.
func TestIntrospectForm(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", "", nil)
	staff := "Authorization: Token " + b.secrets.DRF["bob"]
	for name, c := range map[string]struct{ contentType, body string }{
		"nothing": {formType, ""}, "no token": {formType, "token_type_hint=drf"}, "empty": {formType, "token="}, "JSON": {"application/json", `{"token":"x"}`}, "no type": {"", "token=x"},
	} {
		w := b.do(http.MethodPost, "/introspect", c.contentType, c.body, staff)
		if w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), `{"error":"invalid_request"`) {
			t.Errorf("%s: %s", name, said(w))
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "HEAD"} {
		if w := b.do(method, "/introspect?token=x", "", "", staff); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: %s %v", method, said(w), w.Header())
		}
	}
	// It is no JSON view: whatever a client accepts, it gets the one answer.
	if w := b.introspect("x", "Accept: application/token-introspection+jwt"); said(w) != `200 {"active":false}` {
		t.Errorf("Accept: %s", said(w))
	}
	r := httptest.NewRequest(http.MethodPost, "/introspect", nil)
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") == "application/json" {
		t.Errorf("another host: %s", said(w))
	}
}
