package django

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

func encodeSegment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

var jwtSeeds = []string{
	`{"token_type":"access","exp":9999999999,"iat":1,"jti":"x","user_id":1}`,
	`{"exp":"1_0","iat":1e400,"nbf":NaN,"aud":["a",{}],"sub":null}`,
	`{"a":1,"a":-0,"b":[1.5e-7,-Infinity,"\ud83d\ude00\ud800ä\u007f"],"":{"":{}}}`,
	"\ufeff{\"a\":\"\xed\xa0\x80\"} ", `[]`, ``, `{"a":01}`, "{\"a\":\"\xff\"}",
}

func FuzzDecodeUnverified(f *testing.F) {
	for _, payload := range jwtSeeds {
		f.Add(jwtHeaderHS + "." + encodeSegment(payload) + ".AAAA")
	}
	f.Add("e30=.e30=.")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := DecodeUnverified(tokenctl.JWTSettings{}, text)
		if err != nil {
			if !errors.Is(err, &JWTError{Reason: JWTMalformed}) {
				t.Fatal(err)
			}
			return
		}
		checkClaimsText(t, token.Claims)
	})
}

// checkClaimsText: what was read encodes to JSON, and to itself when it is read
// again.
func checkClaimsText(t *testing.T, claims JWTClaims) {
	t.Helper()
	text := claims.appendJSON(nil)
	again, err := pyObject(text)
	if err != nil {
		t.Fatalf("%q: not read again: %v", text, err)
	}
	if string(again.appendJSON(nil)) != string(text) {
		t.Fatalf("%q is read again as %q", text, again.appendJSON(nil))
	}
	shown, err := json.Marshal(claims)
	if err != nil || !json.Valid(shown) {
		t.Fatalf("%q: shown as %q, %v", text, shown, err)
	}
}

// What Python 3.11 makes of these.
func TestPyCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a": {"b": {"c": [{"d": 1}]}}, "b" : 2}`: `{"a":{"b":{"c":[{"d":1}]}},"b":2}`,
		`{"a":1,"b":2,"\u0061":3}`:                 `{"a":3,"b":2}`,
		`[{"a":1,"b":{"a":[1]},"a":{"b":1,"b":{}},"a":{"c":1,"d":[{"e":1,"e":2}],"c":3}},{"a":1,"a":2}]`: `[{"a":{"c":3,"d":[{"e":2}]},"b":{"a":[1]}},{"a":2}]`,
		`[1e5, 1.10, -0, -0.0, 1e16, 1e-5, 0.0001, 1E400]`:                                               `[100000.0,1.1,0,-0.0,1e+16,1e-05,0.0001,Infinity]`,
		`"ä\/<>&\u007f😀\ud83d\ude00\ud800x\b\f\n\r\t\"\\"`:                                               `"\u00e4/<>&\u007f\ud83d\ude00\ud83d\ude00\ud800x\b\f\n\r\t\"\\"`,
		"123456789012345678901234567890":                                                                 "123456789012345678901234567890",
	} {
		if got, err := pyCanonical([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
	many := strings.Repeat(`"k":0,`, 3)
	for i := range 100 {
		many += fmt.Sprintf(`"%d":%d,`, i, i)
	}
	object, err := pyObject([]byte("{" + many + `"7":"again"}`))
	if err != nil || len(object) != 101 || string(object.Get("7")) != `"again"` || object[8].Name != "7" {
		t.Errorf("%d members, %v", len(object), err)
	}
	nested, err := pyCanonical([]byte("[{" + many + `"7":"again"}]`))
	if want := "[" + string(object.appendJSON(nil)) + "]"; err != nil || string(nested) != want {
		t.Errorf("%s, %v, want %s", nested, err, want)
	}
}

// What Python 3.11 says to these, with DRF's strict_constant.
func TestPythonJSONErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                        "Expecting value: line 1 column 1 (char 0)",
		"{\n \"é\": x}":           "Expecting value: line 2 column 7 (char 8)",
		`{"a":1,}`:                "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
		`{"a" 1}`:                 "Expecting ':' delimiter: line 1 column 6 (char 5)",
		`[1 2]`:                   "Expecting ',' delimiter: line 1 column 4 (char 3)",
		`01`:                      "Extra data: line 1 column 2 (char 1)",
		`["a`:                     "Unterminated string starting at: line 1 column 2 (char 1)",
		"\"\t\"":                  "Invalid control character at: line 1 column 2 (char 1)",
		`"\x"`:                    `Invalid \escape: line 1 column 2 (char 1)`,
		`"\u12"`:                  `Invalid \uXXXX escape: line 1 column 3 (char 2)`,
		"\ufeff{}":                "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
		`[-Infinity]`:             "Out of range float values are not JSON compliant: '-Infinity'",
		strings.Repeat("1", 4301): "Exceeds the limit (4300 digits) for integer string conversion: value has 4301 digits; use sys.set_int_max_str_digits() to increase the limit",
	} {
		_, err := PythonJSON([]byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", in, err, want)
		}
	}
	if _, err := PythonJSON([]byte(strings.Repeat("[", 100_000))); !errors.Is(err, ErrPythonDepth) {
		t.Errorf("nested: %v", err)
	}
}

