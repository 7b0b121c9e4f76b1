package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"tokenctl/db/dbtest"
)

// stalled is a world whose commits wait for a standby that never comes.
func stalled(t *testing.T) *world {
	t.Helper()
	// The standby is asked for from the start: a reload reaches the server's processes late.
	server := dbtest.OwnPostgres(t, "synchronous_standby_names = 'nobody'")
	w := newWorldOn(t, "postgres", server.URL)
	w.ok("init", "-q")
	w.ok("mint", "old", "--create", "-q")
	dbtest.Exec(t, server.URL, "alter database postgres set synchronous_commit = on")
	return w
}

// commits waits until a backend waits for the standby.
func (w *world) commits() {
	w.t.Helper()
	dbtest.Await(w.t, w.url, "wait_event = 'SyncRep' and application_name like 'tokenctl/%'", 1)
}

// Nothing ends while a commit is under way but through the place that words
// outcomes: the outcome is unknown, and tokenctl says how to find out.
func TestEndsDuringCommit(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	w := stalled(t)
	const unknown = " while the transaction was being committed: it may or may not have happened\n"
	for _, test := range []struct {
		name    string
		signals []os.Signal
		args    []string
		status  int
		says    string
	}{
		{"SIGINT", []os.Signal{os.Interrupt}, []string{"mint", "a", "--create", "--out", "a.token"}, 130,
			"tokenctl: interrupted" + unknown + "hint: tokenctl verify --token-file a.token tells whether it is live\n"},
		{"SIGTERM", []os.Signal{syscall.SIGTERM}, []string{"mint", "b", "--create"}, 143,
			"tokenctl: interrupted" + unknown + "hint: tokenctl verify - tells whether the secret printed above is live\n"},
		{"twice", []os.Signal{os.Interrupt, os.Interrupt}, []string{"user", "deactivate", "old", "-q"}, 130,
			"tokenctl: interrupted" + unknown + "hint: look with tokenctl user list whether it happened\n"},
		{"max-time", nil, []string{"mint", "c", "--create", "--out", "c.token", "--max-time", "5s", "-q"}, 1,
			"tokenctl: --max-time was reached" + unknown + "hint: tokenctl verify --token-file c.token tells whether it is live\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := w.in(t)
			p := w.start(w.command(test.args...))
			w.commits()
			for _, s := range test.signals {
				p.Process.Signal(s)
			}
			r := p.ends(testLimit)
			if r.status != test.status || !strings.HasPrefix(r.stderr, test.says) {
				t.Errorf("status %d, want %d: %s", r.status, test.status, r.stderr)
			}
			dbtest.Exec(t, w.url, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
			w.gone()
		})
	}
	if _, err := os.Stat(filepath.Join(w.dir, "a.token")); err != nil {
		t.Error("the secret was not kept: ", err)
	}

	// Somebody on the server ends the wait: it happened, and what that means is said.
	p := w.start(w.command("mint", "d", "--create", "-o", "json", "--out", "d.token"))
	w.commits()
	dbtest.Exec(t, w.url, "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
	w.want(p.ends(testLimit), 0, "warning: the change is committed, but may not have reached the standby")
	if got := w.sql("select count(*) from auth_user where username = 'd'"); got != "1" {
		t.Errorf("%s users", got)
	}
}

// What was delivered before a failure is said to be dead, where it cannot be taken
// back.
func TestDeadSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	w.ok("mint", "old", "--create", "-q")
	dbtest.Exec(t, w.url, `create function fail() returns trigger language plpgsql as $$ begin
		create temporary table if not exists parent (id int primary key) on commit delete rows;
		create temporary table if not exists child (id int references parent);
		return new; end $$;
		create trigger fail after insert or update on authtoken_token for each row execute function fail()`)
	for _, test := range []struct{ args, says string }{
		{"rotate drf:1", "hint: nothing was changed; the printed secret is dead"},
		{"rotate drf:1 --out token", "hint: nothing was changed"},
		{"mint a b --create -o json", "the printed secrets are dead"},
		{"rotate --user old --yes -q", "the printed secret"},
	} {
		r := w.run(w.command(strings.Fields(test.args)...))
		w.want(r, 1, test.says)
		if out := strings.Contains(test.args, "--out"); out == strings.Contains(r.stderr, "dead") || out == (r.stdout != "") {
			t.Errorf("%s: %q, %q", test.args, r.stdout, r.stderr)
		}
	}
}

// A server that falls silent ends commands soon after --timeout, whatever it was
// asked last; what is known of the rows is said.
func TestSilentServer(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	w := newWorld(t, "postgres")
	w.ok("mint", "old", "--create", "-q")
	for n := int32(0); ; n++ {
		var blocks atomic.Int32
		cmd := w.command("mint", "new", "--create", "--timeout", "1s", "-o", "json")
		cmd.Env = append(w.env, "DATABASE_URL="+dbtest.Proxy(t, w.url, func(_, _ *net.TCPConn, _ []byte) bool { return blocks.Add(1) <= n }))
		r := w.run(cmd)
		if r.status == 0 {
			break
		}
		want := []string{`"code":"timeout"`, `"code":"database_unreachable"`, `"code":"outcome_unknown"`}
		if !strings.Contains(r.stderr, want[0]) && !strings.Contains(r.stderr, want[1]) && !strings.Contains(r.stderr, want[2]) || n > 50 {
			t.Fatalf("%d: status %d: %s", n, r.status, r.stderr)
		}
		w.rows("1", "1")
	}
	w.rows("2", "2")
}

// What stands of work in parts is said once, by the command, also with -q and
// -o json.
func TestPartsStand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	dbtest.Exec(t, w.url, `insert into django_session select 's' || i, '', now() - interval '1 d' from generate_series(1, 100) i;
		create function stop() returns trigger language plpgsql as $$ begin
			if (select count(*) from django_session) <= 60 then perform pg_terminate_backend(pg_backend_pid()); end if; return null; end $$;
		create trigger stop after delete on django_session for each statement execute function stop()`)
	r := w.run(w.command("purge", "--yes", "-q", "-o", "json", "--batch-size", "20"))
	w.want(r, 7, `"code":"database_unreachable"`, `"hint":"purged so far, which stands: 20 sessions; try again`)
	if strings.Count(r.stderr, "stands") != 1 || strings.Contains(r.stderr, "nothing was changed") {
		t.Error(r.stderr)
	}
}
