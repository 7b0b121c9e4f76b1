package db_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// A sequence that is behind its table is no duplicate of what was asked for.
func TestSequenceBehind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, change, sequence string
		many                   int // users
	}{
		{"serial", "select setval(pg_get_serial_sequence('auth_user', 'id'), 1, false)", "public.auth_user_id_seq", 1},
		{"many", "select setval(pg_get_serial_sequence('auth_user', 'id'), 1, false)", "public.auth_user_id_seq", 50},
		{"own", "create sequence s; alter table auth_user alter id drop identity if exists; alter table auth_user alter id set default nextval('s')", "public.s", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := dbtest.Postgres(t)
			s := initialised(t, address, db.Options{})
			newUser(t, s, "ann")
			manyUsers(t, address, 1000)
			dbtest.Exec(t, address, test.change)
			s = open(t, address, db.Options{})
			var list []db.NewUser
			for i := range test.many {
				list = append(list, db.NewUser{Username: fmt.Sprintf("new%d", i), IsActive: true})
			}
			err := s.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.CreateUsers(t.Context(), list, nil); return err })
			dbtest.Says(t, err, tokenctl.CodeDatabaseError, "sequence "+test.sequence+" is behind auth_user.id", "select setval('"+test.sequence+"', (select max(\"id\") from \"public\".\"auth_user\"))")
			dbtest.Exec(t, address, "select setval('"+test.sequence+"', (select max(id) from auth_user))")
			err = s.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.CreateUsers(t.Context(), list, nil); return err })
			dbtest.WantCode(t, err, "")
			err = s.Write(t.Context(), func(tx *db.Tx) error { _, err := tx.CreateUsers(t.Context(), list[:1], nil); return err })
			dbtest.Says(t, err, tokenctl.CodeUserExists, "new0", "username")
		})
	}
	t.Run("jwt", func(t *testing.T) {
		t.Parallel()
		address := dbtest.Postgres(t)
		s := initialised(t, address, db.Options{})
		newUser(t, s, "ann")
		token := db.OutstandingToken{JTI: strings.Repeat("a", 32), Text: tokenctl.NewSecret("x")}
		token.User.ID = "1"
		insert := func() error {
			return s.Write(t.Context(), func(tx *db.Tx) error {
				if err := tx.InsertOutstandingTokens(t.Context(), []db.OutstandingToken{token}, tx.Now); err != nil {
					return err
				}
				return nil
			})
		}
		dbtest.WantCode(t, insert(), "")
		dbtest.Says(t, insert(), tokenctl.CodeAlreadyExists, "token_blacklist_outstandingtoken", "jti")
		dbtest.Exec(t, address, "select setval(pg_get_serial_sequence('token_blacklist_outstandingtoken', 'id'), 1, false)")
		token.JTI = strings.Repeat("b", 32)
		dbtest.Says(t, insert(), tokenctl.CodeDatabaseError, "token_blacklist_outstandingtoken.id", "setval")
	})
}

func TestIDsUsedUp(t *testing.T) {
	t.Parallel()
	create := func(s *db.Store) error {
		return s.Write(t.Context(), func(tx *db.Tx) error {
			_, err := createUser(t.Context(), tx, db.NewUser{Username: "new"}, nil)
			return err
		})
	}
	for _, change := range []string{
		"select setval(pg_get_serial_sequence('auth_user', 'id'), 2147483647)",
		"create sequence s start 2147483648; alter table auth_user alter id drop identity if exists; alter table auth_user alter id set default nextval('s')",
	} {
		address := dbtest.Postgres(t)
		initialised(t, address, db.Options{})
		dbtest.Exec(t, address, change)
		dbtest.Says(t, create(open(t, address, db.Options{})), tokenctl.CodeDatabaseError, "auth_user.id", "integer", "used up", "bigint")
	}
	address := dbtest.SQLite(t)
	initialised(t, address, db.Options{})
	execute(t, address, "insert into sqlite_sequence values ('auth_user', 9223372036854775807)")
	dbtest.Says(t, create(open(t, address, db.Options{})), tokenctl.CodeDatabaseError, "auth_user", "used up")
}

// What a statement lacks is what its hint grants.
func TestGrants(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "")
	address := dbtest.Postgres(t)
	token := withToken(t, initialised(t, address, db.Options{}), "ann", 1)
	s := open(t, dbtest.As(address, role, ""), db.Options{})
	_, err := open(t, dbtest.As(address, role, ""), db.Options{}).Layout(t.Context())
	dbtest.WantCode(t, err, "")
	list := func() (err error) {
		for _, err = range s.Tokens(t.Context(), db.Filter{}) {
		}
		return err
	}
	dbtest.Says(t, list(), tokenctl.CodePermissionDenied, "grant select on ", role)
	if e := list().(*tokenctl.Error); strings.Contains(e.Hint, "insert") || strings.Contains(e.Hint, "delete") {
		t.Error(e.Hint)
	}
	dbtest.Exec(t, address, "grant select on all tables in schema public to "+role)
	err = s.Write(t.Context(), func(tx *db.Tx) error { return deleteToken(t.Context(), tx, token) })
	dbtest.Says(t, err, tokenctl.CodePermissionDenied, `grant select, delete on "public"."authtoken_token" to "`+role+`"`)
	dbtest.Exec(t, address, "grant insert on auth_user to "+role)
	dbtest.Exec(t, address, "alter table auth_user alter id drop identity if exists; create sequence if not exists extra_seq; alter table auth_user alter id set default nextval('extra_seq')")
	err = s.Write(t.Context(), func(tx *db.Tx) error {
		_, err := createUser(t.Context(), tx, db.NewUser{Username: "new"}, nil)
		return err
	})
	dbtest.Says(t, err, tokenctl.CodePermissionDenied, `grant usage on sequence "extra_seq"`)
}

