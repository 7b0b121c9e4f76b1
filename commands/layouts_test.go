package commands_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// step is a command on a database, and what must come of it.
type step struct {
	toml   string // settings
	stdin  string // "KEY NAME" is replaced by alice's, where it stands alone: drf, knox or session
	args   string
	status int
	out    string // is in stdout, where one is given; "!" before it: is not
	errs   string // is in stderr
	left   string // a query, and behind => its answer
}

const keyOfAlice = "the key of alice"

// Foreign keys decide whose rows a table holds, and what is not there is asked for by
// no command that does not need it.
func TestLayoutsOfProjects(t *testing.T) {
	t.Parallel()
	agents, users := "[auth]\nuser_table = \"agents_agent\"\n", "[auth]\nuser_table = \"auth_user\"\n"
	for name, steps := range map[string][]step{
		"two user models": {
			{args: "list --kind knox", out: "\tA1\t"},
			{args: "list --user alice", out: "drf:1@", errs: "left out: knox tokens belong to the users in agents_agent"},
			{args: "list --user alice", out: "!knox:"},
			{args: "list --kind knox --user alice", status: 3, errs: "alice"},
			{args: "list --kind knox --user A1 -o id", out: "knox:"},
			{args: "list --kind knox,drf --user alice -o id", out: "!knox:", errs: "left out: knox tokens"},
			{toml: users, args: "blacklist --user alice --kind knox --yes", status: 3, errs: "alice", left: "select count(*) > 0 from knox_authtoken => true"},
			{toml: agents, args: "list --user A1 -o id", out: "!drf:", errs: "left out: drf tokens belong to the users in auth_user"},
			{args: "mint A2 --kind knox -o json", out: `"user": "A2"`, left: "select count(*) from knox_authtoken where user_id = 2 => 1"},
			{args: "mint alice --kind knox", status: 3, errs: "alice"},
			{args: "purge --user alice --yes", errs: "left out: knox tokens"},
			{args: "purge --user A1 --kind knox --yes", left: "select count(*) from knox_authtoken where expiry < current_timestamp and user_id = 1 => 0"},
			{args: "doctor", status: 4, out: "knox_authtoken refers to the users in agents_agent"},
		},
		"two user models without an admin log": {
			{args: "list -o id", out: "drf:1@"},
			{args: "list --field user", out: "A1"},
			{args: "list --kind session -o id", out: "session:"},
			{args: "list --user alice", status: 1, errs: "to the table of AUTH_USER_MODEL: auth_user or agents_agent"},
			{args: "list --kind drf --user alice -o id", out: "drf:1@"},
			{args: "list --kind drf,jwt --user alice -o id", out: "jwt:"},
			{args: "verify -", stdin: keyOfAlice, out: "active"},
			{args: "rotate drf:1"},
			{args: "user show alice", status: 1, errs: "auth_user or agents_agent"},
			{args: "purge --yes", left: "select count(*) from knox_authtoken where expiry < current_timestamp => 0"},
			{args: "doctor", status: 4, out: "auth_user or agents_agent"},
		},
		"own token model": {
			{args: "list --kind drf --user alice -o id", out: "drf:1@"},
			{args: "verify -", stdin: keyOfAlice, out: "active"},
			{args: "blacklist -", stdin: keyOfAlice, left: "select name from multitok_token where user_id = 1 => second"},
			{args: "doctor", status: 4, out: "but not mint: the table multitok_token has further columns that need a value"},
			{args: "doctor", status: 4, out: "--set name=VALUE, or give the columns a default in the database"},
		},
		"own token model beside": {
			{args: "list", status: 1, errs: "more than one table looks like drf's: authtoken_token, multitok_token"},
			{args: "list", status: 1, errs: "set token_table under [drf]"},
			{toml: "[drf]\ntoken_table = \"multitok_token\"\n", args: "blacklist --user alice --kind drf --yes", left: "select (select count(*) from multitok_token where user_id = 1), (select count(*) from authtoken_token where user_id = 1) => 0|1"},
			{toml: "[drf]\ntoken_table = \"nowhere\"\n", args: "blacklist --user bob --yes", status: 1, errs: "correct token_table under [drf]"},
			{args: "doctor", status: 4, out: "set token_table under [drf]"},
		},
		"own session model": {
			{args: "list --kind session -o id", out: "session:"},
			{args: "purge --kind session --yes", left: "select count(*) from usess_customsession where expire_date < current_timestamp => 0"},
		},
		"own session model beside": {
			{args: "list --kind session", status: 1, errs: "more than one table looks like session's: django_session, usess_customsession"},
			{toml: "[session]\nsession_table = \"usess_customsession\"\n", args: "list --kind session -o id", out: "session:"},
		},
		"views": {
			{args: "list --kind drf --user alice -o id", out: "drf:1@"},
			{args: "verify -", stdin: keyOfAlice, out: "active"},
			{args: "doctor --read-only", status: 0, out: "authtoken_token is a view of"},
		},
		"inherited users": {
			{args: "user list --field username", out: "!bob"},
			{args: "user list --field username", out: "alice"},
			{args: "user show bob", status: 3},
			{args: "list --kind drf -o id", out: "drf:1@"},
			{args: "blacklist --user alice --kind drf --yes"},
			{args: "mint --all-users --without drf --yes -o json", out: `"user":"alice"`},
			{args: "user deactivate alice", left: "select username from auth_user where not is_active and username in ('alice', 'bob') => alice"},
			{args: "user delete alice --yes", left: "select (select count(*) from crm_customer), (select count(*) from auth_user where username = 'alice') => 0|0"},
		},
		"knox without token_key": {
			{args: "list --kind knox --user alice -o id", out: "knox:"},
			{args: "verify -", stdin: "knox of alice", out: "active"},
			{args: "mint bob --kind knox", status: 1, errs: "no column token_key"},
			{args: "doctor", status: 4, out: "without token_key and without a salt"},
		},
		"wide keys": {
			{args: "verify -", stdin: "abcdef0123456789abcdef0123456789abcdef0123456789abcdef012345", status: 0, out: "active"},
			{args: "blacklist -", stdin: "abcdef0123456789abcdef0123456789abcdef0123456789abcdef012345", left: "select count(*) from authtoken_token where user_id = 1 => 0"},
		},
		"several schemas": {
			{args: "list --kind drf --field user", out: "alice"},
			{args: "list --user alice", out: "drf:1@", errs: "left out: knox tokens belong to the users in public.auth_user"},
			{args: "list --schema nosuch", status: 1, errs: "there is no schema nosuch"},
			{args: "list --schema nosuch", status: 1, errs: "Django's tables are in acme, public"},
			{args: "doctor", status: 4, out: "acme, public"},
		},
		"odd identifiers": {
			{args: "list --kind drf --user alice -o id", out: "drf:1@"},
			{args: "user deactivate alice"},
		},
		"sessions alone": {
			{args: "purge --kind session --yes", left: "select count(*) from django_session where expire_date < current_timestamp => 0"},
			{args: "list --kind session -o id", out: "session:"},
			{args: "verify -", stdin: "session of alice", status: 1, errs: "set user_table under [auth] in tokenctl.toml"},
			{args: "list --user alice", status: 1, errs: "set user_table under [auth] in tokenctl.toml to the table of AUTH_USER_MODEL, such as accounts_person"},
			{toml: "[auth]\nuser_table = \"accounts_person\"\n", args: "list --kind session --user alice -o id", out: "session:"},
			{args: "doctor", status: 4, out: "accounts_person"},
		},
		"integer names": {
			{args: "list --kind drf", status: 1, errs: "set username_field under [auth] in tokenctl.toml to one of phone"},
			{args: "verify -", stdin: keyOfAlice, out: "active"},
			{args: "purge --yes"},
			{args: "user show --user-id 1 --field id", out: "1"},
			{args: "blacklist drf:1", errs: "tokenctl user deactivate --user-id 1 prevents that", left: "select count(*) from authtoken_token where user_id = 1 => 0"},
			{args: "user deactivate --user-id 1", errs: "deactivated user 1"},
		},
		"no flag": {
			{args: "blacklist drf:1", errs: "tokenctl user password alice --no-password prevents that"},
			{args: "user password alice --no-password", errs: "unusable password"},
			{args: "blacklist --user alice --kind jwt --yes", errs: "live on until"},
			{args: "user deactivate bob", status: 1, errs: "no is_active column"},
		},
		"flags that are numbers": {
			{args: "user deactivate bob", left: "select is_active from auth_user where username = 'bob' => 0"},
			{args: "user activate bob", left: "select is_active from auth_user where username = 'bob' => 1"},
			{args: "user list --inactive --field username", out: "carol"},
			{args: "list --staff -o id", out: "drf:2@"},
			{args: "user create zed --staff", left: "select is_staff from auth_user where username = 'zed' => 1"},
		},
		"flags that are texts": {{args: "user deactivate bob", status: 1, errs: "auth_user.is_active is of the type varchar"}},
		"a flag that is generated": {
			{args: "user show carol --field is_active", out: "false"},
			{args: "user deactivate bob", status: 1, errs: "auth_user.is_active is generated by the database"},
			{args: "user create zed --set enabled=true --inactive", status: 2, errs: "--inactive cannot give it"},
			{args: "user create zed --set enabled=true", left: "select is_active from auth_user where username = 'zed' => true"},
		},
		"keys that are bytes": {
			{args: "verify -", stdin: keyOfAlice, status: 4, errs: "authtoken_token.key holds bytes"},
			{args: "list --kind session --sort user", errs: "django_session.session_key could not be read in 6 rows"},
			{args: "blacklist -", stdin: keyOfAlice, left: "select count(*) from authtoken_token where user_id = 1 => 0"},
			{args: "rotate drf:2", left: "select typeof(key) from authtoken_token where user_id = 2 => text"},
			{args: "blacklist --user alice --yes", left: "select (select count(*) from knox_authtoken where user_id = 1), (select count(*) from token_blacklist_outstandingtoken where user_id = 1 and typeof(jti) <> 'text') => 0|0"},
			{args: "doctor", status: 4, out: "set \"session_key\" = cast"},
		},
		"keys with blanks behind": {
			{args: "verify -", stdin: keyOfAlice, out: "active"},
			{args: "verify -", stdin: "knox of alice", status: 4, errs: "knox_authtoken.digest holds blanks"},
			{args: "blacklist -", stdin: "knox of alice", errs: "blacklisted knox:"},
			{args: "rotate drf:1"},
			{args: "doctor", status: 4, out: "authtoken_token.key is of the type bpchar"},
		},
		"row security":            {{args: "doctor", status: 0, out: "authtoken_token has row-level security, which this role bypasses"}},
		"trigger":                 {{args: "doctor", status: 4, out: "trigger keeping"}},
		"sequence behind":         {{args: "doctor", status: 4, out: "setval"}},
		"sequence nearly used up": {{args: "doctor", status: 4, out: "93 %"}},
		"two tokens a user":       {{args: "doctor", status: 4, out: "authtoken_token.user_id has no unique constraint"}},
		"further columns":         {{args: "doctor", status: 4, out: "but not mint: the table knox_authtoken has further columns that need a value: label"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dbtest.LayoutNamed(t, name).Engines(t, func(t *testing.T, engine, url string, secrets dbtest.Secrets) {
				for _, s := range steps {
					runStep(t, s, url, secrets)
				}
			})
		})
	}
}

