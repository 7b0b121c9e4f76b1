package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// csvOf writes a CSV of n users, each line by the function.
func csvOf(t *testing.T, header string, n int, line func(i int) string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Many users are written at once, in the order of the file, each with what its
// line gives; one of them who cannot be is named, and nobody is created.
func TestUserCreateMany(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	const n = 21000 // more than one part
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := shell{cli{t: t, url: url}, ""}
		s.ok("", "init", "-q")
		// What only the database enforces.
		s.query("create unique index one_mail on auth_user (email) where email <> ''")
		users := func(last string) string {
			return csvOf(t, "username,email,first_name,is_staff,is_active,last_login", n, func(i int) string {
				email := fmt.Sprintf("u%d@example.org", i)
				switch {
				case i == n-1:
					email = last
				case i%3 == 0:
					email = ""
				}
				login := ""
				if i%2 == 0 {
					login = "2024-01-02T03:04:05"
				}
				return fmt.Sprintf("u%d,%s,\"Z\u00fc\trich \\N %d\",%d,%d,%s", i, email, i, i%5%2, i%7%2, login)
			})
		}
		s.fails(5, "users.csv line 21001: the user u20999, or another one of its unique values, exists already", "user", "create", "--from-csv", users("u1@example.org"))
		if got := s.query("select count(*) from auth_user"); got != "0" {
			t.Fatalf("%s users are left", got)
		}
		if _, errs, status := s.run("", "user", "create", "--from-csv", users("last@example.org")); status != 0 || errs != "created 21000 users in "+dbtest.Name(s.url)+"\n" {
			t.Fatalf("status %d: %s", status, errs)
		}
		wrong := `select count(*) from auth_user where username <> 'u' || (id - (select min(id) from auth_user)) or first_name <> 'Zürich \N ' || substr(username, 2)
			or password not like '!________________________________________' or date_joined is null or is_superuser
			or (last_login is null) <> ((id - (select min(id) from auth_user)) % 2 = 1)`
		wrong = strings.Replace(wrong, "Zürich", "Zü\trich", 1)
		if got := s.query(wrong); got != "0" {
			t.Errorf("%s users are not as their lines", got)
		}
		if got := s.query("select count(*), count(distinct password), count(distinct date_joined) from auth_user"); got != "21000|21000|1" {
			t.Errorf("users, passwords and dates: %s", got)
		}
		for field, want := range map[string]int{"is_staff": 8400, "is_active": 9000} {
			if got := s.query("select count(*) from auth_user where " + field); got != fmt.Sprint(want) {
				t.Errorf("%s have %s, want %d", got, field, want)
			}
		}
		if got := strings.Count(s.ok("", "user", "list", "--field", "last_login"), "2024-01-02T03:04:05Z"); got != n/2 {
			t.Errorf("%d logins are read, want %d", got, n/2)
		}
	})
}

// A UUID key is made for each of them, a default of the database is left to it,
// and what tokenctl cannot read goes to the database as it was written.
func TestUserCreateManyCustom(t *testing.T) {
	t.Parallel()
	const n = 300
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := shell{cli{t: t, url: url}, privateFile(t, "[auth]\nuser_table = \"crm_person\"\n")}
		cli{t: t, url: url}.must("", "init", "-q")
		s.query(`create table crm_person (id ` + map[string]string{"sqlite": "char(32)", "postgres": "uuid"}[engine] + ` primary key,
			password varchar(128) not null, last_login timestamp, email varchar(60) not null unique, is_active bool not null,
			seats integer not null, plan varchar(9) not null default 'free', born date, phone varchar(20))`)
		for name, columns := range map[string]string{"copy": "plan,phone", "read_by_the_server": "plan,born"} {
			t.Run(name, func(t *testing.T) {
				s := s
				s.t = t
				s.query("delete from crm_person")
				file := csvOf(t, "email,seats,"+columns, n, func(i int) string {
					plan, other := "", ""
					if i >= 100 && i < 200 {
						plan = "gold"
					}
					if i%2 == 0 {
						other = "1999-12-31"
					}
					return fmt.Sprintf("p%d@b.org,%d,%s,%s", i, i, plan, other)
				})
				s.ok("", "user", "create", "--from-csv", file)
				other := columns[5:]
				if got := s.query("select count(distinct id), count(*), sum(seats), count(" + other + ") from crm_person where is_active"); got != "300|300|44850|150" {
					t.Errorf("ids, users, seats and %s: %s", other, got)
				}
				if got := s.query("select plan, count(*), min(seats) from crm_person group by plan order by plan"); got != "free|200|0\ngold|100|100" {
					t.Errorf("plans: %s", got)
				}
				s.fails(5, "the user p7@b.org exists already", "user", "create", "--from-csv", csvOf(t, "email,seats", n, func(i int) string {
					if i == 50 {
						return "p7@b.org,1"
					}
					return fmt.Sprintf("q%d@b.org,1", i)
				}))
			})
		}
		// The line is named whose value the database refuses.
		s.fails(2, "users.csv line 202: ", "user", "create", "--from-csv", csvOf(t, "email,seats", n, func(i int) string {
			if i == 200 {
				return "x200@b.org,many"
			}
			return fmt.Sprintf("x%d@b.org,1", i)
		}))
	})
}

// Of a large file, and of standard input as much, every name is looked at before
// anybody is created.
func TestUserCreateManyNames(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	const n = 21000 // more than are held in memory
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := shell{cli{t: t, url: url}, ""}
		s.ok("", "init", "-q")
		file := func(last string) string {
			return csvOf(t, "username", n, func(i int) string {
				if i == n-1 {
					return last
				}
				return fmt.Sprintf("u%d", i)
			})
		}
		s.fails(2, "users.csv line 21001: the name is in ", "user", "create", "--from-csv", file("u5"))
		s.fails(2, "users.csv line 7 already", "user", "create", "--from-csv", file("u5"))
		s.fails(2, "users.csv line 21001: the name is not valid: ", "user", "create", "--from-csv", file("a b"))
		s.ok("", "user", "create", "u5", "u20998", "other", "-q")
		s.fails(5, "the users u5, u20998 exist already", "user", "create", "--from-csv", file("last"))
		if got := s.query("select count(*) from auth_user"); got != "3" {
			t.Fatalf("%s users are left", got)
		}
		s.query("delete from auth_user where username <> 'other'")
		text, err := os.ReadFile(file("last"))
		if err != nil {
			t.Fatal(err)
		}
		if _, errs, status := s.run(string(text), "user", "create", "--from-csv", "-"); status != 0 || errs != "created 21000 users in "+dbtest.Name(s.url)+"\n" {
			t.Fatalf("from standard input: status %d: %s", status, errs)
		}
		s.fails(5, "u19 and others exist already", "user", "create", "--from-csv", file("last"))
		if got := s.query("select count(*) from auth_user"); got != "21001" {
			t.Errorf("%s users are there", got)
		}
	})
}
