package db_test

import (
	"context"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// layouts are databases that Django's own tables were turned into, and what
// becomes of the list of tokens there: the owners, or a code.
var layouts = []struct {
	name, engine string // empty: both
	change       string
	options      db.Options
	want         string
}{
	{"as it is", "", `select 1`, db.Options{}, "ann"},
	{"odd table name", "", `alter table auth_user rename to "My App.Users ""x"""`, db.Options{}, "ann"},
	{"user_table", "", `alter table auth_user rename to "My App.Users"`, db.Options{UserTable: "My App.Users"}, "ann"},
	{"user_table is not there", "", `select 1`, db.Options{UserTable: "nobody"}, "table_missing"},
	{"user_table has no password", "", `select 1`, db.Options{UserTable: "django_session"}, "layout_unsupported"},
	{"username_field", "", `select 1`, db.Options{UsernameField: "email"}, ""},
	{"username_field is not there", "", `select 1`, db.Options{UsernameField: "login"}, "username_field"},
	{"odd column names", "", `alter table auth_user rename column username to "user ""name"; alter table auth_user rename column id to "Key"`, db.Options{}, "ann"},
	{"no authtoken", "", `drop table authtoken_token`, db.Options{}, "table_missing"},
	{"unknown authtoken", "", `alter table authtoken_token rename column created to made`, db.Options{}, "layout_unsupported"},
	{"another table", "", `create table token (key text, user_id integer)`, db.Options{}, "ann"},
	{"email unique too", "", `create unique index u on auth_user (email)`, db.Options{}, "username_field"},
	{"email unique in part", "", `create unique index u on auth_user (email) where is_staff`, db.Options{}, "ann"},
	{"email unique by expression", "", `create unique index u on auth_user (lower(email))`, db.Options{}, "ann"},
	{"unique with another", "", `create unique index u on auth_user (email, id)`, db.Options{}, "ann"},
	{"dropped column", "", `alter table auth_user drop column last_login`, db.Options{}, "ann"},
	{"no is_active", "", `alter table auth_user drop column is_active`, db.Options{}, "ann"},
	{"another user table for knox", "", `create table other (id integer primary key, password text, name text unique); drop table knox_authtoken;
		create table knox_authtoken (digest text primary key, user_id integer references other (id))`, db.Options{}, "ann"},
	{"user_table decides", "", `create table other (id integer primary key, password text, name text unique); drop table knox_authtoken;
		create table knox_authtoken (digest text primary key, user_id integer references other (id))`, db.Options{UserTable: "auth_user"}, "ann"},
	{"no references", "", `create table copy as select * from authtoken_token; drop table authtoken_token; drop table knox_authtoken;
		drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken; drop table django_admin_log; alter table copy rename to authtoken_token`, db.Options{}, "ann"},

	{"username unique in part", "postgres", `alter table auth_user drop constraint auth_user_username_key; create unique index u on auth_user (username) where is_active`, db.Options{}, "ann"},
	{"generated column", "postgres", `alter table auth_user add folded text generated always as (lower(username)) stored not null`, db.Options{}, "ann"},
	{"citext", "postgres", `create extension citext; alter table auth_user alter username type citext`, db.Options{}, "ann"},
	{"domain", "postgres", `create domain login as varchar(150); alter table auth_user alter username type login`, db.Options{}, "ann"},
	{"serial", "postgres", `alter table auth_user alter id drop identity; create sequence s start 100; alter table auth_user alter id set default nextval('s')`, db.Options{}, "ann"},
	{"included column", "postgres", `alter table auth_user drop constraint auth_user_username_key; create unique index u on auth_user (username) include (email)`, db.Options{}, "ann"},
	{"key of two columns", "postgres", `alter table auth_user drop constraint auth_user_pkey cascade; alter table auth_user add primary key (id, username)`, db.Options{}, "layout_unsupported"},
	{"no user table", "postgres", `drop table auth_user cascade`, db.Options{}, "table_missing"},
	{"view of the users", "postgres", `alter table auth_user rename to people; create view auth_user as select * from people`, db.Options{}, "ann"},
	{"view of the tokens", "postgres", `alter table authtoken_token rename to keys; create view authtoken_token as select * from keys`, db.Options{}, "ann"},
	{"users in another schema", "postgres", `create schema "Other"; alter table auth_user set schema "Other"`, db.Options{}, "ann"},
	{"tokens in another schema", "postgres", `create schema "Other"; alter table authtoken_token set schema "Other"`, db.Options{}, "table_missing"},
	{"partitioned", "postgres", `alter table authtoken_token rename to old; create table authtoken_token (key varchar(40), created timestamptz, user_id integer unique references auth_user) partition by hash (user_id);
		create table part partition of authtoken_token for values with (modulus 1, remainder 0); insert into authtoken_token select * from old`, db.Options{}, "ann"},
	{"reference to another column", "postgres", `alter table auth_user add legacy integer unique; update auth_user set legacy = 1000 - id; alter table authtoken_token drop constraint authtoken_token_user_id_35299eff_fk_auth_user_id;
		update authtoken_token set user_id = 1000 - user_id; alter table authtoken_token add foreign key (user_id) references auth_user (legacy)`, db.Options{}, "layout_unsupported"},
	{"view of the users without references", "postgres", `drop table django_admin_log, token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken, knox_authtoken; alter table authtoken_token drop constraint authtoken_token_user_id_35299eff_fk_auth_user_id;
		alter table auth_user rename to people; create view auth_user as select id, password, username, is_active, last_login from people where is_active`, db.Options{}, "ann"},
	{"view of a view", "postgres", `alter table authtoken_token rename to keys; create view older as select * from keys; create view authtoken_token as select * from older`, db.Options{}, "ann"},
	{"null username", "postgres", `alter table auth_user alter username drop not null; update auth_user set username = null`, db.Options{}, ""},
	{"null e-mail", "postgres", `alter table auth_user alter email drop not null; update auth_user set email = null`, db.Options{}, "ann"},

	{"virtual table without module", "sqlite", `pragma writable_schema = on; insert into sqlite_schema values ('table', 'geo', 'geo', 0, 'CREATE VIRTUAL TABLE geo USING spatialite(x)'); pragma writable_schema = off`, db.Options{}, "ann"},
	{"without types", "sqlite", `create table copy (id integer primary key, password, username text unique, last_login, is_active); insert into copy select id, password, username, last_login, is_active from auth_user;
		pragma foreign_keys = off; drop table auth_user; alter table copy rename to auth_user`, db.Options{}, "ann"},
	{"nocase", "sqlite", `create table copy (id integer primary key, password text, username varchar(150) collate nocase unique); insert into copy select id, password, username from auth_user;
		pragma foreign_keys = off; drop table auth_user; alter table copy rename to auth_user`, db.Options{}, "ann"},
}

func TestLayouts(t *testing.T) {
	t.Parallel()
	for _, test := range layouts {
		dbtest.EnginesFor(t, test.engine, test.name, func(t *testing.T, _, address string) {
			withToken(t, initialised(t, address, db.Options{}), "ann", 1)
			execute(t, address, test.change)
			for _, sort := range []string{"", "status", "user"} {
				if got := outcome(t, open(t, address, test.options), sort); got != test.want {
					t.Errorf("sorted by %q: %q, want %q", sort, got, test.want)
				}
			}
			s := open(t, address, test.options)
			if strings.Contains(test.want, "_") {
				return // a code
			}
			for _, sort := range db.UserFields() {
				collect(t, s.ListUsers(t.Context(), db.Filter{Sort: sort}))
			}
			token := collect(t, s.Tokens(t.Context(), db.Filter{}))[0]
			err := s.Write(t.Context(), func(tx *db.Tx) error {
				if _, err := replaceToken(t.Context(), tx, token, key(2)); err != nil {
					return err
				}
				_, err := tx.Dependants(t.Context(), []db.User{token.User})
				return err
			})
			dbtest.WantCode(t, err, "")
		})
	}
}

// outcome is the owners of the tokens, or the code of what went wrong.
func outcome(t testing.TB, s *db.Store, sort string) string {
	t.Helper()
	var list []db.Token
	for token, err := range s.Tokens(t.Context(), db.Filter{Sort: sort}) {
		if err != nil {
			return string(tokenctl.CodeOf(err))
		}
		list = append(list, token)
	}
	return names(list)
}

// Tenants have the same tables, each in a schema of their own.
func TestTenants(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	for i, tenant := range []string{"a", "B c"} {
		dbtest.Exec(t, address, `create schema "`+tenant+`"`)
		withToken(t, initialised(t, address, db.Options{Schema: tenant}), "in "+tenant, i+1)
	}
	for _, test := range []struct {
		path, schema, want string
	}{
		{`a`, "", "in a"},
		{`"B c"`, "", "in B c"},
		{`"B c", a`, "", "in B c"},
		{`nowhere, a, "B c"`, "", "in a"},
		{`a`, "B c", "in B c"},
		{`public`, "", "table_missing"},
		{`a`, "b c", "table_missing"},
		{`a`, "nowhere", "table_missing"},
	} {
		s := open(t, dbtest.With(address, "search_path", test.path), db.Options{Schema: test.schema})
		if got := outcome(t, s, ""); got != test.want {
			t.Errorf("search_path %s, schema %q: %q, want %q", test.path, test.schema, got, test.want)
		}
	}
}

// A case-insensitive collation is PostgreSQL's answer to citext.
func TestCollation(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	withToken(t, initialised(t, address, db.Options{}), "Ann", 1)
	if dbtest.Exec(t, address, "select count(*) from pg_collation where collprovider = 'i'") == "0" {
		dbtest.Missing(t, "PostgreSQL with ICU")
	}
	dbtest.Exec(t, address, `create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		drop index auth_user_username_6821ab7c_like; alter table auth_user alter username type varchar(150) collate ci`)
	s := open(t, address, db.Options{})
	for _, f := range []db.Filter{{}, {Sort: "user"}, {Prefix: "An"}} {
		if got := names(collect(t, s.Tokens(t.Context(), f))); got != "Ann" {
			t.Errorf("%+v: %q", f, got)
		}
	}
	err := s.Read(t.Context(), func(tx *db.Tx) error {
		_, err := named(t.Context(), tx, "Ann")
		return err
	})
	dbtest.WantCode(t, err, "")
}

// What is found out is found out once, by whoever comes first.
func TestLayoutOnce(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, _ string) {
		if got := race(20, func(int) error {
			_, err := s.Layout(context.Background())
			return err
		}); got[""] != 20 {
			t.Error(got)
		}
		l, _ := s.Layout(t.Context())
		if again, _ := s.Layout(t.Context()); again != l || l.Version == "" {
			t.Errorf("%p, %p, version %q", l, again, l.Version)
		}
	})
}
