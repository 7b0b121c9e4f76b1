package commands_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tokenctl/db/dbtest"
)

// grantLayouts are databases in which the roles of tokenctl grants are tried, by what they change of
// the fixture.
var grantLayouts = []struct{ name, sql, schema string }{
	{name: "Django's own"},
	{name: "uuid keys in another schema", schema: `Te"nant s`, sql: grantUUID + grantSerial + `alter schema public rename to "Te""nant s"; create schema public;
		alter table "Te""nant s".auth_user rename column username to "user name"; alter table "Te""nant s".auth_user rename to "a""b c"; alter table "Te""nant s".authtoken_token rename to "tok'en";`},
}

// grantUUID makes the keys of users UUIDs.
const grantUUID = `do $$ declare r record; begin
	for r in select conrelid::regclass as t, conname from pg_constraint where confrelid = 'auth_user'::regclass loop execute format('alter table %s drop constraint %I', r.t, r.conname); end loop;
	execute 'alter table auth_user alter id drop identity if exists';
	execute $q$alter table auth_user alter id type uuid using ('00000000-0000-4000-8000-' || lpad(id::text, 12, '0'))::uuid$q$;
	for r in select c.oid::regclass as t from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace loop
		execute format($q$alter table %s alter user_id type uuid using ('00000000-0000-4000-8000-' || lpad(user_id::text, 12, '0'))::uuid$q$, r.t);
		execute format('alter table %s add foreign key (user_id) references auth_user (id) deferrable initially deferred not valid', r.t);
	end loop; end $$;`

// grantSerial numbers JWTs by sequences as Django before 4.1 made them.
const grantSerial = `do $$ declare t text; begin foreach t in array array['token_blacklist_outstandingtoken', 'token_blacklist_blacklistedtoken'] loop
	execute format('alter table %s alter id drop identity; create sequence "%s ids" start 1000 owned by %s.id; alter table %s alter id set default nextval(%L)', t, t, t, t, '"' || t || ' ids"');
	end loop; end $$;`

// grantWorld is a database, and a role that may do nothing in it.
type grantWorld struct {
	cli
	admin  cli
	role   string
	users  string         // their table
	tokens string         // that of drf tokens
	owner  *pgconn.PgConn // of the tables
	saved  bool           // the rows of all tables are
	failed string         // the command line that failed last
}

func newGrantWorld(t *testing.T, change, schema string) *grantWorld {
	role := dbtest.NewRole(t, "")
	url, secrets := dbtest.FixtureAlone(t, "postgres")
	w := &grantWorld{role: role}
	w.cli = cli{t: t, url: dbtest.As(url, role, ""), env: map[string]string{"TOKENCTL_SECRET_KEY": secrets.SecretKey}, now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	w.admin = w.cli
	w.admin.url = url
	// Nobody has what everybody has by default; and each kind has a row of a user who is gone.
	dbtest.Exec(t, url, `do $$ begin execute format('revoke all on database %I from public', current_database()); end $$; revoke all on schema public from public;
		set session_replication_role = replica;
		insert into authtoken_token (key, created, user_id) values ('4f7c0e5a9d1b83264f7c0e5a9d1b8326a5b1c0de', '2026-01-01', 900);
		insert into knox_authtoken (digest, token_key, created, expiry, user_id) values (repeat('7a', 64), '123456789012345', '2026-01-01', null, 900);
		insert into token_blacklist_blacklistedtoken (token_id, blacklisted_at) values (900, '2026-01-01');`+change)
	w.users, w.tokens = "auth_user", "authtoken_token"
	if schema != "" {
		w.users, w.tokens = `"Te""nant s"."a""b c"`, `"Te""nant s"."tok'en"`
		w.more, w.admin.more = []string{"--schema", schema}, []string{"--schema", schema}
	}
	var err error
	if w.owner, err = pgconn.Connect(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.owner.Close(context.Background()) //nolint:errcheck // the test is over
		dbtest.Exec(t, url, "drop owned by "+role)
	})
	return w
}

// grants are the statements for a work.
func (w *grantWorld) grants(work string) (list []string) {
	w.t.Helper()
	var rows []struct{ Statement, Why string }
	if err := json.Unmarshal([]byte(w.admin.must("", "grants", "--for", work, "--role", w.role, "-o", "json")), &rows); err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, r.Statement)
	}
	return list
}

// sql runs statements as the owner of the tables.
func (w *grantWorld) sql(statements string) {
	w.t.Helper()
	if _, err := w.owner.Exec(w.t.Context(), statements).ReadAll(); err != nil {
		w.t.Fatalf("%s: %v", statements, err)
	}
}

// grantCommands are the command lines of each work, of which each works alone; {drf} stands for an id
// of the kind.
var grantCommands = map[string][]string{
	"list": {"list", "list --sort user", "list --sort status --columns +last_used", "stats", "show {drf} {knox} {jwt} {session}", "show {blacklisted} --columns +last_used"},
	"mint": {"mint grace --kind drf", "mint alice --kind knox", "mint alice --kind jwt --force", "mint alice --kind session", "rotate {drf}", "rotate {knox}", "rotate {knox} --overlap 1h", "rotate {jwt} --force", "rotate {session}",
		"expire {knox} {session} --ttl 1d", "rotate --kind jwt,session --sort user --limit 1 --yes --force"},
	"revoke": {"blacklist {drf} {knox} {jwt} {session}", "blacklist --kind session --sort user --limit 1 --yes", "blacklist --kind drf,knox,jwt,session --user alice --yes", "unblacklist {blacklisted}"},
	"serve":  {"serve drf", "serve jwt", "serve rest-auth", "serve knox"}, // see serveRequests
	"purge":  {"purge --user alice --yes", "purge --yes", "purge --orphans --yes"},
}

