package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestRevoke: one's own tokens of every kind end, and only they.
func TestRevoke(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", nil)
		s := b.secrets
		alice, bob := "Authorization: Token "+s.Knox["alice-2"], "Authorization: Token "+s.DRF["bob"]
		revoke := func(token string, headers ...string) *httptest.ResponseRecorder {
			return b.do(http.MethodPost, "/revoke", formType, url.Values{"token": {token}}.Encode(), headers...)
		}
		active := func(token string) bool { return strings.HasPrefix(b.introspect(token).Body.String(), `{"active":true`) }
		unrecorded := b.token("refresh")
		mine := map[string]string{"drf": s.DRF["alice"], "knox": s.Knox["alice-1"], "session": s.Sessions["alice-web"], "refresh": s.JWT["alice-live"].Refresh,
			"unrecorded": unrecorded, "sliding": b.token("sliding")}
		for name, token := range mine {
			if !active(token) {
				t.Fatalf("%s is not active", name)
			}
			if w := revoke(token, "Authorization: Token "+s.DRF["zoë"]); w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), `{"error":"unauthorized_client"`) || !active(token) {
				t.Errorf("%s, by somebody else: %s", name, said(w))
			}
			if w := revoke(token); w.Code != http.StatusUnauthorized || challenges(w) == nil || !active(token) {
				t.Errorf("%s, by nobody: %s", name, said(w))
			}
			for _, again := range []string{"", " again"} {
				if w := revoke(token, alice); said(w) != "200 " || w.Header().Get("Cache-Control") != "no-store" || active(token) {
					t.Errorf("%s%s: %s", name, again, said(w))
				}
			}
		}
		if w := b.refresh(unrecorded); said(w) != `401 {"detail":"Token is blacklisted","code":"token_not_valid"}` {
			t.Errorf("refreshed after it was revoked: %s", said(w))
		}
		for name, token := range map[string]string{"zoë's drf": s.DRF["zoë"], "dave's knox": s.Knox["dave"], "alice's other session": s.Sessions["alice-phone"], "carol's": s.JWT["carol-inactive"].Refresh} {
			if w := revoke(token, bob); said(w) != "200 " || active(token) {
				t.Errorf("%s, by staff: %s", name, said(w))
			}
		}
		if n := b.rows("select count(*) from token_blacklist_blacklistedtoken b join token_blacklist_outstandingtoken o on o.id = b.token_id where o.user_id = 3"); n != "1" {
			t.Errorf("%s tokens of an inactive user are blacklisted", n)
		}
		expired := b.token("access")
		before := b.rows("select count(*) from token_blacklist_outstandingtoken")
		for name, token := range map[string]string{"unknown": "x", "NUL": "\x00", "expired": s.JWT["alice-expired"].Refresh, "blacklisted": s.JWT["bob-blacklisted"].Refresh,
			"forged": expired[:len(expired)-4] + "AAAA"} {
			if w := revoke(token, alice); said(w) != "200 " {
				t.Errorf("%s: %s", name, said(w))
			}
		}
		if after := b.rows("select count(*) from token_blacklist_outstandingtoken"); after != before {
			t.Errorf("%s rows after %s", after, before)
		}
		if w := revoke(expired, alice); w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), `{"error":"unsupported_token_type"`) {
			t.Errorf("an access token: %s", said(w))
		}
		if w := b.do(http.MethodPost, "/revoke", formType, "", alice); w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), `{"error":"invalid_request"`) {
			t.Errorf("no token: %s", said(w))
		}
		if w := revoke(s.Knox["alice-2"], alice); said(w) != "200 " {
			t.Errorf("the caller's own: %s", said(w))
		}
		if w := revoke("x", alice); w.Code != http.StatusUnauthorized {
			t.Errorf("the caller's own still lets in: %s", said(w))
		}
	})
}

// TestRevokeReadOnly: where nothing may be written, only what needs no writing is
// done.
func TestRevokeReadOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", "", func(b *bench) { b.config.ReadOnly = true })
	alice := "Authorization: Token " + b.secrets.DRF["alice"]
	for token, status := range map[string]int{"x": http.StatusOK, b.secrets.Knox["alice-1"]: http.StatusServiceUnavailable} {
		if w := b.do(http.MethodPost, "/revoke", formType, "token="+token, alice); w.Code != status {
			t.Errorf("%s: %s", token, said(w))
		}
	}
	for path, body := range map[string]string{"/api/token/blacklist/": `{"refresh":"x"}`, "/api/token/refresh/": `{"refresh":"x"}`} {
		if w := b.json(path, body); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %s", path, said(w))
		}
	}
	if w := b.json("/api/token/blacklist/", `{"refresh":"`+b.token("refresh")+`"}`); w.Code != http.StatusServiceUnavailable {
		t.Errorf("blacklist: %s", said(w))
	}
	if w := b.refresh(b.token("refresh")); w.Code != http.StatusOK {
		t.Errorf("refresh: %s", said(w))
	}
}

// challenges are the lines of WWW-Authenticate, which the server spells as Django does.
func challenges(w *httptest.ResponseRecorder) []string {
	const name = "WWW-Authenticate"
	for key, lines := range w.Header() {
		if key == name {
			return lines
		}
	}
	return nil
}
