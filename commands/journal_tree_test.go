package commands

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
	"tokenctl/journal"
)

// journaledCommand is a way to have a command change rows.
type journaledCommand struct {
	before [][]string // command lines before it, without the journal; {sql} begins a statement
	args   []string
	stdin  string
	kind   string
	count  int
	empty  bool // the database has no tables
	denies bool // there is a denylist with an entry
}

// journaledCommands are all commands that change rows.
var journaledCommands = map[string]journaledCommand{
	"init":            {empty: true, args: []string{"init"}, kind: "", count: 0},
	"mint":            {args: []string{"mint", "bob"}, kind: "drf", count: 1},
	"rotate":          {args: []string{"rotate", "--kind", "drf", "--yes"}, kind: "drf", count: 1},
	"expire":          {args: []string{"expire", "--kind", "knox", "--ttl", "5d", "--yes"}, kind: "knox", count: 1},
	"blacklist":       {args: []string{"blacklist", "--user", "alice", "--kind", "drf,knox,jwt", "--yes", "-q"}, kind: "drf,knox,jwt", count: 3},
	"unblacklist":     {before: [][]string{{"blacklist", "--kind", "jwt", "--yes"}}, args: []string{"unblacklist", "-"}, stdin: "{jwt}", kind: "jwt", count: 1},
	"denylist remove": {denies: true, args: []string{"denylist", "remove", "user:1"}, kind: "denylist", count: 1},
	"purge":           {before: [][]string{{"{sql}", "update knox_authtoken set expiry = '2020-01-01 00:00:00'"}}, args: []string{"purge", "--yes"}, kind: "knox", count: 1},
	"scan":            {args: []string{"scan", "-", "--blacklist", "--yes"}, stdin: "{secret}", kind: "drf", count: 1},
	"incident":        {args: []string{"incident", "--user", "alice", "--all", "--deactivate", "--yes"}, kind: "user,drf,knox,jwt", count: 4},
	"audit":           {before: [][]string{{"user", "deactivate", "alice"}}, args: []string{"audit", "--fix", "inactive-owner", "--kind", "drf", "--yes"}, kind: "drf", count: 1},
	"user create":     {args: []string{"user", "create", "carl", "--no-password"}, kind: "user", count: 1},
	"user password":   {args: []string{"user", "password", "alice", "--no-password"}, kind: "user", count: 1},
	"user deactivate": {args: []string{"user", "deactivate", "alice"}, kind: "user", count: 1},
	"user activate":   {before: [][]string{{"user", "deactivate", "alice"}}, args: []string{"user", "activate", "alice"}, kind: "user", count: 1},
	"user mfa reset": {before: [][]string{{"{sql}", "create table otp_totp_totpdevice (id integer primary key, name varchar(64) not null, confirmed boolean not null, key varchar(80) not null, step integer not null, t0 integer not null, user_id integer not null references auth_user (id))"},
		{"{sql}", "insert into otp_totp_totpdevice values (1, 'phone', '1', '0', 30, 0, (select id from auth_user where username = 'alice'))"}}, args: []string{"user", "mfa", "reset", "alice", "--yes"}, kind: "user", count: 1},
	"user delete": {args: []string{"user", "delete", "bob", "--yes"}, kind: "user", count: 1},
}

// A command that changes rows leaves an entry that is settled, and one that cannot write the
// journal changes nothing. A new command needs a case here.
func TestJournalTree(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	var names []string
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Flags().Lookup("report") != nil || c.Flags().Lookup("yes") != nil {
			names = append(names, strings.TrimPrefix(c.CommandPath(), "tokenctl "))
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(testRoot())
	for name := range journaledCommands {
		if !slices.Contains(names, name) {
			t.Errorf("there is no command %s that asks for consent or writes a report", name)
		}
	}
	for _, name := range names {
		if _, known := journaledCommands[name]; !known {
			t.Errorf("%s changes rows, and has no case here", name)
		}
	}
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		for name, c := range journaledCommands {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				journaled(t, dbtest.Reuse(t, dbtest.Fresh(t, engine)), name, c)
			})
		}
	})
}