func runStep(t *testing.T, s step, url string, secrets dbtest.Secrets) {
	t.Helper()
	c := cli{t: t, url: url}
	if s.toml != "" {
		c.more = []string{"--config", privateFile(t, s.toml)}
	}
	stdin := s.stdin
	switch stdin {
	case keyOfAlice:
		stdin = secrets.DRF["alice"]
	case "knox of alice":
		stdin = secrets.Knox["alice-1"]
	case "session of alice":
		stdin = secrets.Sessions["alice-web"]
	}
	out, errs, status := c.run(stdin, strings.Fields(s.args)...)
	if status != s.status {
		t.Errorf("%s: status %d, want %d: %s%s", s.args, status, s.status, out, errs)
	}
	if absent, not := strings.CutPrefix(s.out, "!"); not && strings.Contains(out, absent) || !not && !strings.Contains(out, s.out) {
		t.Errorf("%s: stdout is to have %q: %s", s.args, s.out, out)
	}
	if !strings.Contains(errs, s.errs) {
		t.Errorf("%s: stderr lacks %q: %s", s.args, s.errs, errs)
	}
	if query, want, ok := strings.Cut(s.left, " => "); ok {
		got := strings.TrimSuffix(dbtest.Query(url, query), "\n")
		if got = strings.NewReplacer("true", "1").Replace(got); got != strings.NewReplacer("true", "1").Replace(want) {
			t.Errorf("%s: %s is %s, want %s", s.args, query, got, want)
		}
	}
}

