package commands_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django"
)

// shell runs tokenctl with a settings file.
type shell struct {
	cli
	config string // a tokenctl.toml; may be empty
}

func (s shell) run(stdin string, args ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	if s.config != "" {
		args = append([]string{"--config", s.config}, args...)
	}
	return s.cli.run(stdin, args...)
}

// ok runs a command that must succeed and returns its stdout.
func (s shell) ok(stdin string, args ...string) string {
	s.t.Helper()
	out, errs, status := s.run(stdin, args...)
	if status != 0 {
		s.t.Fatalf("tokenctl %s ended with status %d: %s", strings.Join(args, " "), status, errs)
	}
	return out
}

// fails runs a command that must end with the status and say want on stderr.
func (s shell) fails(status int, want string, args ...string) {
	s.t.Helper()
	out, errs, got := s.run("", args...)
	if got != status || !strings.Contains(errs, want) || out != "" {
		s.t.Errorf("tokenctl %s ended with status %d, stdout %q and stderr %q, want %d and %q", strings.Join(args, " "), got, out, errs, status, want)
	}
}

func (s shell) query(sql string) string { return strings.TrimSpace(dbtest.Query(s.url, sql)) }

func (s shell) hash(name string) string {
	return s.query("select password from auth_user where username = '" + name + "'")
}

func TestUserPasswordHash(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, url string) {
		s := shell{cli{t: t, url: url}, privateFile(t, "[auth]\npbkdf2_iterations = 300000\n")}
		s.ok("", "init", "-q")
		check := func(name, password string) {
			t.Helper()
			encoded := s.hash(name)
			if n, _ := django.PBKDF2Iterations(encoded); n != 300_000 || !strings.HasPrefix(encoded, "pbkdf2_sha256$") {
				t.Errorf("%s: %d iterations in %.21s", name, n, encoded)
			}
			if !django.CheckPassword(password, encoded) {
				t.Errorf("%s: the stored hash is not that of %q", name, password)
			}
		}
		s.ok(" blanks count \n", "user", "create", "alice", "--password-stdin")
		check("alice", " blanks count ")
		s.ok("zürich ist schön\r\n", "user", "password", "alice", "--password-stdin")
		check("alice", "zürich ist schön")
		check("bob", strings.TrimSpace(s.ok("", "user", "create", "bob", "--generate-password")))
		for line := range strings.Lines(s.ok("", "user", "create", "c1", "c2", "c3", "--generate-password")) {
			name, password, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			check(name, password)
		}
		file := filepath.Join(t.TempDir(), "users.csv")
		if err := os.WriteFile(file, []byte("username,password\nd1,\"a \"\"quoted\"\" one\"\nd2,\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.ok("", "user", "create", "--from-csv", file)
		check("d1", `a "quoted" one`)
		if encoded := s.hash("d2"); len(encoded) != 41 || encoded[0] != '!' {
			t.Errorf("an unusable password is stored as %q", encoded)
		}
		// Without the setting the newest users' hashes tell.
		s.config = ""
		check("eve", strings.TrimSpace(s.ok("", "user", "create", "eve", "--generate-password")))
	})
}

// customModel is a user model as applications define their own: a UUID key, the
// e-mail address as USERNAME_FIELD, columns of its own, few of AbstractUser's.
var customModel = map[string]string{
	"sqlite": `create table crm_person (id char(32) not null primary key, password varchar(128) not null, last_login datetime null,
		email varchar(60) not null unique, phone varchar(10) not null, seats integer not null, is_active bool not null, born date null)`,
	"postgres": `create table crm_person (id uuid not null primary key, password varchar(128) not null, last_login timestamptz null,
		email varchar(60) not null unique, phone varchar(10) not null, seats integer not null, is_active boolean not null, born date null)`,
}

