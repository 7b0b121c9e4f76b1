package db_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// named are the users with these names, each of whom must be one.
func named(ctx context.Context, tx *db.Tx, names ...string) ([]db.User, error) {
	found, err := tx.FindUsers(ctx, names, nil)
	if err != nil {
		return nil, err
	}
	return found.Users, found.Err()
}

// copied is SQL that gives SQLite's user table another column for the names.
func copied(column string) string {
	return `create table copy (id integer primary key, password text, ` + column + `, is_active bool); insert into copy select id, password, username, is_active from auth_user;
		pragma foreign_keys = off; drop table auth_user; alter table copy rename to auth_user`
}

const (
	noLike      = "drop index auth_user_username_6821ab7c_like; set constraints all immediate;"
	notUnique   = "alter table auth_user drop constraint auth_user_username_key;"
	insensitive = "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);" + noLike
	apart       = "delete from auth_user where username in ('BOB', 'CARL');"
)

// nameColumns are columns that compare names in different ways.
var nameColumns = []struct{ name, engine, change string }{
	{"as it is", "", "select 1"},
	{"citext", "postgres", "create extension citext;" + notUnique + "alter table auth_user alter username type citext"},
	{"unique citext", "postgres", "create extension citext;" + apart + noLike + "alter table auth_user alter username type citext"},
	{"citext off the path", "postgres", "create schema ext; create extension citext schema ext;" + notUnique + "alter table auth_user alter username type ext.citext"},
	{"collation", "postgres", insensitive + notUnique + "alter table auth_user alter username type varchar(150) collate ci"},
	{"unique collation", "postgres", apart + insensitive + "alter table auth_user alter username type varchar(150) collate ci"},
	{"char", "postgres", noLike + "alter table auth_user alter username type char(40)"},
	{"text", "postgres", "alter table auth_user alter username type text"},
	{"domain", "postgres", "create domain login as varchar(150) check (value <> 'nobody'); alter table auth_user alter username type login"},
	{"domain of citext", "postgres", "create extension citext; create domain login as citext check (value <> 'nobody');" + notUnique + "alter table auth_user alter username type login"},
	{"integer", "postgres", noLike + "alter table auth_user alter username type integer using id"},
	{"uuid", "postgres", noLike + "alter table auth_user alter username type uuid using lpad(id::text, 32, '0')::uuid"},
	{"not unique", "postgres", notUnique + "update auth_user set username = 'bob' where username in ('BOB', 'Carl')"},

	{"nocase", "sqlite", copied("username varchar(150) collate nocase")},
	{"unique nocase", "sqlite", apart + copied("username varchar(150) collate nocase unique")},
	{"rtrim", "sqlite", copied("username varchar(150) collate rtrim")},
	{"without a type", "sqlite", copied("username")},
	{"integer", "sqlite", "update auth_user set username = id;" + copied("username integer unique")},
	{"not unique", "sqlite", copied("username varchar(150)") + "; update auth_user set username = 'bob' where username in ('BOB', 'Carl')"},
}

var storedNames = []string{"bob", "BOB", "Carl", "CARL", "ann", "zoë", "o'neil", `back\slash`, `"q"`, "{a,b}", "NULL", "bob2"}

// askedNames hold repetitions, other cases, forms and blanks, and what no column can hold.
var askedNames = []string{"bob", "Bob", "BOB", "carl", "CARL", "nobody", "bob", "ann", "ANN", "ann ", " ann", "zoë", "zoe\u0308", "ZOË", "o'neil", `back\slash`, `"q"`, "{a,b}", "NULL", "null",
	"", "1", "01", "+1", "99999999999999999999", "00000000-0000-0000-0000-000000000002", "0000000000000000000000000000000002", "\x00", "bob\x00", "\xff", "bo\xffb", "%", "_", "日本"}

// inNameColumns runs f for the columns whose names contain a text.
func inNameColumns(t *testing.T, text string, f func(t *testing.T, address string, s *db.Store)) {
	for _, test := range nameColumns {
		if !strings.Contains(test.name, text) {
			continue
		}
		dbtest.EnginesFor(t, test.engine, test.name, func(t *testing.T, _, address string) {
			s := initialised(t, address, db.Options{})
			err := s.Write(t.Context(), func(tx *db.Tx) error {
				var list []db.NewUser
				for _, name := range storedNames {
					list = append(list, db.NewUser{Username: name, Password: "!", IsActive: true})
				}
				_, err := tx.CreateUsers(t.Context(), list, strings.NewReader(""))
				return err
			})
			dbtest.WantCode(t, err, "")
			execute(t, address, test.change)
			f(t, address, open(t, address, db.Options{UsernameField: "username"}))
		})
	}
}

// TestNameColumns asks about all names at once, and compares the answers with those of
// the database about one at a time.
func TestNameColumns(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	inNameColumns(t, "", func(t *testing.T, address string, s *db.Store) {
		checkNamed(t, address, s)
		if !strings.HasSuffix(t.Name(), "integer") {
			checkRepeated(t, address, s)
		}
	})
}

func checkNamed(t *testing.T, address string, s *db.Store) {
	got := make([]string, len(askedNames))
	err := s.Read(t.Context(), func(tx *db.Tx) error {
		list, _, err := tx.UsersNamed(t.Context(), askedNames)
		for _, m := range list {
			got[m.At] += m.User.ID + "\n"
		}
		return err
	})
	dbtest.WantCode(t, err, "")
	for i, name := range askedNames {
		want := ""
		if utf8.ValidString(name) && !strings.ContainsRune(name, 0) {
			want = dbtest.Query(address, "select id from auth_user where username = '"+strings.ReplaceAll(name, "'", "''")+"' order by id")
		}
		if strings.Contains(want, "ERROR") {
			want = "" // the column cannot hold it
		}
		if got[i] != want {
			t.Errorf("%q is the name of %q, want %q", name, got[i], want)
		}
	}
}

