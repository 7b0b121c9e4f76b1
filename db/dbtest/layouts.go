package dbtest

import (
	"strings"
	"testing"
)

// Layout is a database that differs from the one that Django's own apps make: the
// fixture of [Fixture], changed by SQL.
type Layout struct {
	Name   string
	SQLite string // empty: SQLite has no such thing
	// Postgres is empty where PostgreSQL has no such thing.
	Postgres string
	Path     string // of PostgreSQL: the search_path to connect with; empty: the default
}

// agents are a second user model, with the ids 1 to 3.
const agents = `create table agents_agent (id integer primary key, password varchar(128) not null, code varchar(20) not null unique);
	insert into agents_agent values (1, '!x', 'A1'), (2, '!x', 'A2'), (3, '!x', 'A3');`

// knoxOf makes knox's table anew, on both engines, with the rows it has.
func knoxOf(columns string) string {
	return `alter table knox_authtoken rename to before; create table knox_authtoken (digest varchar(128) not null primary key, created timestamp not null, ` + columns + `);`
}

// own are models in the place of Django's: several tokens a user, and sessions that
// tell their account.
const ownTokens = `create table multitok_token (id integer primary key, key varchar(64) not null unique, created timestamp not null, name varchar(20) not null, user_id integer not null references auth_user (id));
	insert into multitok_token select 10 * user_id, key, created, 'first', user_id from authtoken_token;
	insert into multitok_token select 10 * user_id + 1, 'x' || key, created, 'second', user_id from authtoken_token;`

const ownSessions = `create table usess_customsession (session_key varchar(40) not null primary key, session_data text not null, expire_date timestamp not null, account_id integer);
	insert into usess_customsession select session_key, session_data, expire_date, 1 from django_session;`

// inherited is a user model that inherits from auth_user: of its rows only that of alice
// is one of the model's.
const inherited = `create table crm_customer (user_ptr_id integer not null primary key references auth_user (id), badge varchar(5) not null default '');
	insert into crm_customer (user_ptr_id) select id from auth_user where username = 'alice';`

// The knox tokens of twoModels are those of the agent A1.
var (
	twoModelsSQLite = agents + knoxOf(`token_key varchar(25) not null, expiry timestamp, user_id integer not null references agents_agent (id)`) +
		`insert into knox_authtoken select digest, created, token_key, expiry, 1 from before; drop table before;`
	twoModelsPostgres = agents + `alter table knox_authtoken drop constraint knox_authtoken_user_id_e5a5d899_fk_auth_user_id; update knox_authtoken set user_id = 1;
		alter table knox_authtoken add foreign key (user_id) references agents_agent (id);`
)

// usersOf makes SQLite's auth_user anew with its rows, under other declarations of the
// username and of the flags.
func usersOf(username, flag string) string {
	return `pragma foreign_keys = off; create table remade (id integer not null primary key autoincrement, password varchar(128) not null, last_login datetime, is_superuser bool not null,
		username ` + username + `, last_name varchar(150) not null, email varchar(254) not null, is_staff ` + flag + `, is_active ` + flag + `, date_joined datetime not null, first_name varchar(150) not null);
		insert into remade select id, password, last_login, is_superuser, username, last_name, email, is_staff, is_active, date_joined, first_name from auth_user;
		drop table auth_user; alter table remade rename to auth_user;`
}

// secondAlice is another user with the name of the first.
const secondAlice = `insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
	select '!x', false, 'alice', '', '', 'second@example.com', false, true, date_joined from auth_user where id = 2;`

