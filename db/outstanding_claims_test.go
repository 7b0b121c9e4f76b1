package db_test

import (
	"encoding/base64"
	"sync"
	"testing"
	"unsafe"

	"tokenctl/db"
)

func jwtOf(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"HS256"}`)) + "." + encode([]byte(payload)) + ".AAAA"
}

// TestJWTClaim: the function keeps no text that it was given.
func TestJWTClaim(t *testing.T) {
	one := jwtOf(`{"token_type":"refresh","iat":1760000000,"user_id":"1"}`)
	two := jwtOf(`{"token_type":"sliding","iat":1760000001,"user_id":"2"}`)
	check := func(text, typ, issued string, user any) {
		t.Helper()
		for range 2 {
			if got := db.JWTClaim(text, "token_type", "claim"); typ == "" && got != nil || typ != "" && got != typ {
				t.Errorf("the type is %v, not %q", got, typ)
			}
			if got := db.JWTClaim(text, "iat", "time"); issued == "" && got != nil || issued != "" && got != issued {
				t.Errorf("issued %v, not %q", got, issued)
			}
			if got := db.JWTClaim(text, "user_id", string(db.KeyInteger)); got != user {
				t.Errorf("the user is %v, not %v", got, user)
			}
		}
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			// SQLite reads the next row into the memory of the last.
			memory := []byte(one)
			text := unsafe.String(&memory[0], len(memory))
			for range 100 {
				copy(memory, one)
				check(text, "refresh", "2025-10-09 08:53:20", int64(1))
				copy(memory, two)
				check(text, "sliding", "2025-10-09 08:53:21", int64(2))
				check("no token", "", "", nil)
				check("", "", "", nil)
			}
		})
	}
	group.Wait()
}

func BenchmarkJWTClaim(b *testing.B) {
	texts := []string{jwtOf(`{"token_type":"refresh","exp":1860000000,"iat":1760000000,"jti":"0123456789abcdef0123456789abcdef","user_id":"1"}`),
		jwtOf(`{"token_type":"refresh","exp":1860000000,"iat":1760000001,"jti":"0123456789abcdef0123456789abcdee","user_id":"2"}`)}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		db.JWTClaim(texts[n%2], "iat", "time")
		db.JWTClaim(texts[n%2], "token_type", "claim")
		db.JWTClaim(texts[n%2], "token_type", "claim")
	}
}
