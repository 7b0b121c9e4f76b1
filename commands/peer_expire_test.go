package commands_test

import (
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestPeerExpireKnox: real knox takes a token that was prolonged, and refuses one whose life
// was made shorter. tokenctl runs two hours ago; knox does not.
func TestPeerExpireKnox(t *testing.T) {
	knoxPeers(t, "", "", func(t *testing.T, pr *djangotest.Project, c cli) {
		past := c
		past.now = time.Now().Add(-2 * time.Hour)
		token := past.must("", "mint", "--kind", "knox", "alice", "--ttl", "1h")
		past.must(token, "expire", "-", "--ttl", "5h")
		knoxAccepts(t, pr, token, 200, `"Hello alice!"`)
		c.must(token, "expire", "-", "--never")
		knoxAccepts(t, pr, token, 200, `"Hello alice!"`)
		past.must(token, "expire", "-", "--ttl", "1h")
		if r := pr.Request("GET", "/test_knox/", map[string]string{"Authorization": "Token " + token}, ""); r.Status != 401 {
			t.Errorf("knox answers %d %s", r.Status, r.Body)
		}
	})
}

// TestPeerExpireSessions: the same with Django's sessions, of which one has a lifetime of its
// own. Django computes expire_date from that when it saves the session.
func TestPeerExpireSessions(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
		c = withKey(c, djangotest.SecretKey)
		past := c
		past.now = time.Now().Add(-2 * time.Hour)
		var keys []string
		pr.Eval(`
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.create_user("alice")
result = []
for seconds in (None, 3600, 0):
    s = SessionStore()
    s[SESSION_KEY], s[BACKEND_SESSION_KEY], s[HASH_SESSION_KEY] = str(user.pk), "django.contrib.auth.backends.ModelBackend", user.get_session_auth_hash()
    s.set_expiry(seconds)
    s.save()
    result.append(s.session_key)`, &keys)
		all := strings.Join(keys, "\n")
		for _, step := range []struct {
			by   cli
			ttl  string
			want string
		}{{past, "5h", "alice"}, {c, "90d", "alice"}, {past, "1h", ""}, {past, "5h", "alice"}} {
			step.by.must(all, "expire", "-", "--ttl", step.ttl)
			for i, key := range keys {
				if who := loggedIn(t, pr, key); who != step.want {
					t.Errorf("session %d lets in %q after expire --ttl %s", i, who, step.ttl)
				}
			}
		}
		c.must(all, "expire", "-", "--ttl", "90d")
		var days []int
		pr.Eval(`
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
result = []
for key in keys:
    s = SessionStore(key)
    s["seen"] = 1
    s.save()
    result.append(round((Session.objects.get(pk=key).expire_date - timezone.now()).total_seconds() / 86400))`, &days, djangotest.Vars{"keys": keys})
		if len(days) != 3 || days[0] != 14 || days[1] != 90 || days[2] != 14 {
			t.Errorf("after a save the sessions expire in %v days", days)
		}
	})
}