// Layouts are databases of real projects. Those named "… beside" need a setting.
var Layouts = []Layout{
	{Name: "two user models", SQLite: twoModelsSQLite, Postgres: twoModelsPostgres},
	{Name: "two user models without an admin log", SQLite: twoModelsSQLite + `drop table django_admin_log;`, Postgres: twoModelsPostgres + `drop table django_admin_log;`},
	{Name: "own token model", SQLite: ownTokens + `drop table authtoken_token;`, Postgres: ownTokens + `drop table authtoken_token;`},
	{Name: "own token model beside", SQLite: ownTokens, Postgres: ownTokens},
	{Name: "own session model", SQLite: ownSessions + `drop table django_session;`, Postgres: ownSessions + `drop table django_session;`},
	{Name: "own session model beside", SQLite: ownSessions, Postgres: ownSessions},
	{Name: "views",
		SQLite:   `alter table authtoken_token rename to stored_token; create view authtoken_token as select * from stored_token;`,
		Postgres: `create schema store; alter table authtoken_token set schema store; create view authtoken_token as select * from store.authtoken_token;`},
	{Name: "inherited users",
		SQLite: inherited + `alter table authtoken_token rename to before; create table authtoken_token (key varchar(40) not null primary key, created timestamp not null, user_id integer not null unique references crm_customer (user_ptr_id));
			insert into authtoken_token select key, created, user_id from before where user_id in (select user_ptr_id from crm_customer); drop table before;
			drop table knox_authtoken; drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken; drop table django_admin_log;`,
		Postgres: inherited + `delete from authtoken_token where user_id not in (select user_ptr_id from crm_customer);
			alter table authtoken_token drop constraint authtoken_token_user_id_35299eff_fk_auth_user_id; alter table authtoken_token add foreign key (user_id) references crm_customer (user_ptr_id);
			drop table knox_authtoken; drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken; drop table django_admin_log;`},
	{Name: "knox without token_key",
		SQLite: knoxOf(`expiry timestamp, user_id integer not null references auth_user (id)`) +
			`insert into knox_authtoken select digest, created, expiry, user_id from before; drop table before;`,
		Postgres: `alter table knox_authtoken drop column token_key;`},
	{Name: "wide keys",
		SQLite:   `update authtoken_token set key = substr('abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789', 1, 60) where user_id = 1;`,
		Postgres: `alter table authtoken_token alter key type varchar(300); update authtoken_token set key = substr(repeat('abcdef0123456789', 20), 1, 60) where user_id = 1;`},
	{Name: "several schemas",
		Postgres: `create schema acme; create table acme.auth_user (like public.auth_user including all); insert into acme.auth_user overriding system value select * from public.auth_user where id = 1;
			create table acme.authtoken_token (like public.authtoken_token including all); insert into acme.authtoken_token select * from public.authtoken_token where user_id = 1;
			alter table acme.authtoken_token add foreign key (user_id) references acme.auth_user (id);`, Path: "acme,public"},
	{Name: "sequence behind", Postgres: `select setval(pg_get_serial_sequence('auth_user', 'id'), 1, false);`},
	{Name: "sequence nearly used up", Postgres: `select setval(pg_get_serial_sequence('auth_user', 'id'), 2000000000);`},
	{Name: "row security", Postgres: `alter table authtoken_token enable row level security; alter table authtoken_token force row level security; create policy looking on authtoken_token for select using (true);`},
	{Name: "trigger", SQLite: `create trigger keeping before delete on authtoken_token begin select raise(ignore); end;`,
		Postgres: `create function keeping() returns trigger language plpgsql as 'begin return null; end'; create trigger keeping before delete on authtoken_token for each row execute function keeping();`},
	{Name: "odd identifiers", SQLite: `alter table auth_user rename column username to "user name"; alter table auth_user rename to "My Users ""x""";`,
		Postgres: `alter table auth_user rename column username to "user name"; alter table auth_user rename to "My Users ""x""";`},
	{Name: "further columns",
		SQLite: knoxOf(`token_key varchar(25) not null, expiry timestamp, user_id integer not null references auth_user (id), label varchar(20) not null`) +
			`insert into knox_authtoken select digest, created, token_key, expiry, user_id, '' from before; drop table before;`,
		Postgres: `alter table knox_authtoken add label varchar(20) not null default ''; alter table knox_authtoken alter label drop default;`},
	{Name: "two tokens a user",
		SQLite: `create table copy as select * from authtoken_token; drop table authtoken_token; create table authtoken_token (key varchar(40) not null primary key, created datetime not null, user_id integer not null references auth_user (id));
			insert into authtoken_token select * from copy; drop table copy; insert into authtoken_token select 'x' || substr(key, 2), created, user_id from authtoken_token where user_id = 1;`,
		Postgres: `alter table authtoken_token drop constraint authtoken_token_user_id_key; insert into authtoken_token select 'x' || substr(key, 2), created, user_id from authtoken_token where user_id = 1;`},
	{Name: "integer names",
		Postgres: `alter table auth_user drop constraint auth_user_username_key; alter table auth_user rename column username to label; alter table auth_user add phone integer unique; update auth_user set phone = 100 + id;`},
	{Name: "names that are not unique", SQLite: usersOf("varchar(150) not null", "bool not null") + secondAlice,
		Postgres: `alter table auth_user drop constraint auth_user_username_key;` + secondAlice},
	{Name: "names in any case", SQLite: usersOf("varchar(150) not null collate nocase unique", "bool not null"),
		Postgres: `create extension citext; alter table auth_user alter username type citext;`},
	{Name: "null flags", SQLite: usersOf("varchar(150) not null unique", "bool") + `update auth_user set is_active = null, is_staff = null where id = 1;`,
		Postgres: `alter table auth_user alter is_active drop not null, alter is_staff drop not null; update auth_user set is_active = null, is_staff = null where id = 1;`},
	{Name: "flags that are numbers", SQLite: usersOf("varchar(150) not null unique", "smallint not null"),
		Postgres: `alter table auth_user alter is_active type smallint using is_active::int, alter is_staff type numeric(3) using is_staff::int, alter is_superuser type integer using is_superuser::int;`},
	{Name: "flags that are texts", Postgres: `alter table auth_user alter is_active type varchar(5), alter is_staff type text;`},
	{Name: "a flag that is generated", SQLite: `pragma foreign_keys = off; alter table auth_user rename column is_active to enabled; alter table auth_user add column is_active bool generated always as (enabled) virtual;`,
		Postgres: `alter table auth_user rename is_active to enabled; alter table auth_user add is_active boolean generated always as (enabled) stored;`},
	{Name: "no flag", SQLite: `alter table auth_user drop column is_active;`, Postgres: `alter table auth_user drop column is_active;`},
	// As an import leaves them that does not know which columns are texts.
	{Name: "keys that are bytes", SQLite: `update authtoken_token set key = cast(key as blob); update django_session set session_key = cast(session_key as blob);
		update knox_authtoken set digest = cast(digest as blob); update token_blacklist_outstandingtoken set jti = cast(jti as blob);`},
	{Name: "keys with blanks behind", Postgres: `drop index knox_authtoken_digest_188c7e77_like, authtoken_token_key_10f0b77e_like, django_session_session_key_c0390e0f_like;
		alter table authtoken_token alter key type char(60); alter table django_session alter session_key type char(60); alter table knox_authtoken alter digest type char(200);`},
	// Of alice nothing but names and keys can be read, and of bob's tokens no date.
	{Name: "values that cannot be read",
		SQLite: `update authtoken_token set created = case user_id when 1 then 'junk' else '' end where user_id in (1, 2); update knox_authtoken set created = 5, expiry = case user_id when 1 then '' else 7 end where user_id in (1, 2);
			update token_blacklist_outstandingtoken set created_at = 5, expires_at = '' where user_id in (1, 2); update django_session set expire_date = 'junk' where expire_date > '2030-01-01';
			update auth_user set is_staff = 7, last_login = 'junk', date_joined = 1700000000 where id = 1;`,
		Postgres: `update authtoken_token set created = case user_id when 1 then timestamptz 'infinity' else '-infinity' end where user_id in (1, 2); update knox_authtoken set created = 'infinity', expiry = '-infinity' where user_id in (1, 2);
			update token_blacklist_outstandingtoken set created_at = '-infinity', expires_at = '-infinity' where user_id in (1, 2); update django_session set expire_date = 'infinity' where expire_date > '2030-01-01';
			update auth_user set last_login = '-infinity', date_joined = '0044-03-15 12:00:00 BC' where id = 1;`},
	{Name: "rows without a key",
		SQLite: `create table copy as select * from authtoken_token; drop table authtoken_token; create table authtoken_token (key varchar(40) primary key, created datetime, user_id integer unique references auth_user (id));
			insert into authtoken_token select * from copy; drop table copy; insert into authtoken_token values (null, null, 5), (x'ff', null, 4), (12345, null, null);
			create table copy as select * from django_session; drop table django_session; create table django_session (session_key varchar(40) primary key, session_data text, expire_date datetime); insert into django_session select * from copy; drop table copy;
			insert into django_session values (null, null, null), ('nulldata', null, '2035-01-01'), (x'fe', x'ff', '2035-01-01');
			create table copy as select * from token_blacklist_outstandingtoken; drop table token_blacklist_outstandingtoken; create table token_blacklist_outstandingtoken (token text, created_at datetime, expires_at datetime, user_id integer, jti varchar(255) unique, id integer not null primary key autoincrement);
			insert into token_blacklist_outstandingtoken select * from copy; drop table copy; insert into token_blacklist_outstandingtoken values (null, null, null, null, null, 90), (x'ff', null, null, 1, x'fd', 91);`,
		Postgres: `alter table authtoken_token drop constraint authtoken_token_pkey; alter table authtoken_token alter key drop not null, alter created drop not null, alter user_id drop not null; insert into authtoken_token values (null, null, 5);
			alter table django_session drop constraint django_session_pkey; alter table django_session alter session_key drop not null, alter session_data drop not null, alter expire_date drop not null; insert into django_session values (null, null, null), ('nulldata', null, '2035-01-01');
			alter table token_blacklist_outstandingtoken alter jti drop not null, alter token drop not null, alter expires_at drop not null; insert into token_blacklist_outstandingtoken (id) values (90);`},
	{Name: "names of tables with percent signs and quotes",
		SQLite:   `alter table auth_user rename column username to "user%sname"; alter table auth_user rename to "a""b%sc"; alter table authtoken_token rename to "tok""en%s";`,
		Postgres: `alter table auth_user rename column username to "user%sname"; alter table auth_user rename to "a""b%sc"; alter table authtoken_token rename to "tok""en%s";`},
	{Name: "rows without owners", SQLite: `pragma foreign_keys = off; update authtoken_token set user_id = 99 where user_id = 2; update knox_authtoken set user_id = 99 where user_id = 2; update token_blacklist_outstandingtoken set user_id = 99 where user_id = 2;`,
		Postgres: `alter table authtoken_token drop constraint authtoken_token_user_id_35299eff_fk_auth_user_id; alter table knox_authtoken drop constraint knox_authtoken_user_id_e5a5d899_fk_auth_user_id; alter table token_blacklist_outstandingtoken drop constraint token_blacklist_outs_user_id_83bc629a_fk_auth_user;
			update authtoken_token set user_id = 99 where user_id = 2; update knox_authtoken set user_id = 99 where user_id = 2; update token_blacklist_outstandingtoken set user_id = 99 where user_id = 2;`},
	{Name: "sessions alone",
		SQLite: `drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken; drop table knox_authtoken; drop table authtoken_token; drop table django_admin_log;
			alter table auth_user rename to accounts_person;`,
		Postgres: `drop table token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken, knox_authtoken, authtoken_token, django_admin_log; alter table auth_user rename to accounts_person;`},
}