// FuzzVerify signs any payload, as only who has the key can.
func FuzzVerify(f *testing.F) {
	for _, payload := range jwtSeeds {
		f.Add(payload)
	}
	var backends []*JWTBackend
	for _, version := range []tokenctl.Version{"5.2.2", "5.5.0", "5.5.1"} {
		backends = append(backends, testBackend(f, tokenctl.JWTSettings{}, version), testBackend(f, tokenctl.JWTSettings{Audience: "a", Issuer: "b"}, version))
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for _, b := range backends {
			signed := b.head + "." + encodeSegment(payload)
			signature, err := b.keys.get().method.Sign(signed, b.keys.get().signing)
			if err != nil {
				t.Fatal(err)
			}
			secret := tokenctl.NewSecret(signed + "." + encodeSegment(string(signature)))
			token, err := b.Verify(secret, JWTCheck{Now: time.Unix(1_800_000_000, 0), Type: "refresh",
				Blacklisted: func(string) (bool, error) { return false, nil }})
			if refusal := (*JWTError)(nil); err != nil && !errors.As(err, &refusal) {
				t.Fatal(err)
			} else if err != nil && refusal.Reason == JWTBadSignature {
				t.Fatal("the signature is right")
			}
			if token != nil {
				checkClaimsText(t, token.Claims)
			}
		}
	})
}

func benchmarkSign(b *testing.B, s tokenctl.JWTSettings, key any) {
	var signing []byte
	if key != nil {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			b.Fatal(err)
		}
		signing = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	keys, err := NewJWTKeys(s, signing, nil, tokenctl.NewSecret(jwtSecretKey))
	if err != nil {
		b.Fatal(err)
	}
	backend, err := NewJWTBackend(s, keys, "", "")
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		claims, err := backend.NewRefresh(JWTUser{ID: "1", Integer: true}, now, "0123456789abcdef0123456789abcdef", nil)
		if err != nil {
			b.Fatal(err)
		}
		encodeJWT(b, backend, claims)
	}
}

func BenchmarkJWTSignHS256(b *testing.B) { benchmarkSign(b, tokenctl.JWTSettings{}, nil) }

func BenchmarkJWTSignRS256(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkSign(b, tokenctl.JWTSettings{Algorithm: "RS256"}, key)
}

func BenchmarkJWTSignES256(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkSign(b, tokenctl.JWTSettings{Algorithm: "ES256"}, key)
}

func BenchmarkJWTDecodeUnverified(b *testing.B) {
	text := jwtHeaderHS + "." + encodeSegment(jwtSeeds[0]) + ".AAAA"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeUnverified(tokenctl.JWTSettings{}, text); err != nil {
			b.Fatal(err)
		}
	}
}
