package commands_test

import (
	"strconv"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestPeerNullFlags: a user whose is_active is null is as good as inactive for both.
func TestPeerNullFlags(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
		dbtest.Alter(t, c.url, "alter table auth_user alter is_active drop not null, alter is_staff drop not null", " bool NOT NULL", " bool NULL")
		key := c.must("", "mint", "alice", "--create")
		accepts(t, pr, key, 200, `"Hello alice!"`)
		dbtest.Query(c.url, "update auth_user set is_active = null, is_staff = null")
		accepts(t, pr, key, 401, inactiveUser)
		if v := c.verdict(key); v != "disabled" {
			t.Errorf("the token is %s", v)
		}
		c.must("", "user", "activate", "alice")
		accepts(t, pr, key, 200, `"Hello alice!"`)
		if v := c.verdict(key); v != "active" {
			t.Errorf("the token is %s", v)
		}
	})
}

// TestPeerNames: a name means for tokenctl whom Django finds by it.
func TestPeerNames(t *testing.T) {
	t.Parallel()
	asked := []string{"bob", "BOB", "Bob", "zoë", "ZOË", "zoe\u0308", "bob ", "nobody", "twins", "TWINS"}
	for name, change := range map[string][3]string{
		"as it is":      {"select 1", `"username"`, `"username"`},
		"without case":  {"create extension citext; alter table auth_user alter username type citext", `"username" varchar(150)`, `"username" varchar(150) collate nocase`},
		"of any number": {"alter table auth_user drop constraint auth_user_username_key", " NOT NULL UNIQUE", " NOT NULL"},
	} {
		t.Run(name, func(t *testing.T) {
			peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
				dbtest.Alter(t, c.url, change[0], change[1], change[2])
				c.must("", "user", "create", "bob", "zoë", "twins", "-q")
				pr.Eval(`
from django.db import transaction, IntegrityError
try:
    with transaction.atomic(): User.objects.create_user("twins")
except IntegrityError:
    pass
result = None`, nil)
				for _, ask := range asked {
					var django string
					pr.Eval(`
try:
    result = str(User.objects.get_by_natural_key(`+strconv.QuoteToASCII(ask)+`).pk)
except User.DoesNotExist:
    result = "status 3"
except User.MultipleObjectsReturned:
    result = "status 2"`, &django)
					out, _, status := c.run("", "user", "show", ask, "--field", "id")
					got := strings.TrimSuffix(out, "\n")
					if status != 0 {
						got = "status " + strconv.Itoa(status)
					}
					if got != django {
						t.Errorf("%q: %s, Django says %s", ask, got, django)
					}
				}
			})
		})
	}
}
