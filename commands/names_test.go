package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// altered returns a shell on a copy of the fixture whose user table is changed: by SQL
// on PostgreSQL, and on SQLite by another text in the table's statement.
func altered(t *testing.T, engine, postgres, old, new string, then ...string) (shell, dbtest.Secrets) {
	t.Helper()
	url, secrets := dbtest.Fixture(t, engine)
	dbtest.Alter(t, url, postgres, old, new, then...)
	return shell{cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": secrets.SecretKey}}, ""}, secrets
}

// rows are what no command of these tests may change.
func (s shell) rows() string {
	var all []string
	for _, table := range []string{"auth_user", "authtoken_token", "knox_authtoken", "token_blacklist_blacklistedtoken", "django_session"} {
		all = append(all, s.query("select count(*) from "+table))
	}
	return strings.Join(append(all, s.query("select username, password, is_active from auth_user order by id")), " ")
}

// A name that several users have is refused by whatever takes names, with their keys;
// by key each of them can be named.
func TestSharedName(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		s, _ := altered(t, engine, "alter table auth_user drop constraint auth_user_username_key", " NOT NULL UNIQUE", " NOT NULL",
			`insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
				select id + 9, password, is_superuser, username, first_name, last_name, '2@x', is_staff, is_active, date_joined from auth_user where username in ('alice', 'dave')`)
		file := filepath.Join(t.TempDir(), "names")
		if err := os.WriteFile(file, []byte("bob\nalice\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		table := filepath.Join(t.TempDir(), "names.csv")
		if err := os.WriteFile(table, []byte("username\nnew\nalice\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := s.rows()
		const alices = "2 users have the name alice: ids 1, 10\nhint: name the user by primary key: --user-id 1\n"
		for _, command := range []string{
			"list --user alice", "blacklist --user alice --yes", "rotate --user alice --yes", "purge --user alice --kind knox --yes", "rotate --user alice --kind drf --dry-run",
			"mint alice", "mint alice --create", "mint alice --dry-run", "mint bob alice --kind knox", "mint --kind knox --users-from " + file, "mint --kind knox --import-drf alice",
			"mint alice --kind knox --staff", "user show alice", "user show bob alice", "user show --users-from " + file, "user password alice --no-password", "user activate alice", "user deactivate bob alice",
			"user delete alice --yes", "user delete alice nobody --ignore-missing --yes", "user delete --users-from " + file + " --dry-run",
		} {
			s.fails(2, "tokenctl: "+alices, strings.Fields(command)...)
		}
		s.fails(2, "2 users have the name alice: ids 1, 10; 2 users have the name dave: ids 5, 14; no users nobody, 77\n",
			"list", "--user", "alice", "--user", "bob", "--user", "dave", "--user", "nobody", "--user-id", "77")
		s.fails(2, `{"error":{"code":"ambiguous_user",`, "user", "show", "alice", "-o", "json")
		s.fails(5, "the users alice, alice exist already", "user", "create", "alice")
		s.fails(5, "the users alice, alice exist already", "user", "create", "--from-csv", table)
		if after := s.rows(); after != before {
			t.Errorf("rows were changed:\n%s\n%s", before, after)
		}
		if got := s.ok("", "user", "show", "--user-id", "10", "--user-id", "1", "--field", "id"); got != "10\n1\n" {
			t.Errorf("by key: %q", got)
		}
		if got := s.ok("", "__complete", "user", "show", "al"); strings.Count(got, "alice") != 1 {
			t.Errorf("completed: %s", got)
		}
		// With --keep-going the others get theirs.
		out, errs, status := s.run("", "mint", "alice", "root", "nobody", "--keep-going", "--columns", "user,token", "-o", "csv")
		if status != 6 || strings.Count(out, "\n") != 2 || !strings.Contains(errs, "1 of 3 were done; not done: 2 users have the name alice: ids 1, 10; no user nobody") {
			t.Errorf("status %d, %s%s", status, out, errs)
		}
		s.ok("", "user", "delete", "--user-id", "10", "--yes")
		s.ok("", "user", "show", "alice")
		out, _, status = s.run("", "doctor", "--columns", "check,status,found")
		if status != 4 || !strings.Contains(out, "username_unique\twarning\tauth_user.username has no unique index by itself: two users can have the same name\n") ||
			!strings.Contains(out, "username_shared\tproblem\t1 name is had by several users, 2 in all; one by those with the ids 5, 14\n") {
			t.Errorf("doctor: status %d\n%s", status, out)
		}
	})
}

// Where the database takes names of another case for the same, so does every command.
func TestNamesWithoutCase(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		s, _ := altered(t, engine, "create extension citext; alter table auth_user alter username type citext", `"username" varchar(150)`, `"username" varchar(150) collate nocase`)
		same := func(want string, args ...string) {
			t.Helper()
			if got := s.ok("", args...); got != want {
				t.Errorf("tokenctl %s: %q, want %q", strings.Join(args, " "), got, want)
			}
		}
		same("bob\n", "user", "show", "BOB", "--field", "username")
		same("bob\ncarol\n", "user", "show", "bob", "BOB", "cArOl", "Bob", "--user-id", "2", "--field", "username")
		list := s.ok("", "list", "--user", "bob")
		same(list, "list", "--user", "bob", "--user", "BoB")
		s.fails(3, "no user ali", "list", "--user", "ali")
		if _, errs, _ := s.run("", "user", "deactivate", "bob", "BOB"); strings.Count(errs, "deactivated bob\n") != 1 || strings.Contains(errs, "already") {
			t.Errorf("deactivated: %s", errs)
		}
		same("", "user", "activate", "BOB", "-q")
		if got := s.ok("", "mint", "ROOT", "root", "--user-id", "4"); strings.Count(got, "\n") != 1 {
			t.Errorf("minted for root: %s", got)
		}
		s.fails(5, "alice has a drf token already", "mint", "ALICE", "--create")
		s.fails(5, "the user bob exists already", "user", "create", "BOB")
		s.fails(2, "carl and CARL are one name in this database", "user", "create", "carl", "CARL")
		csv := func(names ...string) string {
			path := filepath.Join(t.TempDir(), "users.csv")
			if err := os.WriteFile(path, []byte("username\n"+strings.Join(names, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		s.fails(2, "users.csv line 4: the name is in ", "user", "create", "--from-csv", csv("zed", "yan", "ZED"))
		s.fails(5, "the user bob exists already", "user", "create", "--from-csv", csv("zed", "BOB"))
		many := make([]string, 20100)
		for i := range many {
			many[i] = fmt.Sprintf("many%d", i)
		}
		many[20099] = "MANY7"
		s.fails(2, "users.csv line 9 already", "user", "create", "--from-csv", csv(many...))
		s.fails(2, "users.csv line 20101: the name is in", "user", "create", "--from-csv", csv(many...))
		// What the database does not find is created once.
		want := "dry run: would mint 2 drf tokens for 2 users in " + dbtest.Name(s.url) + ", creating 2 users\n"
		if _, errs, _ := s.run("", "mint", "new", "NEW", "newer", "--create", "--dry-run"); errs != want {
			t.Errorf("%s", errs)
		}
		_, errs, status := s.run("", "mint", "new", "NEW", "newer", "--create", "--out", filepath.Join(t.TempDir(), "y"))
		if status != 0 || strings.Count(errs, "created the user") != 2 || s.query("select count(*) from auth_user where username in ('new', 'newer')") != "2" {
			t.Errorf("status %d, %s", status, errs)
		}
		if got := s.ok("", "user", "delete", "NEW", "new", "newer", "--dry-run", "--field", "username"); got != "new\nnewer\n" {
			t.Errorf("to delete: %q", got)
		}
	})
}

// Where it does not, nothing of that is guessed.
func TestNamesWithCase(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, url string) {
		s := shell{cli{t: t, url: url}, ""}
		s.ok("", "init", "-q")
		s.ok("", "user", "create", "bob", "carl", "CARL", "-q")
		for _, command := range []string{"user show BOB", "user show bob BOB", "user deactivate bob BOB", "list --user bob --user BOB", "mint bob BOB", "blacklist --user bob --user BOB --yes",
			"purge --user BOB --kind knox --yes", "user delete bob BOB --yes", "user password BOB --no-password"} {
			s.fails(3, "tokenctl: no user BOB\n", strings.Fields(command)...)
		}
		s.fails(3, "tokenctl: no users Carl, BOB\n", "user", "show", "carl", "Carl", "BOB", "CARL")
		s.ok("", "mint", "bob", "BOB", "--create", "-q", "--out", filepath.Join(t.TempDir(), "x"))
		if got := s.ok("", "user", "list", "--sort", "id", "--field", "username"); got != "bob\ncarl\nCARL\nBOB\n" {
			t.Errorf("users: %q", got)
		}
		path := filepath.Join(t.TempDir(), "users.csv")
		if err := os.WriteFile(path, []byte("username\nBoB\nboB\nalice\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.ok("", "user", "create", "--from-csv", path)
		// Another form of a name is the same name once Django has normalised it, and only then.
		s.ok("", "mint", "\ufb01ona", "fiona", "--create", "-q", "--out", filepath.Join(t.TempDir(), "y"))
		s.fails(3, "no user \ufb01ona", "user", "show", "\ufb01ona")
		s.fails(5, "the user fiona exists already", "mint", "\ufb01ona", "--create")
	})
}

// A null flag is a false one, whatever asks; only a model without the column has another.
func TestNullFlags(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		s, secrets := altered(t, engine, "alter table auth_user alter is_active drop not null, alter is_staff drop not null, alter is_superuser drop not null", " bool NOT NULL", " bool NULL",
			"update auth_user set is_active = null, is_staff = null, is_superuser = null where username = 'alice'", "update auth_user set is_staff = null where username = 'bob'")
		for kind, secret := range map[string]string{"drf": secrets.DRF["alice"], "knox": secrets.Knox["alice-1"], "jwt": secrets.JWT["alice-live"].Refresh, "session": secrets.Sessions["alice-web"]} {
			if got := s.verdict(secret); got != "disabled" {
				t.Errorf("alice's %s is %s", kind, got)
			}
		}
		fields := func(args ...string) []string { return strings.Fields(s.ok("", args...)) }
		for _, sort := range [][]string{nil, {"--sort", "status"}, {"--sort", "user"}, {"--sort", "status", "--limit", "100"}} {
			for _, kind := range []string{"drf", "knox", "jwt", "session"} {
				statuses := fields(append([]string{"list", "--user", "alice", "--kind", kind, "--field", "status"}, sort...)...)
				if len(statuses) == 0 || slices.Contains(statuses, "active") {
					t.Errorf("alice's %s %v: %s", kind, sort, statuses)
				}
				if got := fields(append([]string{"list", "--status", "disabled", "--kind", kind, "--field", "user"}, sort...)...); !slices.Contains(got, "alice") {
					t.Errorf("disabled %s: %s", kind, got)
				}
				if got := fields(append([]string{"list", "--status", "active", "--kind", kind, "--field", "user"}, sort...)...); slices.Contains(got, "alice") {
					t.Errorf("active %s: %s", kind, got)
				}
				if got := fields("list", "--staff=false", "--superuser=false", "--kind", kind, "--field", "user"); !slices.Contains(got, "alice") {
					t.Errorf("%s of no staff: %s", kind, got)
				}
			}
		}
		if got := fields("list", "--staff", "--field", "user"); slices.Contains(got, "alice") || slices.Contains(got, "bob") {
			t.Errorf("staff: %s", got)
		}
		for flag, want := range map[string]bool{"--inactive": true, "--active": false, "--active=false": true, "--staff": false, "--staff=false": true, "--superuser": false, "--superuser=false": true} {
			if got := slices.Contains(fields("user", "list", flag, "--field", "username"), "alice"); got != want {
				t.Errorf("user list %s has alice: %t", flag, got)
			}
		}
		if got := s.ok("", "user", "show", "alice", "--columns", "is_active,is_staff,is_superuser", "-o", "json"); got != "{\n  \"is_active\": null,\n  \"is_staff\": null,\n  \"is_superuser\": null\n}\n" {
			t.Errorf("shown: %s", got)
		}
		if got := s.ok("", "mint", "--all-users", "--staff", "--without", "drf", "--dry-run", "--field", "username"); strings.Contains(got, "bob") {
			t.Errorf("staff: %s", got)
		}
		if _, errs, _ := s.run("", "mint", "alice", "--kind", "knox"); !strings.Contains(errs, "alice is inactive") {
			t.Errorf("minted: %s", errs)
		}
		// Deactivating leaves it as it is, activating does not.
		if out, errs, status := s.run("", "user", "deactivate", "alice", "--field", "is_active"); status != 0 || out != "null\n" && out != "\n" || !strings.Contains(errs, "alice was inactive already") {
			t.Errorf("deactivate: %d, %q, %s", status, out, errs)
		}
		if out, errs, status := s.run("", "user", "activate", "alice", "--field", "is_active"); status != 0 || out != "true\n" || !strings.Contains(errs, "activated alice\n") {
			t.Errorf("activate: %d, %q, %s", status, out, errs)
		}
		if got := s.verdict(secrets.DRF["alice"]); got != "active" {
			t.Errorf("activated, alice's token is %s", got)
		}
		s.query("alter table auth_user drop column is_active")
		if got := s.verdict(secrets.DRF["alice"]); got != "active" {
			t.Errorf("without is_active alice's token is %s", got)
		}
		if got := fields("list", "--kind", "drf", "--status", "disabled", "-o", "id"); len(got) != 0 {
			t.Errorf("disabled without is_active: %s", got)
		}
		s.fails(1, "this application's user model has no is_active column", "user", "activate", "alice")
	})
}

// A trigger that keeps a row as it is is not taken for success, nor for a deleted user.
func TestUserChangeSwallowed(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		url, _ := dbtest.Fixture(t, engine)
		s := shell{cli{t: t, url: url}, ""}
		if engine == "sqlite" {
			s.query("create trigger keep before update on auth_user when old.id = 1 begin select raise(ignore); end")
		} else {
			dbtest.Exec(t, url, "create function keep() returns trigger language plpgsql as 'begin return null; end'; create trigger keep before update on auth_user for each row when (old.id = 1) execute function keep()")
		}
		before := s.rows()
		s.fails(1, "the database did not change the user alice", "user", "deactivate", "bob", "alice")
		s.fails(1, "the database did not change the user alice", "user", "password", "alice", "--no-password")
		if after := s.rows(); after != before {
			t.Errorf("rows were changed:\n%s\n%s", before, after)
		}
	})
}
