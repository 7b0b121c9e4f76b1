package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestPeerUserModels goes through a token's life for models unlike auth.User.
func TestPeerUserModels(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, m := range []struct {
		model, name, create, settings string
		set                           []string
	}{
		{"uuid", "ann@example.org", `User.objects.create_user(email="ann@example.org")`, "", []string{"--set", "full_name=Ben"}},
		{"mti", "ann", `User.objects.create_user("ann")`, "", []string{"--set", "tier=gold"}},
		{"both", "ann", `User.objects.create_user("ann", email="ann@example.org")`, "[auth]\nusername_field = \"username\"\n", []string{"--email", "ben@example.org"}},
	} {
		t.Run(m.model, func(t *testing.T) {
			peers(t, djangotest.Options{UserModel: m.model}, func(t *testing.T, pr *djangotest.Project, c cli) {
				pr.Eval(m.create+"; result = None", nil)
				args := func(args ...string) []string { return args }
				if m.settings != "" {
					file := privateFile(t, m.settings)
					args = func(args ...string) []string { return append(args, "--config", file) }
					if _, errs, status := c.run("", "list"); status != 1 || !strings.Contains(errs, "username_field") {
						t.Errorf("without username_field: status %d, %s", status, errs)
					}
				}
				key := c.must("", args("mint", m.name)...)
				accepts(t, pr, key, 200, fmt.Sprintf("%q", "Hello "+m.name+"!"))
				id := c.must("", args("list", "--user", m.name, "-o", "id")...)
				var pk string
				pr.Eval(`result = str(User.objects.get().pk)`, &pk)
				if !strings.HasPrefix(id, "drf:"+pk+"@") {
					t.Errorf("the id is %s for the key %s", id, pk)
				}
				renewed := c.must("", args("rotate", "drf:"+strings.ReplaceAll(pk, "-", ""))...)
				accepts(t, pr, key, 401, invalidToken)
				accepts(t, pr, renewed, 200, fmt.Sprintf("%q", "Hello "+m.name+"!"))
				c.must("", args("blacklist", "--user-id", pk, "--yes")...)
				accepts(t, pr, renewed, 401, invalidToken)

				// A user made by tokenctl is one of Django's.
				other := map[string]string{"uuid": "ben@example.org", "mti": "ben", "both": "ben"}[m.model]
				create := args("user", "create", other, "--with-token", "drf")
				// Columns that tokenctl does not know are refused by name first.
				if m.set != nil {
					column, _, _ := strings.Cut(m.set[1], "=")
					if _, errs, status := c.run("", create...); m.set[0] == "--set" && (status != 2 || !strings.Contains(errs, column)) {
						t.Errorf("without %s: status %d, %s", column, status, errs)
					}
					create = append(create, m.set...)
				}
				key = c.must("", create...)
				accepts(t, pr, key, 200, fmt.Sprintf("%q", "Hello "+other+"!"))
				c.must("", args("user", "delete", other, "--yes")...)
				var n int
				pr.Eval(`result = User.objects.count()`, &n)
				if n != 1 {
					t.Errorf("Django counts %d users", n)
				}
			})
		})
	}
}