// Every SQLSTATE that the server can send has a meaning, and none repeats what a
// trigger wrote.
func TestMeanings(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	s := initialised(t, address, db.Options{})
	for _, code := range []string{"08000", "0A000", "21000", "22012", "22P05", "23000", "25001", "26000", "28000", "2F000", "34000", "3D000", "3F000", "40002",
		"42601", "42846", "42P07", "53200", "53300", "54000", "55000", "55006", "57000", "58030", "72000", "F0000", "HV000", "P0001", "P0002", "XX000", "XX001"} {
		err := write(t.Context(), s, fmt.Sprintf("do $$ begin raise exception using errcode = '%s', message = 'CANARY'; end $$", code))
		var e *tokenctl.Error
		if !errors.As(err, &e) || strings.Contains(e.Message+e.Hint, "CANARY") || strings.Contains(e.Message, "reports SQLSTATE") || len(e.Message) < 20 {
			t.Errorf("%s: %v", code, err)
		}
	}
	dbtest.Says(t, write(t.Context(), s, "select 1 from nowhere.nothing"), tokenctl.CodeLayoutUnsupported, "nowhere.nothing")
	dbtest.Says(t, write(t.Context(), s, "select id = true from auth_user"), tokenctl.CodeLayoutUnsupported, "operator does not exist: integer = boolean")
	dbtest.Says(t, write(t.Context(), s, "insert into auth_group (name) values (repeat('x', 200))"), tokenctl.CodeInvalidValue, "varying(150)")
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		var pid int64
		err := tx.Each(t.Context(), &engine.Query{Text: "select pg_backend_pid()"}, func(r engine.Row) error {
			pid = r.Integer()
			return r.Err
		})
		if err == nil {
			err = tx.Exec(t.Context(), "set local idle_in_transaction_session_timeout = 1")
		}
		if err == nil {
			dbtest.Await(t, address, fmt.Sprintf("not exists (select from pg_stat_activity a where a.pid = %d)", pid), 1)
			err = tx.Exec(t.Context(), "select 1")
		}
		return err
	})
	dbtest.Says(t, err, tokenctl.CodeDatabaseUnreachable, "idle_in_transaction_session_timeout")
	database := dbtest.Exec(t, address, "select current_database()")
	dbtest.Exec(t, address, "alter database "+database+" set default_transaction_read_only = on")
	dbtest.Says(t, write(t.Context(), open(t, address, db.Options{}), "delete from auth_user"), tokenctl.CodeDatabaseReadOnly, "default_transaction_read_only is on")
}

// SQLite's errors, each with its real cause.
func TestSQLiteCauses(t *testing.T) {
	t.Parallel()
	at := func(t *testing.T) (*db.Store, string) {
		address := dbtest.SQLite(t)
		initialised(t, address, db.Options{})
		return open(t, address, db.Options{}), strings.TrimPrefix(address, "sqlite:///")
	}
	t.Run("full", func(t *testing.T) {
		s, path := at(t)
		err := write(t.Context(), s, "pragma max_page_count = 1", "create table big (v)", "insert into big select randomblob(100000) from auth_permission, auth_permission")
		dbtest.Says(t, err, tokenctl.CodeDatabaseFull, path)
	})
	t.Run("damaged", func(t *testing.T) {
		s, path := at(t)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt([]byte(strings.Repeat("\xff", int(info.Size())-4096)), 4096)
		f.Close()
		dbtest.Says(t, write(t.Context(), s, "insert into auth_group (name) values ('a')"), tokenctl.CodeDatabaseUnreachable, path, "damaged")
	})
	t.Run("no database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db.sqlite3")
		if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, "sqlite:///"+path, db.Options{}).Layout(t.Context())
		dbtest.Says(t, err, tokenctl.CodeDatabaseUnreachable, path, "is not a SQLite database")
	})
	t.Run("words", func(t *testing.T) {
		s, _ := at(t)
		newUser(t, s, "ann")
		dbtest.Says(t, write(t.Context(), s, "select nowhat from auth_user"), tokenctl.CodeLayoutUnsupported, "no such column: nowhat")
		dbtest.Says(t, write(t.Context(), s, "create view v as select 1 as a", "insert into v values (1)"), tokenctl.CodeDatabaseError, "cannot modify v because it is a view")
		dbtest.Says(t, write(t.Context(), s, "insert into auth_group (name) values (null)"), tokenctl.CodeColumnsRequired, "auth_group.name")
		dbtest.Says(t, write(t.Context(), s, "insert into auth_group (name) values ('a'), ('a')"), tokenctl.CodeAlreadyExists, "auth_group.name")
		dbtest.Says(t, write(t.Context(), s, "insert into auth_group (id, name) values ('x', 'b')"), tokenctl.CodeInvalidValue, "integer primary key")
	})
}
