package commands

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
)

// shop is a database that the context shop protects, and what is in it.
type shop struct {
	t    *testing.T
	url  string
	dir  string // has the folder of contexts.toml, and files for commands
	env  map[string]string
	seen string // what is in the database
}

const usersKey = "8d0b0ee07ea4a2c7ae7eda64d6e4b3b0b1a1f2d3"

// stock fills a database so that every command that changes rows has something to change.
var stock = `insert into auth_user (username, password, is_superuser, is_staff, is_active, date_joined, first_name, last_name, email) values
	('alice', '!x', false, false, true, '2026-01-01 00:00:00', '', '', ''), ('bob', '!x', false, false, true, '2026-01-01 00:00:00', '', '', ''),
	('carl', '!x', false, false, false, '2026-01-01 00:00:00', '', '', '');
insert into authtoken_token (key, created, user_id) values ('` + usersKey + `', '2026-01-01 00:00:00', 1);
insert into knox_authtoken (digest, token_key, created, expiry, user_id) values ('` + strings.Repeat("d1", 64) + `', 't1t1t1t1t1t1t1t', '2020-01-01 00:00:00', '2020-01-02 00:00:00', 1),
	('` + strings.Repeat("d2", 64) + `', 't2t2t2t2t2t2t2t', '2026-01-01 00:00:00', '2999-01-02 00:00:00', 1);
insert into token_blacklist_outstandingtoken (token, jti, created_at, expires_at, user_id) values
	('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6MzI0NzIxNDQwMDAsImlhdCI6MTc2NzIyNTYwMCwianRpIjoieSIsInVzZXJfaWQiOiIxIn0.c2ln', 'y', '2026-01-01 00:00:00', '2999-01-01 00:00:00', 1), ('a.b.c', 'x', '2026-01-01 00:00:00', '2999-01-01 00:00:00', 1);
insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) values ('2026-01-02 00:00:00', 1), ('2026-01-02 00:00:00', 2);
create table otp_totp_totpdevice (id integer primary key, name varchar(64) not null, confirmed boolean not null, key varchar(80) not null, step integer not null,
	t0 integer not null, user_id integer not null references auth_user (id));
insert into otp_totp_totpdevice values (1, 'phone', true, 'x', 30, 0, 1)`

func newShop(t *testing.T, engine string) *shop {
	s := &shop{t: t, dir: t.TempDir(), env: map[string]string{}}
	s.url = dbtest.Reuse(t, dbtest.Template(t, engine, "shop", func(url string) {
		s.env["DATABASE_URL"] = url
		if out, status := s.run("init -q"); status != 0 {
			t.Fatal(out)
		}
		for statement := range strings.SplitSeq(stock, ";\n") {
			if said := dbtest.Query(url, statement); said != "" {
				t.Fatal(said)
			}
		}
	}))
	s.env["DATABASE_URL"] = s.url
	for name, text := range map[string]string{"leak/notes": "Authorization: Token " + usersKey + "\n", "known.csv": "bob,7d0b0ee07ea4a2c7ae7eda64d6e4b3b0b1a1f2d3\n",
		"tokenctl/contexts.toml": fmt.Sprintf("[shop]\ndatabase = %q\nprotected = true\n", s.url)} {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.env["XDG_CONFIG_HOME"] = s.dir
	s.seen = s.rows()
	return s
}

// run runs a command line in which % is the folder, and returns what it says.
func (s *shop) run(line string) (said string, status int) {
	var out, errs strings.Builder
	a := &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Random: rand.Reader, Getenv: func(name string) string { return s.env[name] }}
	status = a.Run(s.t.Context(), strings.Fields(strings.ReplaceAll(line, "%", s.dir)))
	return errs.String(), status
}

// rows is what commands could change.
func (s *shop) rows() string {
	var all strings.Builder
	for _, query := range []string{"select id, username, password, is_active from auth_user order by id", "select key from authtoken_token order by key", "select digest, expiry from knox_authtoken order by digest",
		"select id from otp_totp_totpdevice", "select token from token_blacklist_outstandingtoken", "select count(*) from token_blacklist_blacklistedtoken"} {
		all.WriteString(dbtest.Query(s.url, query))
	}
	return all.String()
}

// refused checks that a command which nobody confirmed changes nothing.
func (s *shop) refused(line string) {
	s.t.Helper()
	said, status := s.run(line)
	if status != exitConfirm || !strings.Contains(said, "the context shop protects") {
		s.t.Errorf("%s: status %d: %s", line, status, said)
	}
	if now := s.rows(); now != s.seen {
		s.t.Errorf("%s has changed rows:\n%s\nbefore:\n%s", line, now, s.seen)
	}
}

// changes are the command lines that change rows, with the number for --confirm, for every
// command that does.
var changes = map[string][]string{
	"mint": {"mint bob 1", "mint new --create 1", "mint --all-users --kind knox --out %/new 3", "mint --kind knox --import-drf alice 1", "mint --kind knox --import-drf --all-users 1",
		"mint --secrets-from %/known.csv 1"},
	"rotate": {"rotate drf:1 1", "rotate --kind drf 1"}, "expire": {"expire knox:d2d2d2d2d2d2d2d2 --ttl 3d 1", "expire --kind knox --ttl 3d 1"},
	"blacklist": {"blacklist drf:1 1", "blacklist --kind drf,knox 3", "blacklist -q --kind drf 1"}, "unblacklist": {"unblacklist jwt:x 1"},
	"denylist remove": {}, // TestProtectedDenylist
	"audit":           {"audit --fix unpurged 1", "audit --fix clear-refresh 1"}, "purge": {"purge 1", "purge --kind knox -q 1"}, "scan": {"scan %/leak --blacklist 1", "scan %/leak --rotate --out %/new 1"}, "incident": {"incident drf:1 1", "incident --user alice --all --deactivate 2"},
	"user create": {"user create new 1"}, "user password": {"user password alice --no-password 1"}, "user activate": {"user activate carl 1"},
	"user mfa reset": {"user mfa reset alice 1"}, "user deactivate": {"user deactivate alice 1", "user deactivate alice --revoke 1"}, "user delete": {"user delete alice 1"},
}

