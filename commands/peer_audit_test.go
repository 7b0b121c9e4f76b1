package commands_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestPeerAudit: of what Django and its packages make, audit reports the refresh token alone, and
// then exactly the defects that Django itself plants.
func TestPeerAudit(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{SecretKey: auditSecretKey}, func(t *testing.T, pr *djangotest.Project, c cli) {
		c.env = map[string]string{"TOKENCTL_SECRET_KEY": auditSecretKey}
		found := func() (rules []string) {
			t.Helper()
			out, errs, _ := c.run("", "audit", "--deep", "-o", "json")
			var list []auditFinding
			if err := json.Unmarshal([]byte(out), &list); err != nil {
				t.Fatal(err, errs)
			}
			for _, f := range list {
				if f.Rule != "too-privileged-role" { // on PostgreSQL the tests' role is a superuser
					rules = append(rules, strings.Join([]string{f.Rule, textOf(f.Kind), textOf(f.User)}, " "))
				}
			}
			return rules
		}
		pr.Eval(`
from rest_framework_simplejwt.tokens import RefreshToken
alice = User.objects.create_user("alice", password="correct horse battery")
Token.objects.create(user=alice)
RefreshToken.for_user(alice)
result = None`, nil)
		if r := pr.Request("POST", "/api-token-auth/", map[string]string{"Content-Type": "application/json"}, `{"username": "alice", "password": "correct horse battery"}`); r.Status != 200 {
			t.Fatalf("Django answers %d %s", r.Status, r.Body)
		}
		if got, want := found(), []string{"clear-refresh jwt -"}; !slices.Equal(got, want) {
			t.Errorf("a clean database: %q, want %q", got, want)
		}
		pr.Eval(`
import datetime
from django.utils import timezone
from django.contrib.admin.models import LogEntry, ADDITION
from django.contrib.contenttypes.models import ContentType
from rest_framework_simplejwt.tokens import RefreshToken
alice = User.objects.get(username="alice")
root = User.objects.create_superuser("root", password="correct horse battery")
token = Token.objects.create(user=root)
Token.objects.filter(user=root).update(created=timezone.now() - datetime.timedelta(days=366))
LogEntry.objects.create(user=root, content_type=ContentType.objects.get_for_model(Token), object_id=token.pk, object_repr=str(token), action_flag=ADDITION, change_message="")
Token.objects.filter(user=alice).delete()
Token.objects.create(user=alice, key="changeme" * 5)
mallory = User.objects.create_user("mallory", is_active=False)
Token.objects.create(user=mallory)
dave = User.objects.create_user("dave")
Token.objects.create(user=dave)
User.objects.filter(username="dave").update(last_login=timezone.now() - datetime.timedelta(days=181))
result = None`, nil)
		want := []string{"weak-key drf alice", "clear-admin-log drf root", "privileged-token drf root", "inactive-owner drf mallory", "dormant-owner drf dave", "old-token drf root", "clear-refresh jwt -"}
		if got := found(); !slices.Equal(got, want) {
			t.Errorf("with defects: %q, want %q", got, want)
		}
	})
}
