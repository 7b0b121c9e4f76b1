package django

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

// The SECRET_KEY of djangotest's projects, and the first part of every HS256
// token that PyJWT (2.6.0, 2.10.1, 2.15.1) makes.
const (
	jwtSecretKey = "djangotest-secret-key-0123456789-abcdefghijklmnopqrst"
	jwtHeaderHS  = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
)

func testBackend(t testing.TB, s tokenctl.JWTSettings, simplejwt tokenctl.Version) *JWTBackend {
	t.Helper()
	keys, err := NewJWTKeys(s, nil, nil, tokenctl.NewSecret(jwtSecretKey))
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewJWTBackend(s, keys, simplejwt, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encodeJWT(t testing.TB, b *JWTBackend, claims JWTClaims) tokenctl.Secret {
	t.Helper()
	secret, err := b.Encode(claims)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// Every token of the databases that Django 4.2 and simplejwt 5.5.0 filled.
func TestJWTFixture(t *testing.T) {
	t.Parallel()
	var fixture struct {
		SecretKey string `json:"secret_key"`
		JWT       map[string]struct{ Refresh, Access, JTI string }
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		data, err := os.ReadFile("../db/dbtest/testdata/django42-" + engine + ".secrets.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &fixture); err != nil {
			t.Fatal(err)
		}
		keys, err := NewJWTKeys(tokenctl.JWTSettings{}, nil, nil, tokenctl.NewSecret(fixture.SecretKey))
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewJWTBackend(tokenctl.JWTSettings{}, keys, "5.5.0", "")
		if err != nil {
			t.Fatal(err)
		}
		other := testBackend(t, tokenctl.JWTSettings{}, "5.5.0")
		for name, pair := range fixture.JWT {
			now := time.Unix(1795310665, 0).Add(time.Hour)
			listed := func(jti string) (bool, error) { return jti == fixture.JWT["bob-blacklisted"].JTI, nil }
			token, err := b.Verify(tokenctl.NewSecret(pair.Refresh), JWTCheck{Now: now, Type: "refresh", Blacklisted: listed})
			var want error
			switch name {
			case "bob-blacklisted":
				want = &JWTError{Reason: JWTBlacklisted}
			case "alice-expired":
				want = &JWTError{Reason: JWTExpired}
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			unverified, err := DecodeUnverified(tokenctl.JWTSettings{}, pair.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			user := map[string]string{"alice": "1", "bob": "2", "carol": "3"}[strings.Split(name, "-")[0]]
			if unverified.JTI != pair.JTI || unverified.UserID != user || unverified.Type != "refresh" || now.Sub(unverified.IssuedAt).Truncate(time.Minute) != time.Hour {
				t.Errorf("%s: %+v", name, unverified)
			}
			if token != nil && encodeJWT(t, b, token.Claims).Reveal() != pair.Refresh {
				t.Errorf("%s: encodes to another text", name)
			}
			if _, err := other.Verify(tokenctl.NewSecret(pair.Refresh), JWTCheck{Now: now}); !errors.Is(err, &JWTError{Reason: JWTBadSignature}) {
				t.Errorf("%s with another key: %v", name, err)
			}
			if pair.Access == "" {
				continue
			}
			access, err := b.Verify(tokenctl.NewSecret(pair.Access), JWTCheck{Now: now, Type: "access", Blacklisted: listed})
			if err != nil {
				t.Errorf("%s access: %v", name, err)
			}
			if _, err := b.Verify(tokenctl.NewSecret(pair.Access), JWTCheck{Now: now, Type: "refresh"}); !errors.Is(err, &JWTError{Reason: JWTWrongType}) {
				t.Errorf("%s access as refresh: %v", name, err)
			}
			// The fixture's access lifetime is its refresh token's.
			made := b.AccessFromRefresh(unverified.Claims, access.IssuedAt, access.JTI)
			made = made.with("exp", access.Claims.Get("exp"))
			if encodeJWT(t, b, made).Reveal() != pair.Access {
				t.Errorf("%s: another access token comes of the refresh token", name)
			}
		}
	}
}

// Fractions of a second, which no test against the live clock can hold still.
func TestJWTInstants(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		when, err := time.Parse("15:04:05.999999", text)
		if err != nil {
			t.Fatal(err)
		}
		return when.AddDate(2026, 0, 0)
	}
	second := at("12:00:00").Unix()
	half, none := tokenctl.Seconds{Duration: 500 * time.Millisecond}, tokenctl.Seconds{}
	for _, test := range []struct {
		name      string
		simplejwt tokenctl.Version
		leeway    tokenctl.Seconds
		claims    string // % is 12:00:00
		now       string
		want      JWTReason
	}{
		{"the second before", "5.5.1", none, `"exp":%`, "11:59:59.999999", ""},
		{"the very second", "5.5.1", none, `"exp":%`, "12:00:00", JWTExpired},
		{"leeway, 5.5.1", "5.5.1", half, `"exp":%`, "12:00:00.499999", ""},
		{"leeway is over, 5.5.1", "5.5.1", half, `"exp":%`, "12:00:00.5", JWTExpired},
		{"leeway is over, 5.2", "5.2.2", half, `"exp":%`, "12:00:00.5", JWTExpiredClaim},
		{"a fraction to go", "5.5.1", none, `"exp":%.5`, "12:00:00.25", JWTExpired},
		{"a fraction to go, the second before", "5.5.1", none, `"exp":%.5`, "11:59:59.75", ""},
		{"issued now", "5.5.1", none, `"exp":9999999999,"iat":%`, "12:00:00", ""},
		{"issued later", "5.5.1", none, `"exp":9999999999,"iat":%`, "11:59:59.999999", JWTIssuedLater},
		{"issued in a fraction", "5.5.1", none, `"exp":9999999999,"iat":%.5`, "12:00:00.25", ""},
		{"issued in a fraction, 5.2", "5.2.2", none, `"exp":9999999999,"iat":%.5`, "12:00:00.75", JWTIssuedLater},
		{"not before", "5.5.1", half, `"exp":9999999999,"nbf":%`, "11:59:59.4", JWTNotYetValid},
		{"not before, leeway", "5.5.1", half, `"exp":9999999999,"nbf":%`, "11:59:59.5", ""},
	} {
		b := testBackend(t, tokenctl.JWTSettings{Leeway: &test.leeway}, test.simplejwt)
		text := `{"token_type":"access","jti":"x",` + strings.ReplaceAll(test.claims, "%", string(strconv.AppendInt(nil, second, 10))) + `}`
		claims, err := pyObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Verify(encodeJWT(t, b, claims), JWTCheck{Now: at(test.now), Type: "access"})
		var got JWTReason
		if refusal := (*JWTError)(nil); errors.As(err, &refusal) {
			got = refusal.Reason
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestJWTSlidingWindow(t *testing.T) {
	t.Parallel()
	b := testBackend(t, tokenctl.JWTSettings{}, "")
	now := time.Unix(1_800_000_000, 0)
	claims, err := b.NewSliding(JWTUser{ID: "1", Integer: true}, now, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	token := &JWT{Claims: claims}
	if err := b.CheckExpiry(token, "refresh_exp", now.Add(24*time.Hour-time.Microsecond)); err != nil {
		t.Error(err)
	}
	err = b.CheckExpiry(token, "refresh_exp", now.Add(24*time.Hour))
	if refusal := (*JWTError)(nil); !errors.As(err, &refusal) || refusal.Message("") != "Token 'refresh_exp' claim has expired" {
		t.Error(err)
	}
	token.Claims = token.Claims[:1]
	err = b.CheckExpiry(token, "refresh_exp", now)
	if refusal := (*JWTError)(nil); !errors.As(err, &refusal) || refusal.Message("") != "Token has no 'refresh_exp' claim" {
		t.Error(err)
	}
}

func TestJWTRefusesClaims(t *testing.T) {
	t.Parallel()
	b := testBackend(t, tokenctl.JWTSettings{CheckRevokeToken: true}, "")
	for _, name := range []string{"exp", "iat", "nbf", "aud", "iss", "jti", "user_id", "token_type", "hash_password"} {
		claim, err := NewJWTClaim(name, []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.NewRefresh(JWTUser{ID: "1"}, time.Now(), "x", []JWTClaim{claim}); tokenctl.CodeOf(err) != tokenctl.CodeInvalidValue {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewJWTClaim("x", []byte("acme")); tokenctl.CodeOf(err) != tokenctl.CodeInvalidValue {
		t.Errorf("a word is no JSON: %v", err)
	}
	// simplejwt issue 831.
	sub := tokenctl.JWTSettings{UserIDClaim: "sub"}
	for version, ok := range map[tokenctl.Version]bool{"5.2.2": true, "5.5.0": false, "5.5.1": true} {
		b := testBackend(t, sub, version)
		claims, err := b.NewRefresh(JWTUser{ID: "1", Integer: true}, time.Now(), "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Encode(claims); (err == nil) != ok {
			t.Errorf("a user's id in sub with simplejwt %s: %v", version, err)
		}
	}
}

func TestJWTDecodeUnverified(t *testing.T) {
	t.Parallel()
	decode := func(payload string) (*JWT, error) {
		return DecodeUnverified(tokenctl.JWTSettings{}, jwtHeaderHS+"."+encodeSegment(payload)+".AAAA")
	}
	token, err := decode(`{"user_id":2.0,"exp":1e9,"iat":"x","jti":"j","token_type":"access","n":NaN,"l":[-Infinity,"NaN\"Infinity",1]}`)
	if err != nil {
		t.Fatal(err)
	}
	if token.UserID != "2" || token.Expires.Unix() != 1e9 || !token.IssuedAt.IsZero() || token.JTI != "j" || token.Type != "access" {
		t.Errorf("%+v", token)
	}
	text, err := json.Marshal(token.Claims)
	if want := `{"user_id":2.0,"exp":1000000000.0,"iat":"x","jti":"j","token_type":"access","n":null,"l":[null,"NaN\"Infinity",1]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	for value, want := range map[string]string{`"007"`: "007", "7": "7", "true": "1", "null": "", "[7]": "", "12345678901234567890": "12345678901234567890", "-7.9": "-7"} {
		if token, err := decode(`{"user_id":` + value + `}`); err != nil || token.UserID != want {
			t.Errorf("user_id %s: %+v, %v", value, token, err)
		}
	}
	for name, text := range map[string]string{
		"four parts": jwtHeaderHS + ".e30.AAAA.AAAA", "two": jwtHeaderHS + ".e30", "blank": "", "junk": jwtHeaderHS + ".e30.A!AA", "line end": jwtHeaderHS + ".e30.AAAA\n",
		"long": jwtHeaderHS + "." + strings.Repeat("A", maxJWT) + ".AAAA", "deep": jwtHeaderHS + "." + encodeSegment(`{"a":`+strings.Repeat("[", 40000)) + ".AAAA",
	} {
		if _, err := DecodeUnverified(tokenctl.JWTSettings{}, text); !errors.Is(err, &JWTError{Reason: JWTMalformed}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPasswordClaim(t *testing.T) {
	t.Parallel()
	if got := PasswordClaim("pbkdf2_sha256$260000$abc$def"); got != "11B127D58380EB313318373578BD93A2" {
		t.Error(got)
	}
}

func TestNewJTI(t *testing.T) {
	t.Parallel()
	jti, err := NewJTI(strings.NewReader(strings.Repeat("\xff", 16)))
	if err != nil || jti != "ffffffffffff4fffbfffffffffffffff" {
		t.Errorf("%q, %v", jti, err)
	}
	if _, err := NewJTI(strings.NewReader("short")); err == nil {
		t.Error("too little randomness is enough")
	}
}

func TestVersionAtLeast(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		v, other tokenctl.Version
		want     bool
	}{
		{"5.2", "5.2.0", true}, {"5.2.0", "5.2", true}, {"5.5", "5.5.1", false}, {"5.5.1", "5.5", true}, {"5.10", "5.9", true}, {"4.8", "5.0.0", false},
		{"5.5.1.post2", "5.5.1", true}, {"5.5.1.post2", "5.5.2", false}, {"6.1rc1", "6.1", true}, {"", "99", true}, {"x", "1", false},
	} {
		if got := test.v.AtLeast(test.other); got != test.want {
			t.Errorf("%q at least %q: %v", test.v, test.other, got)
		}
	}
}

// TestJWTSigned has tokens with the header that the backend writes, and others.
func TestJWTSigned(t *testing.T) {
	t.Parallel()
	b := testBackend(t, tokenctl.JWTSettings{}, "")
	good := encodeJWT(t, b, JWTClaims{{Name: "jti", Value: json.RawMessage(`"1"`)}}).Reveal()
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	other := []byte(parts[2])
	other[0] ^= 1
	// PyJWT before 2.6.0 wrote typ first.
	old := encode([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + parts[1]
	mac := hmac.New(sha256.New, []byte(jwtSecretKey))
	mac.Write([]byte(old))
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"good":             {good, true},
		"old header":       {old + "." + encode(mac.Sum(nil)), true},
		"old, not signed":  {old + "." + parts[2], false},
		"other payload":    {parts[0] + "." + encode([]byte(`{"jti":"2"}`)) + "." + parts[2], false},
		"other signature":  {parts[0] + "." + parts[1] + "." + string(other), false},
		"cut signature":    {good[:len(good)-1], false},
		"no signature":     {parts[0] + "." + parts[1] + ".", false},
		"header only":      {parts[0] + ".", false},
		"header, no point": {parts[0], false},
		"two parts":        {parts[0] + "." + parts[1], false},
		"alg none":         {encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2], false},
		"bad base64":       {good + "!", false},
		"too long":         {parts[0] + "." + strings.Repeat("A", maxJWT) + "." + parts[2], false},
		"nothing":          {"", false},
	} {
		if got := b.Signed(tokenctl.NewSecret(test.text)); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
