package schema_test

import (
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestStatementsEqualDjango asks the Django that the schema is named after.
func TestStatementsEqualDjango(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	peers := djangotest.Peers(t)
	i := slices.IndexFunc(peers, func(p djangotest.Peer) bool { return p.Name == "4.2" })
	if i < 0 {
		dbtest.Missing(t, "Django 4.2")
	}
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		t.Parallel()
		peers[i].Project(t, url, djangotest.Options{}).Migrate()
		django := open(t, engine, url)
		address := dbtest.Fresh(t, engine)
		ours := open(t, engine, address)
		create(t, engine, ours)
		sameMigrations(t, ours, django)

		got, want := catalogue(t, engine, ours), catalogue(t, engine, django)
		if !slices.ContainsFunc(want, isKnox) {
			got = slices.DeleteFunc(got, isKnox)
		}
		compare(t, got, want)
	})
}

// TestAdopt lets Django projects of every age find our database in place of
// one of their own, and use it.
func TestAdopt(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		url := dbtest.Fresh(t, engine)
		create(t, engine, open(t, engine, url))
		pr := p.Project(t, url, djangotest.Options{})
		pr.Manage("migrate", "--check")
		if out := pr.Manage("migrate"); !strings.Contains(out, "No migrations to apply.") || strings.Contains(out, "makemigrations") {
			t.Errorf("migrate:\n%s", out)
		}
		if out := pr.Manage("makemigrations", "--check", "--dry-run"); out != "No changes detected\n" {
			t.Errorf("makemigrations:\n%s", out)
		}
		var got struct {
			Key, JTI, Knox              string
			Login, Blacklisted, CanView bool
			Logged, Left                int
		}
		pr.Eval(use, &got)
		if len(got.Key) != 40 || len(got.JTI) != 32 || got.Knox != "" && len(got.Knox) != 15 {
			t.Errorf("tokens: %+v", got)
		}
		if !got.Login || !got.Blacklisted || !got.CanView || got.Logged != 1 {
			t.Errorf("used: %+v", got)
		}
		if got.Left != 0 {
			t.Errorf("%d rows of the deleted user are left", got.Left)
		}
	})
}

// use puts a row or more into every table through the ORM, and deletes the user
// with all that is theirs: that follows every foreign key.
const use = `
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

user = User.objects.create_user("zoë", "zoe@example.com", "correct horse battery")
login = Client().login(username="zoë", password="correct horse battery")
key = Token.objects.create(user=user).key
refresh = RefreshToken.for_user(user)
refresh.blacklist()
token_key = ""
if apps.is_installed("knox"):
    from knox.models import AuthToken
    AuthToken.objects.create(user)
    token_key = AuthToken.objects.get().token_key

readers = Group.objects.create(name="readers")
readers.permissions.add(Permission.objects.get(codename="view_token"))
user.groups.add(readers)
user.user_permissions.add(Permission.objects.get(codename="view_logentry"))
content_type = ContentType.objects.get(app_label="authtoken", model="token")
LogEntry.objects.create(user=user, content_type=content_type, object_id="1", object_repr="x", action_flag=ADDITION)

result = {
    "Key": key,
    "JTI": OutstandingToken.objects.get(user=user).jti,
    "Knox": token_key,
    "Login": login and Session.objects.count() == 1,
    "Blacklisted": BlacklistedToken.objects.get().token.token == str(refresh),
    "CanView": User.objects.get().has_perms(["authtoken.view_token", "admin.view_logentry"]),
    "Logged": LogEntry.objects.count(),
}
user.delete()
result["Left"] = User.objects.count() + Token.objects.count() + LogEntry.objects.count() + OutstandingToken.objects.filter(user__isnull=False).count()
`