// checkRepeated puts the names into the table one by one, and looks for each before.
func checkRepeated(t *testing.T, address string, s *db.Store) {
	var got map[int]int
	err := s.Read(t.Context(), func(tx *db.Tx) (err error) {
		_, got, err = tx.UsersNamed(t.Context(), askedNames)
		return err
	})
	dbtest.WantCode(t, err, "")
	dbtest.Query(address, "delete from auth_user")
	insert := "insert into auth_user (id, password, username, first_name, last_name, email, is_staff, is_superuser, is_active, date_joined) values (%d, '!', %s, '', '', '', false, false, true, '2024-01-01')"
	if strings.Contains(dbtest.Query(address, "select email from auth_user"), "email") { // there is no such column
		insert = "insert into auth_user (id, password, username) values (%d, '!', %s)"
	}
	want := map[int]int{}
	for i, name := range askedNames {
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			continue
		}
		literal := "'" + strings.ReplaceAll(name, "'", "''") + "'"
		var first int
		if n, _ := fmt.Sscan(dbtest.Query(address, "select min(id) from auth_user where username = "+literal), &first); n == 1 {
			want[i] = first
			continue
		}
		dbtest.Query(address, fmt.Sprintf(insert, i, literal))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("repeated: %v, want %v", got, want)
	}
}

// Names and keys mean each user once, in the order asked, and whoever is not exactly one
// user is named.
func TestFindUsers(t *testing.T) {
	t.Parallel()
	inNameColumns(t, "not unique", func(t *testing.T, _ string, s *db.Store) {
		err := s.Read(t.Context(), func(tx *db.Tx) error {
			f, err := tx.FindUsers(t.Context(), []string{"nobody", "bob", "ann", "none", "bob", "ann", "nobody"}, []string{"12", "05", "5", "77", "x", "77"})
			if err != nil {
				return err
			}
			var ids []string
			for _, u := range f.Users {
				ids = append(ids, u.ID)
			}
			if got := strings.Join(ids, " "); got != "5 12" {
				t.Errorf("users %s", got)
			}
			if !slices.Equal(f.MissingNames, []string{"nobody", "none"}) || !slices.Equal(f.MissingKeys, []string{"77", "x"}) {
				t.Errorf("missing %q, lost %q", f.MissingNames, f.MissingKeys)
			}
			err = f.Err()
			dbtest.WantCode(t, err, tokenctl.CodeAmbiguousUser)
			if got := err.Error(); got != "3 users have the name bob: ids 1, 2, 3; no users nobody, none, 77, x" {
				t.Error(got)
			}
			return nil
		})
		dbtest.WantCode(t, err, "")
	})
}

// A key is compared as the database compares it, in every form that Django reads, and one
// that the column cannot hold is nobody's.
func TestUserKeys(t *testing.T) {
	t.Parallel()
	const hex = "00112233445566778899aabbccddeeff"
	const dashed = "00112233-4455-6677-8899-aabbccddeeff"
	for _, test := range []struct{ name, engine, key, stored, shown, same, others string }{
		{"integer", "", "integer primary key", "7", "7", "7 007 +7", "70 7.0 x -7 99999999999999999999"},
		{"bigint", "postgres", "bigint primary key", "7", "7", "7 007", "9223372036854775808 x"},
		{"smallint", "postgres", "smallint primary key", "7", "7", "7 007", "40000 x"},
		{"uuid", "postgres", "uuid primary key", "'" + dashed + "'", dashed, dashed + " " + hex + " " + strings.ToUpper(hex) + " {" + dashed + "} urn:uuid:" + dashed, hex[1:] + " " + hex + "0 x 7"},
		{"uuid", "sqlite", "char(32) primary key", "'" + hex + "'", dashed, dashed + " " + hex + " " + strings.ToUpper(dashed) + " {" + hex + "} urn:uuid:" + dashed, hex[1:] + " " + hex + "0 x 7"},
		{"text", "", "varchar(60) primary key", "'ann'", "ann", "ann", "Ann 7 \xff ann\x00"},
		{"citext", "postgres", "citext primary key", "'ann'", "ann", "ann ANN aNN", "anne 7"},
		{"nocase", "sqlite", "varchar(60) collate nocase primary key", "'ann'", "ann", "ann ANN aNN", "anne 7"},
	} {
		dbtest.EnginesFor(t, test.engine, test.name, func(t *testing.T, engine, address string) {
			if engine == "postgres" {
				execute(t, address, "create extension citext")
			}
			initialised(t, address, db.Options{})
			execute(t, address, "create table people (key "+test.key+", password varchar(128), login varchar(60) unique); insert into people values ("+test.stored+", '!', 'a login')")
			s := open(t, address, db.Options{UserTable: "people", UsernameField: "login"})
			err := s.Read(t.Context(), func(tx *db.Tx) error {
				f, err := tx.FindUsers(t.Context(), []string{"a login"}, strings.Fields(test.same))
				if err == nil && (len(f.Users) != 1 || f.Users[0].ID != test.shown || f.Err() != nil) {
					t.Errorf("%s: %+v", test.same, f)
				}
				if err != nil {
					return err
				}
				f, err = tx.FindUsers(t.Context(), nil, strings.Fields(test.others))
				if err == nil && (len(f.Users) != 0 || !slices.Equal(f.MissingKeys, strings.Fields(test.others))) {
					t.Errorf("%s: %+v", test.others, f)
				}
				return err
			})
			dbtest.WantCode(t, err, "")
		})
	}
}