// journaled runs a command whose journal cannot be written, and then with one.
func journaled(t *testing.T, url, name string, c journaledCommand) {
	w := journalWorld{t: t, url: url, env: map[string]string{"SUDO_USER": "ann"}}
	if !c.empty {
		w.must("init", "-q")
		w.must("user", "create", "alice", "bob", "--no-password", "-q")
		secret := w.must("mint", "alice", "-q")
		c.stdin = strings.ReplaceAll(c.stdin, "{secret}", secret)
		w.must("mint", "alice", "--kind", "knox", "-q")
		w.must("mint", "alice", "--kind", "jwt", "-q")
		c.stdin = strings.ReplaceAll(c.stdin, "{jwt}", w.must("list", "--kind", "jwt", "-o", "id"))
	}
	for _, args := range c.before {
		if args[0] == "{sql}" {
			dbtest.Query(url, args[1])
			continue
		}
		w.must(args...)
	}
	list := func() string { return "" }
	if c.denies {
		server := redistest.Start(t)
		w.env["TOKENCTL_DENYLIST_URL"] = server.URL("")
		server.Do("set", "denylist:user:1", "1")
		list = func() string { return server.Do("keys", "*") }
	}
	rows := func() string {
		if c.empty {
			_, _, status := w.run("", "list")
			return strconv.Itoa(status)
		}
		var all []string
		for _, query := range []string{"select username, password, is_active from auth_user order by id", "select key from authtoken_token order by key", "select digest, expiry from knox_authtoken order by digest",
			"select count(*) from token_blacklist_outstandingtoken", "select count(*) from token_blacklist_blacklistedtoken"} {
			all = append(all, dbtest.Query(url, query))
		}
		return strings.Join(append(all, list()), "\n")
	}
	before := rows()
	dir := t.TempDir()
	w.env["TOKENCTL_JOURNAL"] = filepath.Join(dir, "none", "journal")
	if _, errs, status := w.run(c.stdin, c.args...); status != exitFailed || !strings.HasPrefix(errs, "tokenctl: the journal "+w.env["TOKENCTL_JOURNAL"]+" cannot be opened: no such file or directory\n") {
		t.Errorf("status %d: %s", status, errs)
	}
	if after := rows(); after != before {
		t.Errorf("without a journal it changed rows:\n%s\n%s", before, after)
	}
	path := filepath.Join(dir, "journal")
	w.env["TOKENCTL_JOURNAL"] = path
	if _, errs, status := w.run(c.stdin, c.args...); status != exitDone && !(name == "incident" && status == exitNo) {
		t.Fatalf("status %d: %s", status, errs)
	}
	if after := rows(); after == before && name != "user mfa reset" {
		t.Error("it changed nothing")
	}
	var entries []*journal.Recorded
	for r, err := range journal.Entries(path) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, r)
	}
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	r := entries[0]
	if r.Outcome != journal.Done || r.Kind != c.kind || r.Count != c.count || len(r.IDs) < c.count || !strings.HasPrefix(r.Command, name) || r.SudoUser != "ann" || r.Host == "" || r.User == "" || r.Database == "" {
		t.Errorf("%+v", r)
	}
	if s, err := journal.Check(path, ""); err != nil || s.Problems != nil || len(s.Open) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

type journalWorld struct {
	t   *testing.T
	url string
	env map[string]string
}

func (w journalWorld) run(stdin string, args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	app := &App{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Now: time.Now, Random: rand.Reader,
		Getenv: func(name string) string {
			switch name {
			case "DATABASE_URL":
				return w.url
			case "TOKENCTL_SECRET_KEY":
				return strings.Repeat("k", 50)
			}
			return w.env[name]
		}}
	status = app.Run(w.t.Context(), args)
	return out.String(), errs.String(), status
}

func (w journalWorld) must(args ...string) string {
	w.t.Helper()
	out, errs, status := w.run("", args...)
	if status != exitDone {
		w.t.Fatalf("tokenctl %s: status %d: %s", strings.Join(args, " "), status, errs)
	}
	return strings.TrimSpace(out)
}