// LayoutNamed returns the layout with this name.
func LayoutNamed(t testing.TB, name string) Layout {
	t.Helper()
	for _, l := range Layouts {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no layout %q", name)
	return Layout{}
}

// Engines runs f on the engines that have the layout, each time with a fresh database.
func (l Layout) Engines(t *testing.T, f func(t *testing.T, engine, url string, secrets Secrets)) {
	t.Helper()
	for engine, change := range map[string]string{"sqlite": l.SQLite, "postgres": l.Postgres} {
		if change == "" {
			continue
		}
		t.Run(engine, func(t *testing.T) {
			url, secrets := Fixture(t, engine)
			execute(t, url, change)
			if engine == "postgres" && l.Path != "" {
				separator := "?"
				if strings.Contains(url, "?") {
					separator = "&"
				}
				url += separator + "search_path=" + l.Path
			}
			f(t, engine, url, secrets)
		})
	}
}

// ForeignTables moves authtoken_token to the schema far of a PostgreSQL database, and
// puts a foreign table in its place that reaches it over the network.
func ForeignTables(t testing.TB, url string) {
	t.Helper()
	if Exec(t, url, "select count(*) from pg_available_extensions where name = 'postgres_fdw'") == "0" {
		Missing(t, "postgres_fdw")
	}
	host := Exec(t, url, "select coalesce(host(inet_server_addr()), '127.0.0.1')")
	port := Exec(t, url, "select coalesce(inet_server_port(), 5432)")
	Exec(t, url, `create extension postgres_fdw; create schema far; alter table authtoken_token set schema far;
		do $$ begin execute format('create server loopback foreign data wrapper postgres_fdw options (host %L, port %L, dbname %L)', '`+host+`', '`+port+`', current_database()); end $$;
		create user mapping for current_user server loopback options (user 'postgres');
		create foreign table authtoken_token (key varchar(40) not null, created timestamptz not null, user_id integer not null) server loopback options (schema_name 'far', table_name 'authtoken_token');`)
}

func execute(t testing.TB, url, text string) {
	t.Helper()
	db, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}