// TestProtectedCommands: in a protected database no command changes rows with --yes, and each
// does with --confirm N.
func TestProtectedCommands(t *testing.T) {
	t.Parallel()
	t.Run("list", func(t *testing.T) {
		walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
			path := strings.TrimPrefix(c.CommandPath(), "tokenctl ")
			if c.Flags().Lookup("confirm") != nil && changes[path] == nil && path != "init" {
				t.Error("changes has no line for it")
			}
		})
	})
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		if engine == "postgres" {
			dbtest.Slow(t) // a database for each line
		}
		first := newShop(t, engine)
		for _, lines := range changes {
			for _, line := range lines {
				line, n := line[:strings.LastIndex(line, " ")], line[strings.LastIndex(line, " ")+1:]
				first.refused(line + " --yes")
				first.refused(line)
				if said, status := first.run(line + " --confirm 77"); status != exitConflict || first.rows() != first.seen {
					t.Errorf("%s --confirm 77: status %d: %s", line, status, said)
				}
				s := newShop(t, engine)
				said, status := s.run(line + " --confirm " + n)
				if status != 0 && !(strings.HasPrefix(line, "incident") && status == exitNo) || s.rows() == s.seen {
					t.Errorf("%s --confirm %s: status %d, and the rows are as before: %v: %s", line, n, status, s.rows() == s.seen, said)
				}
			}
		}
	})
}

// TestProtectedDenylist: the denylist of a protected database is protected, too.
func TestProtectedDenylist(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newShop(t, "sqlite")
	s.env["TOKENCTL_DENYLIST_URL"] = server.URL("")
	server.Do("set", "denylist:user:1", "1")
	s.refused("denylist remove user:1")
	s.refused("denylist remove user:1 --yes")
	if got := server.Do("keys", "*"); got != "denylist:user:1" {
		t.Errorf("keys: %q", got)
	}
	if said, status := s.run("denylist remove user:1 --confirm 1"); status != 0 || server.Do("keys", "*") != "" {
		t.Errorf("status %d: %s", status, said)
	}
}

// TestProtectedPaths: a database is protected whatever leads to it.
func TestProtectedPaths(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE"} {
		t.Setenv(name, "") // which the driver reads itself
	}
	t.Run("sqlite", func(t *testing.T) {
		s := newShop(t, "sqlite")
		file := strings.TrimPrefix(s.url, "sqlite:///")
		link, hard := filepath.Join(s.dir, "link.db"), filepath.Join(s.dir, "hard.db")
		if err := os.Symlink(file, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(file, hard); err != nil {
			t.Fatal(err)
		}
		t.Chdir(filepath.Dir(file))
		for _, way := range []string{"-d sqlite:///" + link, "-d sqlite:///" + hard, "-d sqlite:///db.sqlite3", "-d sqlite:///./x/../db.sqlite3", "--context shop"} {
			s.refused("user deactivate alice --yes " + way)
		}
		s.env["DATABASE_URL"] = ""
		s.refused("user deactivate alice --yes") // the default, ./db.sqlite3
		s.env["TOKENCTL_CONTEXT"] = "shop"
		s.refused("user deactivate alice --yes")
		if said, status := s.run("user deactivate alice --context shop --dry-run"); status != 0 {
			t.Error(said)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		s := newShop(t, "postgres")
		u, err := url.Parse(s.url)
		if err != nil {
			t.Fatal(err)
		}
		name, password := strings.TrimPrefix(u.Path, "/"), ""
		if given, ok := u.User.Password(); ok {
			password = given
		}
		services := filepath.Join(s.dir, "services.conf")
		if err := os.WriteFile(services, fmt.Appendf(nil, "[web]\nhost=%s\nport=%s\ndbname=%s\nuser=%s\n", u.Hostname(), u.Port(), name, u.User.Username()), 0o600); err != nil {
			t.Fatal(err)
		}
		s.env["DATABASE_URL"] = ""
		with := func(pairs ...string) {
			t.Helper()
			t.Run(pairs[0], func(t *testing.T) {
				for i := 0; i < len(pairs); i += 2 {
					s.env[pairs[i]] = pairs[i+1]
					t.Setenv(pairs[i], pairs[i+1])
				}
				t.Setenv("PGPASSWORD", password)
				s.refused("user deactivate alice --yes")
				for i := 0; i < len(pairs); i += 2 {
					delete(s.env, pairs[i])
				}
			})
		}
		with("DATABASE_URL", s.url+"?sslmode=disable&application_name=other")
		with("DATABASE_URL", strings.Replace(s.url, u.Hostname(), "localhost", 1))
		with("PGHOST", u.Hostname(), "PGPORT", u.Port(), "PGDATABASE", name, "PGUSER", u.User.Username())
		with("PGSERVICE", "web", "PGSERVICEFILE", services)
		with("TOKENCTL_DATABASE_URL", "postgresql://?service=web&servicefile="+services)
		with("TOKENCTL_CONTEXT", "shop")
	})
}
