package django

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

// Rows of the fixture database, which Django 4.2.28 wrote: alice's session and one of nobody.
const (
	fixtureKey       = "ref-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz"
	fixtureAlice     = ".eJxVjM0KwyAQhN_Fs4gaMZpj732CUMK6u9a0JYH8nErfvQZyaJnbfN_MWwywb2XYV16GkUQnjJC_XQJ88nQAesB0nxXO07aMSR2KOumqrjPx63K6fwcF1lLXkTA40hRSYnLOB8fBtI3VmltNR2JGbzNWGD34DNHm1njEmAM1XE8Rlk10vZFWNrfPF16fPHA:1xUwJd:uP1ciuSVkGFh3y0Yi5qYoa1BZ-tnr3Ej0JVvrGyIQfg"
	fixtureAnonymous = "eyJ0aGVtZSI6ImRhcmsifQ:1xUwJd:S_Ja1CV--cvkpBiD1Yp40P3RmgXB3rM5xKSR0d-h_Eo"
	alicesPassword   = "pbkdf2_sha256$600000$00xua48llhaSALpfhC0eSP$NXug9UgdVhkRk3n0++q22Pq53AUuR61N0H/sgUOtUeQ="
)

func TestDecodeSession(t *testing.T) {
	t.Parallel()
	s, err := DecodeSession(fixtureAlice)
	if err != nil {
		t.Fatal(err)
	}
	if s.UserID != "1" || s.Backend != "django.contrib.auth.backends.ModelBackend" || s.Legacy || s.Expiry.Set ||
		!s.Signed.Equal(time.Date(2026, 11, 22, 1, 24, 25, 0, time.UTC)) {
		t.Errorf("alice's session: %+v", s)
	}
	keys := SecretKeys{tokenctl.NewSecret(fixtureKey)}
	if m := NewSessionKeys(keys).MatchAuthHash(s.AuthHash, alicesPassword); !m.OK || m.SHA1 {
		t.Errorf("alice's auth hash: %+v", m)
	}
	if m := VerifySession(fixtureAlice, keys); m != (KeyMatch{OK: true}) {
		t.Errorf("alice's signature: %+v", m)
	}
	if m := VerifySession(fixtureAlice, SecretKeys{tokenctl.NewSecret("other"), tokenctl.NewSecret(fixtureKey)}); m != (KeyMatch{OK: true, Index: 1}) {
		t.Errorf("with a fallback: %+v", m)
	}
	if m := VerifySession(fixtureAlice, SecretKeys{tokenctl.NewSecret("other")}); m.OK {
		t.Errorf("with another key: %+v", m)
	}
	s, err = DecodeSession(fixtureAnonymous)
	if err != nil || s.UserID != "" || len(s.Items) != 1 || s.Items[0].Name != "theme" || string(s.Items[0].Value) != `"dark"` {
		t.Errorf("nobody's session: %+v, %v", s, err)
	}
}

// What Django wrote comes out again to the byte when it is signed at the same second.
func TestEncodeSession(t *testing.T) {
	t.Parallel()
	s, err := DecodeSession(fixtureAnonymous)
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncodeSession(s.Items, tokenctl.NewSecret(fixtureKey), s.Signed)
	if err != nil || again != fixtureAnonymous {
		t.Errorf("%s, %v, want %s", again, err, fixtureAnonymous)
	}
	s, err = DecodeSession(fixtureAlice)
	if err != nil {
		t.Fatal(err)
	}
	items := append(LoginSession("1", "", SessionAuthHash(tokenctl.NewSecret(fixtureKey), alicesPassword)), SessionItem{"cart", []byte("[1, 2, 3]")})
	minted, err := EncodeSession(items, tokenctl.NewSecret(fixtureKey), s.Signed)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeSession(minted)
	if err != nil || !sameItems(back.Items, s.Items) || !VerifySession(minted, SecretKeys{tokenctl.NewSecret(fixtureKey)}).OK {
		t.Errorf("minted %+v (%v), Django wrote %+v", back, err, s)
	}
	for _, bad := range []string{"", "{", "'a'", "1 2", "nul", "\"\x01\""} {
		if text, err := EncodeSession([]SessionItem{{"name", json.RawMessage(bad)}}, tokenctl.NewSecret("key"), time.Now()); err == nil {
			t.Errorf("%q becomes %s", bad, text)
		}
	}
	if _, err := EncodeSession(nil, tokenctl.Secret{}, time.Now()); err == nil {
		t.Error("signed without a key")
	}
}