// What the database writes through a view, tokenctl writes to it.
func TestWritableViews(t *testing.T) {
	t.Parallel()
	url, secrets := dbtest.Fixture(t, "postgres")
	dbtest.Exec(t, url, `create schema store; alter table authtoken_token set schema store; create view authtoken_token as select * from store.authtoken_token;
		alter table django_session set schema store; create view django_session as select * from store.django_session;
		alter table knox_authtoken set schema store; create view knox_authtoken as select * from store.knox_authtoken;
		alter table auth_user set schema store; create view auth_user as select * from store.auth_user;`)
	for _, s := range []step{
		{args: "doctor", out: "authtoken_token is a view of store.authtoken_token, which has the keys and constraints", status: 0},
		{args: "rotate drf:1 -o json", out: `"user": "alice"`},
		{args: "mint dave", left: "select count(*) from store.authtoken_token where user_id = (select id from auth_user where username = 'dave') => 1"},
		{args: "blacklist --user alice --kind drf,knox,session --yes", left: "select (select count(*) from store.authtoken_token where user_id = 1), (select count(*) from store.knox_authtoken where user_id = 1) => 0|0"},
		{args: "purge --yes", left: "select (select count(*) from store.django_session where expire_date < now()), (select count(*) from store.knox_authtoken where expiry < now()) => 0|0"},
		{args: "user deactivate bob", left: "select is_active from store.auth_user where username = 'bob' => false"},
		{args: "user delete dave --yes", left: "select count(*) from store.auth_user where username = 'dave' => 0"},
		{args: "user create erin", left: "select count(*) from store.auth_user where username = 'erin' => 1"},
	} {
		runStep(t, s, url, secrets)
	}
}

