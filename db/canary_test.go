package db_test

import (
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// A server's errors quote rows, and rows hold secrets: none of this text may
// come back.
const canary = "CANARY"

const insertUser = `insert into auth_user (username, password, first_name, last_name, email, is_active, is_staff, is_superuser, date_joined) values `

var canaries = []struct {
	name, engine string // empty: both
	want         tokenctl.Code
	statements   []string
}{
	{"unique", "", tokenctl.CodeAlreadyExists, []string{insertUser + `('CANARY', '', '', '', '', true, true, true, '2026-01-01 00:00:00')`}},
	{"not null", "", tokenctl.CodeColumnsRequired, []string{`update auth_user set last_name = null`}},
	{"not null insert", "", tokenctl.CodeColumnsRequired, []string{`insert into auth_user (username) values ('CANARY')`}},
	{"check", "", tokenctl.CodeInvalidValue, []string{`create table c (v text check (length(v) < 3))`, `insert into c values ('CANARY')`}},
	{"foreign key", "postgres", tokenctl.CodeReferenced, []string{`create table r (v text references auth_user (username))`, `insert into r values ('CANARY2')`}},
	{"foreign key", "sqlite", tokenctl.CodeReferenced, []string{`create table r (v text references auth_user (username))`, `insert into r values ('CANARY2')`}},
	{"too long", "postgres", tokenctl.CodeInvalidValue, []string{`update auth_user set username = repeat('CANARY', 100)`}},
	{"integer", "postgres", tokenctl.CodeInvalidValue, []string{`select username::int from auth_user`}},
	{"uuid", "postgres", tokenctl.CodeInvalidValue, []string{`select username::uuid from auth_user`}},
	{"time", "postgres", tokenctl.CodeInvalidValue, []string{`select username::timestamptz from auth_user`}},
	{"json", "postgres", tokenctl.CodeInvalidValue, []string{`select username::jsonb from auth_user`}},
	{"regexp", "postgres", tokenctl.CodeDatabaseError, []string{`select 'x' ~ (username || '(') from auth_user`}},
	{"exclusion", "postgres", tokenctl.CodeDatabaseError, []string{`create table e (v text, exclude using hash (v with =))`, `insert into e values ('CANARY'), ('CANARY')`}},
	{"raise", "postgres", tokenctl.CodeDatabaseError, []string{trigger("P0001"), `update auth_user set email = 'x'`}},
	{"raise 42501", "postgres", tokenctl.CodePermissionDenied, []string{trigger("42501"), `update auth_user set email = 'x'`}},
	{"raise 53000", "postgres", tokenctl.CodeDatabaseError, []string{trigger("53000"), `update auth_user set email = 'x'`}},
	{"raise 08006", "postgres", tokenctl.CodeDatabaseUnreachable, []string{trigger("08006"), `update auth_user set email = 'x'`}},
	{"raise 57P01", "postgres", tokenctl.CodeDatabaseUnreachable, []string{trigger("57P01"), `update auth_user set email = 'x'`}},
	{"dynamic SQL", "postgres", tokenctl.CodeDatabaseError, []string{`do $$ begin execute 'select ' || (select username from auth_user) || '()'; end $$`}},
	{"raise", "sqlite", tokenctl.CodeDatabaseError, []string{`create trigger c before update on auth_user begin select raise(abort, 'CANARY'); end`, `update auth_user set email = 'x'`}},
	{"json", "sqlite", tokenctl.CodeDatabaseError, []string{`select json_extract('{CANARY', '$')`}},
}

func trigger(code string) string {
	return `create function c() returns trigger language plpgsql as $$ begin raise exception using errcode = '` + code + `',
		message = format('row %s', old), detail = old::text, hint = old::text, constraint = 'c', table = 't'; end $$;
		create trigger c before update on auth_user for each row execute function c()`
}

func TestCanaries(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		withToken(t, s, canary, 1)
		for _, test := range canaries {
			if test.engine == "" || test.engine == string(s.Engine) {
				t.Run(test.name, func(t *testing.T) { quiet(t, write(t.Context(), s, test.statements...), test.want) })
			}
		}
	})
}

func quiet(t testing.TB, err error, want tokenctl.Code) {
	t.Helper()
	dbtest.WantCode(t, err, want)
	e := err.(*tokenctl.Error)
	if text := e.Message + e.Hint; strings.Contains(text, canary) {
		t.Errorf("the error quotes a row: %s", text)
	}
}

// SQLite's columns hold anything. What Django cannot read is unknown, and a flag is true if
// it is 1, as Django's converter for bool has it.
func TestOddValues(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"is_active", "last_login", "date_joined", "is_staff"} {
		address := dbtest.SQLite(t)
		s := initialised(t, address, db.Options{})
		withToken(t, s, "ann", 1)
		execute(t, address, "update auth_user set "+column+" = 'CANARY'")
		for _, sort := range []string{"", "username"} {
			for u, err := range s.ListUsers(t.Context(), db.Filter{Sort: sort}) {
				if err != nil {
					t.Fatalf("%s: %v", column, err)
				}
				if u.Active() == (column == "is_active") || *u.IsStaff || u.DateJoined.IsZero() != (column == "date_joined") || !u.LastLogin.IsZero() {
					t.Errorf("%s: %+v", column, u)
				}
			}
		}
		err := s.Read(t.Context(), func(tx *db.Tx) error {
			found, err := tx.TokensWithKeys(t.Context(), []tokenctl.Secret{key(1)})
			if err == nil && found[0] == nil {
				t.Errorf("%s: the token was not found", column)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", column, err)
		}
	}
}
