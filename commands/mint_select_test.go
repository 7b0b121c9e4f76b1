package commands_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"tokenctl/commands"
	"tokenctl/db/dbtest"
)

// asked runs a command whose question is answered with yes after something happened.
func (c cli) asked(meanwhile func(), args ...string) (stdout, stderr string, status int) {
	c.t.Helper()
	var out, errs bytes.Buffer
	answer := question(func() string {
		meanwhile()
		return "y\n"
	})
	app := &commands.App{Stdin: answer, Stdout: &out, Stderr: &errs, Now: time.Now, Random: rand.Reader,
		Getenv: func(name string) string { return map[string]string{"DATABASE_URL": c.url}[name] },
		Term:   commands.Terminal{Stdin: true, Stderr: true}}
	status = app.Run(c.t.Context(), args)
	return out.String(), errs.String(), status
}

// The selection is judged once, when it is shown: who appears later gets nothing, and who
// has changed by then ends the command, or is left out alone with --keep-going.
func TestMintSelectedUsersOnce(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	const changed = "1 selected user changed or deleted since the selection was made"
	tests := []struct {
		name, args string
		meanwhile  func(shell)
		status     int
		says       string
		keeps      string // who gets a token with --keep-going
	}{
		{"nothing", "--staff", func(shell) {}, 0, "minted drf:", "ann ben cho"},
		{"one appears", "--staff", func(s shell) { s.ok("", "user", "create", "eve", "--staff") }, 0, "note: 1 user appeared since you were asked, and gets no token", "ann ben cho"},
		{"some become staff", "--staff", func(s shell) { s.query("update auth_user set is_staff = true") }, 0, "note: 2 users appeared since you were asked, and get no token", "ann ben cho"},
		{"one may get another", "--staff", func(s shell) { s.query("delete from authtoken_token") }, 0, "minted drf:", "ann ben cho"},
		{"one is renamed", "--staff", func(s shell) { s.query("update auth_user set username = 'bea' where username = 'ben'") }, 0, "minted drf:", "ann bea cho"},
		{"one is deleted", "--staff", func(s shell) { s.ok("", "user", "delete", "ben", "--yes") }, 5, changed, "ann cho"},
		{"one is deleted, of all", "--all-users --without drf", func(s shell) { s.ok("", "user", "delete", "ben", "--yes") }, 5, changed, "ann cho dan"},
		{"one is no longer staff", "--staff", func(s shell) { s.query("update auth_user set is_staff = false where username = 'ben'") }, 5, changed, "ann cho"},
		{"one gets another kind", "--staff --without knox", func(s shell) { s.ok("", "mint", "ben", "--kind", "knox") }, 5, changed, "ann cho"},
		{"one gets a token", "--staff", func(s shell) { s.ok("", "mint", "ben") }, 5, "ben has a drf token already", "ann ben cho"},
		{"another gets one's place", "--staff", func(s shell) {
			s.ok("", "user", "delete", "ben", "--yes")
			s.ok("", "user", "create", "eve", "--staff")
		}, 5, changed, "ann cho"},
	}
	dbtest.Engines(t, func(t *testing.T, _, url string) {
		s := shell{cli{t: t, url: url}, ""}
		s.ok("", "init", "-q")
		for _, test := range tests {
			for _, more := range []string{"", "--keep-going"} {
				t.Run(strings.TrimSpace(test.name+" "+more), func(t *testing.T) {
					s := s
					s.t = t
					s.query("delete from authtoken_token")
					s.query("delete from knox_authtoken")
					s.query("delete from auth_user")
					s.ok("", "user", "create", "ann", "ben", "cho", "old", "--staff")
					s.ok("", "user", "create", "dan", "new")
					s.ok("", "mint", "old", "new")
					before := ""
					out, errs, status := s.asked(func() {
						test.meanwhile(s)
						before = s.query("select count(*) from authtoken_token")
					}, append(strings.Fields("mint "+test.args), strings.Fields(more)...)...)
					want := test.status
					if want != 0 && more != "" {
						want = 6
					}
					if status != want || !strings.Contains(errs, test.says) {
						t.Fatalf("status %d, want %d, and to say %q:\n%s", status, want, test.says, errs)
					}
					if want == 5 {
						if after := s.query("select count(*) from authtoken_token"); out != "" || after != before {
							t.Errorf("something was done: %s rows, %s before; written %s", after, before, out)
						}
						return
					}
					names := s.ok("", "list", "--kind", "drf", "--sort", "user", "--field", "user")
					names = strings.Join(strings.Fields(strings.NewReplacer("old\n", "", "new\n", "").Replace(names)), " ")
					if names != test.keeps {
						t.Errorf("tokens of %s, want %s", names, test.keeps)
					}
				})
			}
		}
	})
}
