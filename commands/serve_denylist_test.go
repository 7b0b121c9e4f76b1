package commands_test

import (
	"net/http"
	"strings"
	"testing"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
)

// TestServeDenylist: serve asks the denylist about every access token, and lets none in while
// that does not answer.
func TestServeDenylist(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, database string) {
		redis := redistest.Start(t)
		c := withKey(cli{t: t, url: database}, strings.Repeat("k", 50))
		c.must("", "init", "-q")
		c.must("", "user", "create", "alice", "--staff", "--no-password", "-q")
		access := c.must("", "mint", "alice", "--kind", "jwt", "--type", "access", "-q")
		staff := c.must("", "mint", "alice", "--kind", "drf", "-q")
		c.env["TOKENCTL_DENYLIST_URL"] = redis.URL("")
		address := serving(t, c)
		expect := func(path, body, token string, status int, said string) {
			t.Helper()
			method := http.MethodGet
			if body != "" {
				method = http.MethodPost
			}
			r, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			scheme, token, _ := strings.Cut(token, " ")
			got, text := sendAs(t, r, scheme, token)
			if got != status || !strings.Contains(text, said) {
				t.Errorf("%s answers %d %s, want %d %s", path, got, text, status, said)
			}
		}
		all := func(status, verified int, said, about string, active string) {
			t.Helper()
			expect("/test_auth/jwt/", "", "Bearer "+access, status, said)
			expect("/api/secure-data/", "", "Bearer "+access, status, "")
			expect("/api/token/verify/", "token="+access, "", verified, about)
			expect("/introspect", "token="+access, "Token "+staff, status, active)
		}
		all(200, 200, "Hello alice!", "{}", `"active":true`)
		c.must(access, "blacklist", "-")
		const body = `{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token is blacklisted"}]}`
		expect("/test_auth/jwt/", "", "Bearer "+access, http.StatusUnauthorized, body)
		expect("/api/token/verify/", "token="+access, "", http.StatusBadRequest, "Token is blacklisted")
		expect("/introspect", "token="+access, "Token "+staff, http.StatusOK, `{"active":false}`)
		c.must(access, "unblacklist", "-")
		expect("/test_auth/jwt/", "", "Bearer "+access, http.StatusOK, "")
		// RFC 7009.
		expect("/revoke", "token="+access, "Token "+staff, http.StatusOK, "")
		expect("/test_auth/jwt/", "", "Bearer "+access, http.StatusUnauthorized, body)
		redis.Stop()
		const down = `{"detail":"The denylist does not answer."}`
		all(503, 503, down, down, down)
		expect("/revoke", "token="+access, "Token "+staff, http.StatusServiceUnavailable, down)
		expect("/test_auth/", "", "Token "+staff, http.StatusOK, "") // no JWT
		redis.Restart()
		address = serving(t, c) // after many failures the client waits a second before it tries again
		all(200, 200, "Hello alice!", "{}", `"active":true`)
	})
}