// A foreign table has no constraints that the database knows of.
func TestForeignTable(t *testing.T) {
	t.Parallel()
	url, secrets := dbtest.Fixture(t, "postgres")
	dbtest.ForeignTables(t, url)
	for _, s := range []step{
		{args: "list --kind drf --user alice -o id", out: "drf:1@"},
		{args: "verify -", stdin: keyOfAlice, out: "active"},
		{args: "blacklist -", stdin: keyOfAlice, left: "select count(*) from far.authtoken_token where user_id = 1 => 0"},
		{args: "doctor", status: 4, out: "authtoken_token is a foreign table"},
	} {
		runStep(t, s, url, secrets)
	}
}

// A role that may only look is all right where only looking is asked for.
func TestDoctorReadOnly(t *testing.T) {
	t.Parallel()
	url, _ := dbtest.Fixture(t, "postgres")
	role := "looker_" + strings.TrimPrefix(url[strings.LastIndex(url, "/")+1:], "tokenctl_")[:8]
	dbtest.Exec(t, url, "create role "+role+" login; grant usage on schema public to "+role+"; grant select on all tables in schema public to "+role)
	t.Cleanup(func() { dbtest.Exec(t, url, "drop owned by "+role+"; drop role "+role) })
	c := cli{t: t, url: strings.Replace(url, "postgres@", role+"@", 1)}
	findings := func(args ...string) (list []map[string]any, status int) {
		out, errs, status := c.run("", append([]string{"doctor", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err, out, errs)
		}
		return list, status
	}
	if list, status := findings("--read-only"); status != 0 {
		t.Errorf("a role that may look: status %d, %v", status, list)
	}
	if _, status := findings(); status != 4 {
		t.Errorf("without the flag: status %d", status)
	}
	dbtest.Exec(t, url, "revoke select on knox_authtoken from "+role)
	list, status := findings("--read-only")
	if text := strings.Join(fixes(list), "\n"); status != 4 || !strings.Contains(text, "grant select on public.knox_authtoken") || strings.Contains(text, "insert") {
		t.Errorf("status %d: %s", status, text)
	}
}

func fixes(list []map[string]any) (texts []string) {
	for _, f := range list {
		if fix, ok := f["fix"].(string); ok {
			texts = append(texts, fix)
		}
	}
	return texts
}

// What doctor tells to run mends what it found.
func TestDoctorFixes(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, test := range []struct{ name, engine, change, check string }{
		{"sequence behind", "postgres", `select setval(pg_get_serial_sequence('auth_user', 'id'), 1, false)`, "sequences"},
		{"sequence used up", "postgres", `select setval(pg_get_serial_sequence('auth_user', 'id'), 2147483647)`, "sequences"},
		{"serial used up", "postgres", `alter table auth_user alter id drop identity; create sequence odd_seq as integer owned by auth_user.id; select setval('odd_seq', 2147483000); alter table auth_user alter id set default nextval('odd_seq')`, "sequences"},
		{"not unique", "postgres", `alter table token_blacklist_blacklistedtoken drop constraint token_blacklist_blacklistedtoken_token_id_key`, "constraints"},
		{"not unique", "sqlite", `alter table authtoken_token rename to before; create table authtoken_token (key varchar(40) primary key, created datetime, user_id integer references auth_user (id)); insert into authtoken_token select key, created, user_id from before; drop table before`, "constraints"},
		{"bytes", "sqlite", `update django_session set session_key = cast(session_key as blob)`, "values"},
		{"blanks", "postgres", `drop index authtoken_token_key_10f0b77e_like; alter table authtoken_token alter key type char(60)`, "types"},
		{"sequence with a quote", "postgres", `alter sequence auth_user_id_seq rename to "it's"; select setval('"it''s"', 1, false)`, "sequences"},
		{"type", "postgres", `alter table authtoken_token alter created type text`, "types"},
		{"type", "postgres", `alter table auth_user alter is_staff type text`, "types"},
		{"date", "sqlite", `update authtoken_token set created = case user_id when 1 then 'junk' when 2 then 5 when 3 then '2026-02-31 00:00:00' else '2050-1-2 3:04' end`, "values"},
		{"date", "postgres", `update knox_authtoken set expiry = '-infinity' where user_id = 1`, "values"},
		{"date that may be null", "sqlite", `update auth_user set last_login = ''`, "values"},
		{"date that may be null", "postgres", `update auth_user set last_login = 'infinity'`, "values"},
		{"flag", "sqlite", `update auth_user set is_staff = 7 where id > 2`, "values"},
		{"text", "sqlite", `update django_session set session_data = x'ff' where expire_date > '2030-01-01'`, "values"},
		{"ownerless", "", `create table copy as select * from authtoken_token; drop table authtoken_token; alter table copy rename to authtoken_token; insert into authtoken_token select 'x', created, 999 from authtoken_token limit 2`, "owners"},
	} {
		for _, engine := range []string{"sqlite", "postgres"} {
			if test.engine != "" && test.engine != engine {
				continue
			}
			t.Run(engine+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				url, _ := dbtest.Fixture(t, engine)
				if engine == "sqlite" {
					for statement := range strings.SplitSeq(test.change, ";") {
						dbtest.Query(url, statement)
					}
				} else {
					dbtest.Exec(t, url, test.change)
				}
				told := func() (fix string) {
					out, errs, _ := cli{t: t, url: url}.run("", "doctor", "-o", "json")
					var list []struct{ Check, Status, Fix string }
					if err := json.Unmarshal([]byte(out), &list); err != nil {
						t.Fatal(err, errs)
					}
					for _, f := range list {
						if f.Check == test.check && f.Status != "ok" && f.Status != "info" {
							fix = f.Fix
						}
					}
					return fix
				}
				fix := told()
				if fix == "" {
					t.Fatal("doctor finds nothing")
				}
				if _, statement, ok := strings.Cut(fix, ": "); ok {
					fix = statement
				}
				for statement := range strings.SplitSeq(strings.TrimPrefix(fix, "as its owner: "), ";") {
					if answer := dbtest.Query(url, statement); strings.Contains(answer, "rror") {
						t.Errorf("%s: %s", statement, answer)
					}
				}
				if again := told(); again != "" {
					t.Errorf("after %s there is still %s", fix, again)
				}
			})
		}
	}
}