func TestUserCustomModel(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := shell{cli{t: t, url: url}, privateFile(t, "[auth]\npbkdf2_iterations = 260000\nuser_table = \"crm_person\"\n")}
		cli{t: t, url: url}.must("", "init", "-q")
		s.query(customModel[engine])
		s.query(`create table crm_person_groups (id integer primary key, person_id ` + map[string]string{"sqlite": "char(32)", "postgres": "uuid"}[engine] + ` not null references crm_person (id))`)

		s.fails(2, `this application's users also need a value for phone, seats`, "user", "create", "Ann@EXAMPLE.org")
		s.fails(2, `give --set phone=VALUE --set seats=VALUE`, "user", "create", "Ann@EXAMPLE.org")
		s.fails(2, "the user model has no is_staff column for --staff", "user", "create", "a@b.org", "--staff", "--set", "phone=1", "--set", "seats=1")
		s.fails(2, "Enter a valid email address.", "user", "create", "ann", "--set", "phone=1", "--set", "seats=1")
		s.fails(2, "at most 60 characters", "user", "create", strings.Repeat("a", 60)+"@b.org", "--set", "phone=1", "--set", "seats=1")
		s.fails(2, "", "user", "create", "a@b.org", "--set", "phone=01234567890", "--set", "seats=1")
		s.fails(2, "", "user", "create", "a@b.org", "--set", "phone=1", "--set", "seats=many")
		s.fails(2, "leave out --email", "user", "create", "a@b.org", "--email", "b@b.org", "--set", "phone=1", "--set", "seats=1")

		var user map[string]any
		out := s.ok("long and private", "user", "create", "Ann@EXAMPLE.org", "--password-stdin", "--set", "phone=+49", "--set", "seats=3", "--set", "born=1990-01-02", "-o", "json")
		if err := json.Unmarshal([]byte(out), &user); err != nil {
			t.Fatal(err)
		}
		id, _ := user["id"].(string)
		if len(id) != 36 || user["username"] != "Ann@example.org" || user["is_staff"] != nil || user["date_joined"] != nil || user["is_active"] != true {
			t.Errorf("created %s", out)
		}
		if got := s.query("select phone, seats from crm_person"); got != "+49|3" {
			t.Errorf("stored %s", got)
		}
		s.fails(5, "the user Ann@example.org exists already", "user", "create", "Ann@example.ORG", "--set", "phone=1", "--set", "seats=1")

		// The columns of a CSV are the model's.
		file := filepath.Join(t.TempDir(), "people.csv")
		if err := os.WriteFile(file, []byte("email,seats,phone,born\nben@b.org,1,,\ncleo@b.org,2,123,2000-02-03\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.ok("", "user", "create", "--from-csv", file)
		if got := s.query("select email, phone, seats from crm_person where seats < 3 order by seats"); got != "ben@b.org||1\ncleo@b.org|123|2" {
			t.Errorf("stored %s", got)
		}
		for _, sort := range []string{"is_staff", "date_joined", "-username", "id"} {
			if n := strings.Count(s.ok("", "user", "list", "--sort", sort), "\n"); n != 3 {
				t.Errorf("sorted by %s there are %d users", sort, n)
			}
		}
		s.fails(1, "--staff: this application's user model has no is_staff column", "user", "list", "--staff")
		for _, form := range []string{id, strings.ReplaceAll(id, "-", ""), strings.ToUpper(id)} {
			if got := s.ok("", "user", "show", "--user-id", form, "--field", "username"); got != "Ann@example.org\n" {
				t.Errorf("%s is %q", form, got)
			}
		}
		s.ok("", "user", "deactivate", "Ann@example.org")
		s.ok("", "user", "password", "--user-id", id, "--generate-password")
		key := id
		if engine == "sqlite" {
			key = strings.ReplaceAll(id, "-", "")
		}
		s.query("insert into crm_person_groups (id, person_id) values (1, '" + key + "')")
		s.ok("", "user", "delete", "Ann@example.org", "ben@b.org", "--yes")
		if got := s.query("select (select count(*) from crm_person), (select count(*) from crm_person_groups)"); got != "1|0" {
			t.Errorf("left %s", got)
		}
	})
}

// A model that inherits from a concrete one keeps its name and password in the
// parent's table.
func TestUserInheritedModel(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, url string) {
		s := shell{cli{t: t, url: url}, privateFile(t, "[auth]\nuser_table = \"crm_agent\"\n")}
		cli{t: t, url: url}.must("", "init", "-q")
		s.query("create table crm_agent (user_ptr_id integer not null primary key references auth_user (id) deferrable initially deferred, badge varchar(5) not null)")
		s.fails(2, "badge", "user", "create", "bond")
		s.ok("", "user", "create", "bond", "--set", "badge=007", "--email", "bond@example.org")
		if got := s.query("select u.username, a.badge from crm_agent a join auth_user u on u.id = a.user_ptr_id"); got != "bond|007" {
			t.Errorf("stored %s", got)
		}
		s.ok("", "user", "delete", "bond", "--yes")
		if got := s.query("select (select count(*) from crm_agent), (select count(*) from auth_user)"); got != "0|0" {
			t.Errorf("left %s", got)
		}
	})
}

// question is a person who does something before answering.
type question func() string

func (q question) Read(p []byte) (int, error) { return copy(p, q()), nil }

func TestUserDeleteChangedMeanwhile(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, url string) {
		c := cli{t: t, url: url}
		c.must("", "init", "-q")
		c.must("", "user", "create", "alice", "bob", "-q")
		ask := func(meanwhile string, args ...string) (string, int) {
			_, errs, status := c.asked(func() {
				if meanwhile != "" {
					c.must("", "mint", meanwhile)
				}
			}, args...)
			return errs, status
		}
		if errs, status := ask("alice", "user", "delete", "alice", "bob"); status != 5 || !strings.Contains(errs, "have changed since they were shown") {
			t.Errorf("status %d: %s", status, errs)
		}
		if n := strings.Count(c.must("", "user", "list", "-o", "id"), "\n"); n != 1 {
			t.Errorf("%d users are left, want 2", n+1)
		}
		if errs, status := ask("", "user", "delete", "alice", "bob"); status != 0 {
			t.Errorf("status %d: %s", status, errs)
		}
		if list := c.must("", "user", "list"); list != "" {
			t.Errorf("left: %s", list)
		}
	})
}
