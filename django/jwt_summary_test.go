package django

import (
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"tokenctl"
)

// compareSummary compares the summary of a token with the whole decoded token.
func compareSummary(t *testing.T, s tokenctl.JWTSettings, text string) {
	t.Helper()
	whole, err := DecodeUnverified(s, text)
	var want JWTSummary
	if err == nil {
		want = JWTSummary{whole.Type, whole.IssuedAt, whole.RefreshExpires, CustomClaims(s, whole.Claims) != nil}
	}
	got, failed := SummarizeUnverified(s, text)
	if got != want || (err == nil) != (failed == nil) {
		t.Fatalf("%q: %+v, %v; DecodeUnverified: %+v, %v", text, got, failed, want, err)
	}
	if failed != nil && !errors.Is(failed, &JWTError{Reason: JWTMalformed}) {
		t.Fatal(failed)
	}
}

// summarySettings have claims of usual names, of unusual ones and all of one name.
var summarySettings = []tokenctl.JWTSettings{{}, {TokenTypeClaim: "typ", SlidingTokenRefreshExpClaim: "r"}, {TokenTypeClaim: "iat", SlidingTokenRefreshExpClaim: "iat"},
	{TokenTypeClaim: "\u00e4", SlidingTokenRefreshExpClaim: `a"b`}}

var summaryPayloads = append([]string{
	`{"token_type":"refresh","exp":1795310665,"iat":1795310660,"jti":"0123456789abcdef0123456789abcdef","user_id":"1"}`,
	`{"token_type":"sliding","refresh_exp":1795310665.5,"iat":-1,"jti":"x","user_id":1}`,
	` {"token_type" : "access" , "iat" : 1 , "iat":true, "refresh_exp":"1","refresh_exp":0}`,
	`{"token_type":7,"iat":253402300799,"refresh_exp":253402300800}`, `{"token_type":"","iat":99999999999999999999999,"refresh_exp":1e9}`,
	`{"token_type":{"iat":5},"x":{"iat":6,"token_type":"y"},"refresh_exp":[1]}`, `{"token_type":"re\u0066resh","i\u0061t":1}`, "{\"token_type\":\"\x7f\",\"iat\":1}",
	`{"\u00e4":"x","typ":"a","r":1}`, `{"ä":"x","typ":"a","a\"b":1}`, `{"iat":1}x`, `{"iat":1,}`, `{"iat":01}`, `{"iat":1.}`, `{"iat":-0}`, `{"iat":-Infinity,"refresh_exp":NaN}`,
	`{"iat":` + strings.Repeat("1", maxPyDigits) + `}`, `{"iat":` + strings.Repeat("1", maxPyDigits+1) + `}`, `{"iat":-` + strings.Repeat("1", maxPyDigits+1) + `}`,
	`{"iat":` + strings.Repeat("1", maxPyDigits+1) + `e1}`, `{"iat":` + strings.Repeat("1", maxPyDigits+1) + `.1}`,
	`{"x":` + strings.Repeat("[", maxPyDepth) + strings.Repeat("]", maxPyDepth) + `}`, `{"x":` + strings.Repeat("[", maxPyDepth-1) + strings.Repeat("]", maxPyDepth-1) + `}`,
	"{\"a\":\"\x00\"}", "{\x00}", "\x00{}", "{}", "{\"iat\":1\n,\t\"b\":null}\r\n", `"{}"`, "null",
}, jwtSeeds...)

func TestSummarizeUnverified(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range summarySettings {
		for _, payload := range summaryPayloads {
			for _, header := range []string{jwtHeaderHS, encodeSegment(` {"alg":"x"} `), encodeSegment("[]"), encodeSegment(`{"ä":1}`), encodeSegment(`{"alg":}`), ""} {
				compareSummary(t, s, header+"."+encodeSegment(payload)+".AAAA")
			}
			token := jwtHeaderHS + "." + encodeSegment(payload) + "." + encodeSegment("signature")
			compareSummary(t, s, token+strings.Repeat(" ", maxJWT))
			for _, signature := range []string{"", "A", "AB", "AA", "AAA", "AAB", "AA==", "A=", "AA=", "AAAA\n", "A\rAA", "AAAA.", ".AAAA", "ä", "+/AA", "-_AA"} {
				compareSummary(t, s, jwtHeaderHS+"."+encodeSegment(payload)+"."+signature)
			}
			if len(token) > 1000 {
				continue
			}
			for i := range token {
				compareSummary(t, s, token[:i])
				compareSummary(t, s, token[:i]+string(token[random.IntN(len(token))])+token[i+1:])
			}
			for i := range payload {
				for _, c := range "{}[],:\"\\ \n01-.eEtN\x7f" {
					compareSummary(t, s, jwtHeaderHS+"."+encodeSegment(payload[:i]+string(c)+payload[i+1:])+".AAAA")
				}
			}
		}
	}
}

func FuzzSummarizeUnverified(f *testing.F) {
	for _, payload := range summaryPayloads {
		f.Add(`{"alg":"HS256"}`, payload, "signature")
	}
	f.Fuzz(func(t *testing.T, header, payload, signature string) {
		for _, s := range summarySettings {
			compareSummary(t, s, encodeSegment(header)+"."+encodeSegment(payload)+"."+encodeSegment(signature))
			compareSummary(t, s, header+"."+payload+"."+signature)
			compareSummary(t, s, header+"."+base64.URLEncoding.EncodeToString([]byte(payload))+"."+signature)
		}
	})
}

func BenchmarkSummarizeUnverified(b *testing.B) {
	token := jwtHeaderHS + "." + encodeSegment(summaryPayloads[0]) + "." + encodeSegment(strings.Repeat("s", 32))
	for name, read := range map[string]func() error{
		"summary": func() error { _, err := SummarizeUnverified(tokenctl.JWTSettings{}, token); return err },
		"whole":   func() error { _, err := DecodeUnverified(tokenctl.JWTSettings{}, token); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
