package commands_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tokenctl/db/dbtest"
)

// weakHashes are encoded passwords that are easy to guess, for an application that makes 870,000
// iterations.
var weakHashes = []string{"5f4dcc3b5aa765d61d8327deb882cf99", "md5$$5f4dcc3b5aa765d61d8327deb882cf99", "md5$salt$67a1e09bb1f83f5007dc119c14d663aa", "sha1$$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
	"sha1$salt$59b3e8d637cf97edbe2384cf59cb7453dfe30789", "pbkdf2_sha256$434999$salt$x", "pbkdf2_sha1$1$salt$x"}

// strongHashes are not.
var strongHashes = []string{"pbkdf2_sha256$435000$salt$x", "pbkdf2_sha1$435000$salt$x", "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$x", "bcrypt_sha256$$2b$12$x", "!unusable", ""}

// plantHashes makes a user for each encoded password, from the id 3 on.
func (w *auditWorld) plantHashes(list []string) {
	for i, hash := range list {
		w.plantUser("user"+string(rune('a'+i)), hash)
	}
}

func (w *auditWorld) plantUser(name, hash string) {
	w.t.Helper()
	w.sql("insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) values ('%s', false, '%s', '', '', '', false, true, %s)", hash, name, w.at(0))
}

var auditUsers = []auditCase{
	{name: "weak-hash", plant: func(w *auditWorld) (want []string) {
		w.settings("[auth]\npbkdf2_iterations = 870000\n")
		w.sql("update auth_user set password = 'pbkdf2_sha256$870000$salt$x' where username = 'alice'")
		w.plantHashes(append(weakHashes, strongHashes...))
		for i := range weakHashes {
			want = append(want, "weak-hash high - - user"+string(rune('a'+i))+" "+string(rune('3'+i)))
		}
		return want
	}},
	{name: "weak-hash by the release", plant: func(w *auditWorld) []string {
		w.settings("[peers]\ndjango = \"4.2\"\n") // 600,000
		w.plantHashes([]string{"pbkdf2_sha256$299999$salt$x", "pbkdf2_sha256$300000$salt$x"})
		return []string{"weak-hash high - - usera 3"}
	}},
	{name: "known-password", plant: func(w *auditWorld) []string {
		w.more = []string{"--check-passwords", w.file("passwords", "letmein\n\ntr0ub4dor and three more\r\nletmein\n")}
		w.plantUser("inactive", "!x")
		return []string{"known-password critical - - alice 1"}
	}},
	{name: "known-password of nobody", plant: func(w *auditWorld) []string {
		w.more = []string{"--check-passwords", w.file("passwords", "tr0ub4dor and three mor\ntr0ub4dor and three more \n!x\n")}
		return nil
	}},
	{name: "no-second-factor", plant: func(w *auditWorld) []string {
		w.plantFactors()
		w.sql("update auth_user set is_staff = true where username = 'bob'") // who has no usable password
		w.plantUser("root", "pbkdf2_sha256$870000$salt$x")
		w.sql("update auth_user set is_superuser = true where username = 'root'")
		w.plantUser("clerk", "pbkdf2_sha256$870000$salt$x")
		w.plantUser("chief", "pbkdf2_sha256$870000$salt$x")
		w.sql("update auth_user set is_staff = true where username in ('clerk', 'chief')")
		w.sql("insert into otp_totp_totpdevice select id, 'phone', username = 'chief', 'x', 30, 0, id from auth_user where username in ('clerk', 'chief')")
		return []string{"no-second-factor high - - root 3", "no-second-factor high - - clerk 4"}
	}},
	{name: "duplicate-username", plant: func(w *auditWorld) []string {
		w.nameNotUnique()
		w.plantUser("alice", "!x")
		w.plantUser("Bob", "!x")
		return []string{"duplicate-username critical - - alice -", "schema-drift low - - - -"}
	}},
}

// plantFactors makes django-otp's table of TOTP devices.
func (w *auditWorld) plantFactors() {
	w.notes = ""
	w.sql("create table otp_totp_totpdevice (id integer primary key, name varchar(64) not null, confirmed boolean not null, key varchar(80) not null, step integer not null, t0 integer not null, user_id integer not null references auth_user (id))")
	if w.engine == "postgres" {
		w.sql("grant select on otp_totp_totpdevice to %s", w.role)
	}
}