// ids puts the id of a live credential of a kind in the place of {kind}, and that of a blacklisted
// JWT in the place of {blacklisted}.
func (w *grantWorld) ids(line string) string {
	w.t.Helper()
	for _, name := range []string{"drf", "knox", "jwt", "session", "blacklisted"} {
		if kind, status := name, "active"; strings.Contains(line, "{"+name+"}") {
			if name == "blacklisted" {
				kind, status = "jwt", name
			}
			line = strings.ReplaceAll(line, "{"+name+"}", w.admin.must("", "list", "--kind", kind, "--status", status, "--sort", "id", "--limit", "1", "-o", "id"))
		}
	}
	return line
}

// problems runs a command line, and returns what fails or is skipped, but for the rules that an
// auditor's role cannot check.
func (w *grantWorld) problems(line string) (list []string) {
	w.t.Helper()
	if requests, is := strings.CutPrefix(line, "serve "); is {
		return w.serve(serveRequests[requests])
	}
	_, notes, status := w.run("", strings.Fields(w.ids(line))...)
	if status != 0 && status != 4 {
		list = append(list, fmt.Sprintf("%s: status %d: %s", line, status, notes))
	}
	for note := range strings.Lines(notes) {
		if strings.HasPrefix(note, "skipped ") && !slices.ContainsFunc(grantSkipped, func(s string) bool { return strings.HasPrefix(note, s) }) {
			list = append(list, line+": "+note)
		}
	}
	return list
}

// fails tells whether a command of a work fails. It begins with the command that failed last, as
// the parts of a grant follow each other.
func (w *grantWorld) fails(work string) bool {
	w.t.Helper()
	lines := grantCommands[work]
	if at := slices.Index(lines, w.failed); at > 0 {
		lines = slices.Concat(lines[at:], lines[:at])
	}
	for _, line := range lines {
		if len(w.problems(line)) > 0 {
			w.failed = line
			return true
		}
	}
	return false
}

// restore has the rows of all tables as they were at the first call.
func (w *grantWorld) restore() {
	w.t.Helper()
	statement := `set session_replication_role = replica; do $$ declare r record; begin
		for r in select c.oid::regclass as s, obj_description(c.oid) as t from pg_class c where c.relnamespace = 'saved'::regnamespace loop
			execute format('delete from %s', r.t);
			execute format('insert into %s overriding system value select * from %s', r.t, r.s);
		end loop; end $$`
	if !w.saved {
		statement = `create schema saved; do $$ declare r record; begin
			for r in select c.oid::regclass as t, row_number() over () as n from pg_class c where c.relkind = 'r' and c.oid >= 16384 and c.relnamespace <> 'saved'::regnamespace loop
				execute format('create table saved.s%s as select * from %s', r.n, r.t);
				execute format('comment on table saved.s%s is %L', r.n, r.t::text);
			end loop; end $$`
		w.saved = true
	}
	w.sql(statement)
}

// TestGrants: a role with the printed grants can do its work, and without any one of them a command
// fails or names a rule that it skipped.
func TestGrants(t *testing.T) {
	t.Parallel()
	for _, layout := range grantLayouts {
		for work := range grantCommands {
			t.Run(layout.name+"/"+work, func(t *testing.T) {
				t.Parallel()
				w := newGrantWorld(t, layout.sql, layout.schema)
				w.admin.must("", "user", "create", "grace", "--email", "grace@example.com", "-q")
				grants := w.grants(work)
				w.sql(strings.Join(grants, ";\n"))
				for _, line := range grantCommands[work] {
					w.restore()
					for _, problem := range w.problems(line) {
						t.Error(problem)
					}
				}
				if t.Failed() {
					return
				}
				dbtest.Slow(t) // what is beyond: each part of a grant is needed
				for _, g := range grants {
					parts := grantParts(g)
					if work == "all" { // of which the columns are those of the others
						parts = []string{strings.TrimPrefix(g, "grant ")}
					}
					for _, part := range parts {
						w.sql("revoke " + strings.TrimSuffix(part, " to "+`"`+w.role+`"`) + ` from "` + w.role + `"`)
						w.restore()
						if !w.fails(work) {
							t.Errorf("nothing needs %s", part)
						}
						w.sql("grant " + part)
					}
				}
			})
		}
	}
}

// grantColumnsOf is a grant of columns.
var grantColumnsOf = regexp.MustCompile(`^grant (\w+) \((.*)\) on (.*)$`)

// grantParts are the smallest grants that a statement is made of, without the word grant; those of a
// view are none.
func grantParts(statement string) (parts []string) {
	if m := grantColumnsOf.FindStringSubmatch(statement); m != nil {
		for column := range strings.SplitSeq(m[2], ", ") {
			parts = append(parts, m[1]+" ("+column+") on "+m[3])
		}
		return parts
	}
	if privilege, is := strings.CutPrefix(statement, "grant "); is {
		return []string{privilege}
	}
	return nil
}

// grantSkipped are the rules that an auditor's role cannot check, and the owner of the tables neither.
var grantSkipped = []string{
	"skipped no-second-factor: no app",
}

func init() {
	grantCommands["audit"] = append(slices.Clone(grantCommands["list"]), "audit --clock-skew 50y")
	grantCommands["all"] = slices.Concat(grantCommands["serve"], grantCommands["mint"], grantCommands["revoke"], grantCommands["purge"])
}
