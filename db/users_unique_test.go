package db_test

import (
	"fmt"
	"path"
	"testing"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// Which indexes keep two users from having one name.
func TestUsernameIndex(t *testing.T) {
	t.Parallel()
	const plain = "copy (id integer primary key, password text, username text, email text, is_active bool)"
	for _, test := range []struct{ name, engine, change, want string }{
		{"as it is", "", "select 1", "true []"},
		{"none", "postgres", notUnique, "false []"},
		{"another unique column", "postgres", notUnique + "create unique index x on auth_user (id, email)", "false []"},
		{"with another", "postgres", notUnique + "create unique index x on auth_user (email, username); create unique index y on auth_user (username, email)", "false [x (further columns) y (further columns)]"},
		{"partial", "postgres", notUnique + "create unique index x on auth_user (username) where is_active", "false [x (partial)]"},
		{"about others", "postgres", notUnique + "create unique index x on auth_user (email) where username <> ''", "false [x (partial)]"},
		{"expression", "postgres", notUnique + "create unique index x on auth_user (lower(username))", "false [x (an expression)]"},
		{"invalid", "postgres", notUnique + "create unique index x on auth_user (username); update pg_index set indisvalid = false where indexrelid = 'x'::regclass", "false [x (invalid)]"},
		{"included", "postgres", notUnique + "create unique index x on auth_user (username) include (email)", "true []"},
		{"not even unique", "postgres", notUnique + "create index x on auth_user (username)", "false []"},
		{"two", "postgres", "create unique index x on auth_user (lower(username))", "true [x (an expression)]"},
		{"collation", "postgres", insensitive + notUnique + "alter table auth_user alter username type varchar(150) collate ci; create unique index x on auth_user (username collate \"C\")", "false [x (another collation)]"},

		{"none", "sqlite", "create table " + plain, "false []"},
		{"with another", "sqlite", "create table " + plain + "; create unique index x on copy (email, username); create unique index y on copy (username, email)", "false [x (further columns) y (further columns)]"},
		{"partial", "sqlite", "create table " + plain + "; create unique index x on copy (username) where is_active", "false [x (partial)]"},
		{"expression", "sqlite", "create table " + plain + "; create unique index x on copy (lower(username))", "false [x (an expression)]"},
		{"not even unique", "sqlite", "create table " + plain + "; create index x on copy (username)", "false []"},
		{"the key itself", "sqlite", "create table copy (username text primary key, password text, is_active bool)", "true []"},
	} {
		dbtest.EnginesFor(t, test.engine, test.name, func(t *testing.T, _, address string) {
			initialised(t, address, db.Options{})
			o := db.Options{UsernameField: "username"}
			if test.engine == "sqlite" {
				o.UserTable = "copy"
			}
			execute(t, address, test.change)
			got := "none"
			err := open(t, address, o).Read(t.Context(), func(tx *db.Tx) error {
				x, err := tx.UsernameIndex(t.Context())
				if x != nil {
					got = fmt.Sprint(x.Unique, " ", x.Short)
				}
				return err
			})
			dbtest.WantCode(t, err, "")
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// Names are counted as the database compares them, whatever the column.
func TestSharedNames(t *testing.T) {
	t.Parallel()
	want := map[string]string{"citext": "{2 4 [1 2]}", "domain_of_citext": "{2 4 [1 2]}", "citext_off_the_path": "{2 4 [1]}", "collation": "{2 4 [1 2]}",
		"nocase": "{2 4 [1 2]}", "not_unique": "{1 3 [1 2 3]}"}
	// Off the path of citext's operators, grouping still ignores case and = does not.
	inNameColumns(t, "", func(t *testing.T, _ string, s *db.Store) {
		var shared db.SharedNames
		err := s.Read(t.Context(), func(tx *db.Tx) (err error) {
			shared, err = tx.SharedNames(t.Context())
			return err
		})
		dbtest.WantCode(t, err, "")
		expect := want[path.Base(t.Name())]
		if expect == "" {
			expect = "{0 0 []}"
		}
		if got := fmt.Sprint(shared); got != expect {
			t.Errorf("%s, want %s", got, expect)
		}
	})
}