// nameNotUnique takes the unique constraint from the users' names.
func (w *auditWorld) nameNotUnique() {
	if w.engine == "postgres" {
		w.sql("alter table auth_user drop constraint auth_user_username_key")
		return
	}
	w.sql(`create table remade (id integer not null primary key autoincrement, password varchar(128) not null, last_login datetime, is_superuser bool not null, username varchar(150) not null,
		last_name varchar(150) not null, email varchar(254) not null, is_staff bool not null, is_active bool not null, date_joined datetime not null, first_name varchar(150) not null)`)
	w.sql("insert into remade select id, password, last_login, is_superuser, username, last_name, email, is_staff, is_active, date_joined, first_name from auth_user")
	w.sql("drop table auth_user")
	w.sql("alter table remade rename to auth_user")
}

// file writes a file and returns its path.
func (w *auditWorld) file(name, text string) string {
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

var auditTexts = []auditCase{
	{name: "clear-admin-log", plant: func(w *auditWorld) []string {
		key := w.admin.must("", "show", w.id("--kind", "drf"), "--reveal", "--field", "token")
		for _, values := range []string{"'" + key + "', '1'", "'x', '" + key + "'", "'" + strings.Repeat("a", 40) + "', '1'"} {
			w.sql("insert into django_admin_log (action_time, object_repr, object_id, action_flag, change_message, content_type_id, user_id) values (%s, %s, 1, '', null, 1)", w.at(0), values)
		}
		return []string{"clear-admin-log high drf " + w.id("--kind", "drf") + " alice 1"}
	}},
	{name: "clear-admin-log of a dead key", plant: func(w *auditWorld) []string {
		key := w.admin.must("", "show", w.id("--kind", "drf"), "--reveal", "--field", "token")
		w.sql("insert into django_admin_log (action_time, object_repr, object_id, action_flag, change_message, content_type_id, user_id) values (%s, '%s', '1', 1, '', null, 1)", w.at(0), key)
		w.admin.must("", "blacklist", w.id("--kind", "drf"))
		return nil
	}},
	{name: "clear-elsewhere", plant: func(w *auditWorld) []string {
		key := w.admin.must("", "show", w.id("--kind", "drf"), "--reveal", "--field", "token")
		session := w.admin.must("", "show", w.id("--kind", "session"), "--reveal", "--field", "token")
		knox := w.admin.must("", "mint", "bob", "--kind", "knox")
		w.sql("update auth_user set first_name = 'x %s' where username = 'bob'", key)
		w.sql("insert into django_admin_log (action_time, object_repr, object_id, action_flag, change_message, content_type_id, user_id) values (%s, 'x', '1', 1, 'sessionid=%s', null, 1)", w.at(0), session)
		w.plantSessionWith("x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3a", `{"token": "`+knox+`"}`)
		return []string{"clear-elsewhere high drf " + w.id("--kind", "drf") + " alice 1", "clear-elsewhere high session " + w.id("--kind", "session", "--user", "bob") + " bob 2", "clear-elsewhere high knox " + w.id("--kind", "knox", "--user", "bob") + " bob 2"}
	}},
	{name: "clear-elsewhere in a table of the project's", plant: func(w *auditWorld) []string {
		w.plantNotes()
		return nil
	}},
	{name: "clear-elsewhere in a table of the project's, with --deep", args: []string{"--deep"}, plant: func(w *auditWorld) []string {
		w.plantNotes()
		return []string{"clear-elsewhere high drf " + w.id("--kind", "drf") + " alice 1"}
	}},
}

// plantNotes makes a table of the project's own, with alice's key in it.
func (w *auditWorld) plantNotes() {
	key := w.admin.must("", "show", w.id("--kind", "drf"), "--reveal", "--field", "token")
	kind := map[string]string{"postgres": "jsonb", "sqlite": "text"}[w.engine]
	w.sql("create table app_note (id integer primary key, body %s)", kind)
	w.sql(`insert into app_note values (7, '{"key": "%s"}')`, key)
	if w.engine == "postgres" {
		w.sql("grant select on app_note to %s", w.role)
	}
}

// plantSessionWith makes an anonymous session with data.
func (w *auditWorld) plantSessionWith(key, data string) {
	w.sql("insert into django_session (session_key, session_data, expire_date) values ('%s', '%s', %s)", key, base64.RawURLEncoding.EncodeToString([]byte(data))+":1tkNgf:x", w.at(-day))
}

var auditDatabase = []auditCase{
	{name: "schema-drift of an index", plant: func(w *auditWorld) []string {
		w.sql("drop index %s", w.index("django_session", "expire_date"))
		return drifts(1)
	}},
	{name: "schema-drift of unique columns", plant: func(w *auditWorld) []string {
		w.dropUnique("token_blacklist_outstandingtoken", "jti")
		w.dropUnique("token_blacklist_blacklistedtoken", "token_id")
		return drifts(2)
	}},
	{name: "schema-drift of foreign keys", only: "postgres", plant: func(w *auditWorld) []string {
		w.dropForeignKeys()
		return drifts(4)
	}},
	{name: "schema-drift of a sequence that is behind", only: "postgres", plant: func(w *auditWorld) []string {
		w.sql("insert into token_blacklist_outstandingtoken (id, jti, token, expires_at, user_id) values (1, 'j', '', %s, 1)", w.at(-day))
		return drifts(1)
	}},
	{name: "schema-drift of a key that is nearly used up", only: "postgres", plant: func(w *auditWorld) []string {
		w.sql("alter sequence auth_user_id_seq restart with 1717986919")
		return drifts(1)
	}},
	{name: "schema-drift of a key of which four fifths are used up", only: "postgres", plant: func(w *auditWorld) []string {
		w.sql("alter sequence auth_user_id_seq restart with 1717986918")
		return nil
	}},
	{name: "too-privileged-role of a superuser", only: "postgres", plant: func(w *auditWorld) []string {
		w.url = w.admin.url
		return roles(1)
	}},
	{name: "too-privileged-role", only: "postgres", plant: func(w *auditWorld) []string {
		w.sql("alter role %s createrole bypassrls", w.role)
		w.sql("grant truncate on knox_authtoken to %s", w.role)
		w.sql("grant trigger on django_session to %s", w.role)
		return roles(4)
	}},
	{name: "too-privileged-role of the tables' owner", only: "postgres", plant: func(w *auditWorld) []string {
		w.sql("alter table authtoken_token owner to %s", w.role)
		w.sql("alter table knox_authtoken owner to %s", w.role)
		return []string{"too-privileged-role low - - - -"}
	}},
	{name: "clock-skew behind", only: "postgres", args: []string{"--clock-skew", "1h"}, plant: func(w *auditWorld) []string {
		w.now = w.now.Add(2 * time.Hour)
		return []string{"clock-skew medium - - - -"}
	}},
	{name: "clock-skew ahead", only: "postgres", args: []string{"--clock-skew", "1h"}, plant: func(w *auditWorld) []string {
		w.now = w.now.Add(-2 * time.Hour)
		return []string{"clock-skew medium - - - -"}
	}},
}

func drifts(n int) []string { return slices.Repeat([]string{"schema-drift low - - - -"}, n) }

func roles(n int) []string { return slices.Repeat([]string{"too-privileged-role medium - - - -"}, n) }

// index is the name of Django's index on a column.
func (w *auditWorld) index(table, column string) string {
	query := fmt.Sprintf("select name from sqlite_schema where type = 'index' and tbl_name = '%s' and sql like '%%(\"%s\")%%'", table, column)
	if w.engine == "postgres" {
		query = fmt.Sprintf("select indexname from pg_indexes where tablename = '%s' and indexdef like '%%(%s)'", table, column)
	}
	return strings.TrimSpace(dbtest.Query(w.admin.url, query))
}

// dropUnique makes a table as it is, without the unique constraint on a column.
func (w *auditWorld) dropUnique(table, column string) {
	w.t.Helper()
	if w.engine == "postgres" {
		w.sql("do $$ declare r record; begin for r in select conname from pg_constraint where conrelid = '%[1]s'::regclass and contype = 'u' and pg_get_constraintdef(oid) = 'UNIQUE (%[2]s)' loop execute format('alter table %[1]s drop constraint %%I', r.conname); end loop; end $$", table, column)
		return
	}
	sql := strings.TrimSpace(dbtest.Query(w.admin.url, fmt.Sprintf("select replace(sql, '\"%s\"', '\"remade\"') from sqlite_schema where name = '%[1]s'", table)))
	before := sql
	for _, kind := range []string{"varchar(255)", "bigint"} {
		sql = strings.ReplaceAll(sql, fmt.Sprintf("\"%s\" %s NOT NULL UNIQUE", column, kind), fmt.Sprintf("\"%s\" %s NOT NULL", column, kind))
	}
	if sql == before {
		w.t.Fatalf("%s is not unique in %s", column, sql)
	}
	indexes := dbtest.Query(w.admin.url, fmt.Sprintf("select sql from sqlite_schema where type = 'index' and tbl_name = '%s' and sql is not null", table))
	w.sql("%s", sql)
	w.sql("drop table %s", table)
	w.sql("alter table remade rename to %s", table)
	for statement := range strings.Lines(indexes) {
		w.sql("%s", statement)
	}
}
