package commands_test

import (
	"encoding/json"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestPeerRevoke: nothing that somebody held opens the application after user deactivate
// --revoke, also when the user is activated again.
func TestPeerRevoke(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{Settings: cheapHashes}, func(t *testing.T, pr *djangotest.Project, c cli) {
		pr.Eval(`User.objects.create_user("alice", password="correct horse battery"); result = None`, nil)
		var pair struct{ Refresh, Access string }
		r := pr.Request("POST", "/api/token/", map[string]string{"Content-Type": "application/json"}, `{"username": "alice", "password": "correct horse battery"}`)
		if err := json.Unmarshal([]byte(r.Body), &pair); err != nil || pair.Refresh == "" {
			t.Fatalf("Django answers %d %s", r.Status, r.Body)
		}
		key := c.must("", "mint", "--kind", "drf", "alice")
		c.env = map[string]string{"TOKENCTL_SECRET_KEY": djangotest.SecretKey}
		cookie := map[string]string{"Cookie": "sessionid=" + c.must("", "mint", "--kind", "session", "alice")}
		session := func(want int) {
			t.Helper()
			if r := pr.Request("GET", "/test_session/", cookie, ""); r.Status != want {
				t.Errorf("session: Django answers %d %s, want %d", r.Status, r.Body, want)
			}
		}
		knox := func(int) {}
		if djangotest.HasKnox() {
			token := c.must("", "mint", "--kind", "knox", "alice")
			knox = func(want int) {
				t.Helper()
				if r := pr.Request("GET", "/test_knox/", map[string]string{"Authorization": "Token " + token}, ""); r.Status != want {
					t.Errorf("knox: Django answers %d %s, want %d", r.Status, r.Body, want)
				}
			}
		}
		ask := func(path, authorization string, want int) {
			t.Helper()
			if r := pr.Request("GET", path, map[string]string{"Authorization": authorization}, ""); r.Status != want {
				t.Errorf("%s: Django answers %d %s, want %d", path, r.Status, r.Body, want)
			}
		}
		refresh := func(want int) {
			t.Helper()
			r := pr.Request("POST", "/api/token/refresh/", map[string]string{"Content-Type": "application/json"}, `{"refresh": "`+pair.Refresh+`"}`)
			if r.Status != want {
				t.Errorf("refresh: Django answers %d %s, want %d", r.Status, r.Body, want)
			}
		}
		ask("/test_auth/", "Token "+key, 200)
		ask("/test_jwt/", "Bearer "+pair.Access, 200)
		refresh(200)
		session(200)
		knox(200)
		c.must("", "user", "deactivate", "alice", "--revoke", "--yes")
		session(403)
		knox(401)
		ask("/test_auth/", "Token "+key, 401)
		ask("/test_jwt/", "Bearer "+pair.Access, 401)
		refresh(401)
		c.must("", "user", "activate", "alice")
		ask("/test_auth/", "Token "+key, 401)
		refresh(401)
		session(403)
		knox(401)
	})
}