func TestDecodeSessionRefuses(t *testing.T) {
	t.Parallel()
	signed := func(payload string) string { return encodePayload([]byte(payload)) + ":1xUwJd:x" }
	legacy := func(payload string) string { return base64.StdEncoding.EncodeToString([]byte("hash:" + payload)) }
	for name, test := range map[string]struct {
		data string
		want error
	}{
		"empty":          {"", ErrSessionCorrupt},
		"no_json":        {signed("what"), ErrSessionCorrupt},
		"no_object":      {signed(`["_auth_user_id"]`), ErrSessionCorrupt},
		"more_behind":    {signed(`{} {}`), ErrSessionCorrupt},
		"unfinished":     {signed(`{"a":1`), ErrSessionCorrupt},
		"one_colon":      {"eyJ0aGVtZSI6ImRhcmsifQ:x", ErrSessionCorrupt},
		"bad_time":       {"eyJ0aGVtZSI6ImRhcmsifQ:_:x", ErrSessionCorrupt},
		"bad_base64":     {"a+/b:1xUwJd:x", ErrSessionCorrupt},
		"not_zlib":       {".eyJ0aGVtZSI6ImRhcmsifQ:1xUwJd:x", ErrSessionCorrupt},
		"deep":           {signed(`{"a":` + strings.Repeat("[", 100_000)), ErrSessionCorrupt},
		"bomb":           {signed(`{"a":"` + strings.Repeat("a", 3<<20) + `"}`), ErrSessionTooLarge},
		"long":           {strings.Repeat("A", 3<<20) + ":1xUwJd:x", ErrSessionTooLarge},
		"pickle":         {signed("\x80\x05}\x94."), ErrSessionPickled},
		"legacy_pickle":  {legacy("\x80\x02}."), ErrSessionPickled},
		"legacy_no_json": {legacy("what"), ErrSessionCorrupt},
		"legacy_no_hash": {base64.StdEncoding.EncodeToString([]byte("{}")), ErrSessionCorrupt},
		"legacy_long":    {strings.Repeat("A", 3<<20), ErrSessionTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := DecodeSession(test.data); !errors.Is(err, test.want) || s != nil {
				t.Errorf("DecodeSession: %v, %v, want %v", s, err, test.want)
			}
			if _, err := ReadSessionLogin(test.data); !errors.Is(err, test.want) {
				t.Errorf("ReadSessionLogin: %v, want %v", err, test.want)
			}
		})
	}
}

