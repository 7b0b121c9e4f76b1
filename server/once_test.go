package server_test

import (
	"crypto"
	"crypto/sha512"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// hashed is a hash that tells what is written to it.
type hashed struct {
	hash.Hash
	wrote func(string)
}

func (h hashed) Write(p []byte) (int, error) {
	h.wrote(string(p))
	return h.Hash.Write(p)
}

// TestSignatureOnce: whatever a request is about, and however often its parts judge
// the token or run again, each signature is checked once.
func TestSignatureOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	times := map[string]int{}
	crypto.RegisterHash(crypto.SHA384, func() hash.Hash {
		return hashed{sha512.New384(), func(text string) {
			mu.Lock()
			defer mu.Unlock()
			times[text]++
		}}
	})
	defer crypto.RegisterHash(crypto.SHA384, sha512.New384)

	const toml = "[simplejwt]\nalgorithm = \"HS384\"\nrotate_refresh_tokens = true\nblacklist_after_rotation = true\n"
	b := newBench(t, "sqlite", toml, nil)
	admin := "Authorization: Token " + b.secrets.DRF["alice"]
	form := func(path, token string, headers ...string) func() int {
		return func() int {
			return b.do(http.MethodPost, path, formType, url.Values{"token": {token}}.Encode(), headers...).Code
		}
	}
	body := func(path, name, token string) func() int {
		return func() int { return b.json(path, `{"`+name+`":"`+token+`"}`).Code }
	}
	recorded := b.obtained("/api/token/", "refresh")
	forged := func(token string) string { return token[:len(token)-4] + "AAAA" }
	access := b.token("access")
	for name, test := range map[string]struct {
		token string
		do    func(token string) func() int
		want  int
	}{
		"access": {b.token("access"), func(s string) func() int {
			return func() int { return b.do("GET", "/test_auth/jwt/", "", "", "Authorization: Bearer "+s).Code }
		}, 200},
		"one of four": {b.token("access"), func(s string) func() int {
			return func() int { return b.do("GET", "/api/secure-data/", "", "", "Authorization: Bearer "+s).Code }
		}, 200},
		"forged access": {forged(b.token("access")), func(s string) func() int {
			return func() int { return b.do("GET", "/api/secure-data/", "", "", "Authorization: Bearer "+s).Code }
		}, 401},
		"verify":           {b.token("refresh"), func(s string) func() int { return body("/api/token/verify/", "token", s) }, 200},
		"refresh":          {b.token("refresh"), func(s string) func() int { return body("/api/token/refresh/", "refresh", s) }, 200},
		"recorded refresh": {recorded, func(s string) func() int { return body("/api/token/refresh/", "refresh", s) }, 200},
		"forged refresh":   {forged(b.token("refresh")), func(s string) func() int { return body("/api/token/refresh/", "refresh", s) }, 401},
		"sliding":          {b.token("sliding"), func(s string) func() int { return body("/api/token/sliding/refresh/", "token", s) }, 200},
		"blacklist":        {b.token("refresh"), func(s string) func() int { return body("/api/token/blacklist/", "refresh", s) }, 200},
		"introspect":       {b.token("refresh"), func(s string) func() int { return form("/introspect", s, "Authorization: Token "+b.secrets.DRF["bob"]) }, 200},
		"revoke":           {b.token("refresh"), func(s string) func() int { return form("/revoke", s, admin) }, 200},
		"revoke sliding":   {b.token("sliding"), func(s string) func() int { return form("/revoke", s, admin) }, 200},
		"who revokes":      {access, func(s string) func() int { return form("/revoke", s, "Authorization: Bearer "+access) }, 400},
	} {
		clear(times)
		signed := test.token[:strings.LastIndexByte(test.token, '.')]
		// A token that no row records is signed again for its row, and a sliding one that
		// is refreshed at the time of its making is the same again.
		want := 1
		if name == "refresh" || name == "blacklist" || name == "sliding" {
			want = 2
		}
		if status := test.do(test.token)(); status != test.want || times[signed] != want {
			t.Errorf("%s: status %d, its signature was computed %d times, not %d", name, status, times[signed], want)
		}
	}
}