func TestReadSessionLogin(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 100_000)
	for payload, want := range map[string]string{
		`{}`:                                       "",
		`{"_auth_user_id":"1"}`:                    "1",
		` { "a" : [ ] , "_auth_user_id" : 42 } `:   "42",
		`{"_auth_user_id":null}`:                   "",
		`{"_auth_user_id":"1","_auth_user_id":2}`:  "2",
		`{"\u005fauth_user_id":"1"}`:               "1",
		`{"_auth_user_id":"z\u00f6\ud83d\ude00"}`:  "zö😀",
		"{\"_auth_user_id\":\"z\xf6\"}":            "zö", // Latin-1
		`{"a":{"_auth_user_id":"7"}}`:              "",
		`{"a":"\",\"_auth_user_id\":\"7\""}`:       "",
		`{"a":"` + big + `","_auth_user_id":"3"}`:  "3",
		`{"a":[NaN,-Infinity],"_auth_user_id":""}`: "",
		`{"_auth_user_id":"0d6f4b4e-8f4b-4b3e-9a55-000000000001","a":"` + big + `"}`: "0d6f4b4e-8f4b-4b3e-9a55-000000000001",
	} {
		for _, data := range []string{
			b64Encode([]byte(payload)) + ":1xUwJd:x",
			encodePayload([]byte(payload)) + ":1xUwJd:x",
			base64.StdEncoding.EncodeToString([]byte("hash:" + payload)),
		} {
			if login, err := ReadSessionLogin(data); err != nil || login.UserID != want {
				t.Errorf("%.60s: ReadSessionLogin %+v, %v, want %q", payload, login, err, want)
			}
			if s, err := DecodeSession(data); err != nil || s.UserID != want {
				t.Errorf("%.60s: DecodeSession %+v, %v, want %q", payload, s, err, want)
			}
		}
	}
}

func FuzzDecodeSession(f *testing.F) {
	for _, seed := range []string{fixtureAlice, fixtureAnonymous, "", "::", ".:0:", "e30:0:", "eDp7fQ",
		b64Encode([]byte(`{"_session_expiry":1e400,"a":"\ud800"}`)) + ":0:x", b64Encode([]byte(`{"_session_expiry":"x"}`)) + ":0:x",
		b64Encode([]byte(`{"a":[{"_auth_user_id":1}],"_auth_user_id":"2"}`)) + ":0:x", "OnsiX2F1dGhfdXNlcl9pZCI6IjEifQ=="} {
		f.Add(seed)
	}
	keys := SecretKeys{tokenctl.NewSecret(fixtureKey)}
	f.Fuzz(func(t *testing.T, data string) {
		login, fast := ReadSessionLogin(data)
		VerifySession(data, keys)
		s, err := DecodeSession(data)
		if (err == nil) != (fast == nil) {
			t.Errorf("ReadSessionLogin: %v; DecodeSession: %v", fast, err)
		}
		if err != nil {
			return
		}
		s.Expiry.ExpireDate(time.Unix(0, 0), tokenctl.SessionSettings{})
		for name, pair := range map[string][2]string{sessionUserID: {login.UserID, s.UserID}, sessionBackend: {login.Backend, s.Backend}, sessionAuthHash: {login.AuthHash, s.AuthHash}} {
			if pair[0] != pair[1] {
				t.Errorf("%s: ReadSessionLogin %q, DecodeSession %q", name, pair[0], pair[1])
			}
		}
		again, err := EncodeSession(s.Items, keys[0], time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeSession(again)
		if err != nil || !sameItems(back.Items, s.Items) {
			t.Errorf("%+v comes back as %+v (%v)", s.Items, back, err)
		}
	})
}

func sameItems(a, b []SessionItem) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || !bytes.Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

func BenchmarkReadSessionLogin(b *testing.B) {
	items := LoginSession("123456", "", SessionAuthHash(tokenctl.NewSecret("key"), "password"))
	compressed, err := EncodeSession(items, tokenctl.NewSecret("key"), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	value, _, _ := splitSigned(compressed)
	payload, err := unpacked(value)
	if err != nil || value[0] != '.' {
		b.Fatal(err)
	}
	plain := sessionSigner.sign(tokenctl.NewSecret("key"), b64Encode(payload), time.Now())
	legacy := base64.StdEncoding.EncodeToString(append([]byte(strings.Repeat("0", 40)+":"), payload...))
	for name, data := range map[string]string{"plain": plain, "compressed": compressed, "legacy": legacy} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if login, err := ReadSessionLogin(data); err != nil || login.UserID != "123456" {
					b.Fatal(login, err)
				}
			}
		})
		b.Run(name+"/DecodeSession", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeSession(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("EncodeSession", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := EncodeSession(items, tokenctl.NewSecret("key"), time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
