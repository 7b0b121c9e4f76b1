package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// running is a process that was started.
type running struct {
	*exec.Cmd
	w      *world
	stderr bytes.Buffer
	done   chan error
}

func (w *world) start(cmd *exec.Cmd) *running {
	w.t.Helper()
	r := &running{Cmd: cmd, w: w, done: make(chan error, 1)}
	if cmd.Stderr == nil {
		cmd.Stderr = &r.stderr
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { r.done <- cmd.Wait() }()
	return r
}

// ends waits for the end, at most the limit, which is a failure.
func (r *running) ends(limit time.Duration) result {
	r.w.t.Helper()
	select {
	case err := <-r.done:
		return result{status: exitStatus(r.w.t, err), stderr: r.stderr.String()}
	case <-time.After(limit):
		r.Process.Kill()
		<-r.done
		r.w.t.Fatalf("%v still ran after %v", r.Args, limit)
		return result{}
	}
}

// works waits until the process is in its transaction: on PostgreSQL it waits there for
// somebody else's lock or for the reader of its secrets. SQLite tells less: the process has
// the database open, and somebody has its lock.
func (r *running) works() {
	r.w.t.Helper()
	within(r.w.t, testLimit, "a transaction", func() bool {
		if r.w.engine == "postgres" {
			return r.w.sql("select count(*) > 0 from pg_stat_activity where datname = current_database() and application_name like 'tokenctl/%' and (wait_event_type = 'Lock' or state = 'idle in transaction')") == "true"
		}
		return r.hasOpen(r.w.file()) && r.w.locked()
	})
}

// hasOpen reports whether the process has a file open.
func (r *running) hasOpen(file string) bool {
	r.w.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", r.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.w.t.Fatal(err)
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		return err == nil && target == file
	})
}

// locked reports whether somebody holds SQLite's lock for writing.
func (w *world) locked() bool {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.file()+"?mode=rw")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Conn(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer tx.Close()
	if _, err := tx.ExecContext(w.t.Context(), "begin immediate; rollback"); err != nil {
		return true
	}
	return false
}

// delivers starts a process, and waits until it has written something. Nobody reads the rest.
func (w *world) delivers(cmd *exec.Cmd) *running {
	w.t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { out.Close() })
	cmd.Stdout = in
	p := w.start(cmd)
	in.Close()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		w.t.Fatalf("%v: %v", cmd.Args, err)
	}
	return p
}

// gone checks that no backend of the server works for tokenctl any more. The backends that [dbtest.Reuse] keeps for
// the next process do not count.
func (w *world) gone() {
	w.t.Helper()
	if w.engine == "postgres" {
		within(w.t, testLimit, "the backend's end", func() bool {
			return w.sql("select count(*) from pg_stat_activity where datname = current_database() and application_name like 'tokenctl/%' and query <> 'discard all'") == "0"
		})
	}
}

// hold takes the lock that every writer of tokens needs, until release.
func (w *world) hold() (release func()) {
	w.t.Helper()
	return w.open("rollback", "update authtoken_token set created = created")
}

func TestSignals(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "old", "--create")
		key := w.key()
		rotate := []string{"rotate", "drf:1"}
		for _, test := range []struct {
			name   string
			signal syscall.Signal
			status int
			args   []string
			held   bool // somebody holds the lock; else nobody reads stdout
		}{
			{"SIGINT while waiting for a lock", syscall.SIGINT, 130, rotate, true},
			{"SIGTERM while waiting for a lock", syscall.SIGTERM, 143, rotate, true},
			{"SIGINT during delivery", syscall.SIGINT, 130, rotate, false},
			{"SIGTERM during delivery", syscall.SIGTERM, 143, []string{"mint", "new", "--create"}, false},
		} {
			release := func() {}
			cmd := w.command(test.args...)
			if test.held {
				release = w.hold()
			} else {
				cmd.Stdout = fullPipe(w.t)
			}
			p := w.start(cmd)
			p.works()
			p.Process.Signal(test.signal)
			r := p.ends(testLimit)
			if r.status != test.status || r.stderr != "tokenctl: interrupted\nhint: nothing was changed\n" {
				w.t.Errorf("%s: status %d, want %d: %s", test.name, r.status, test.status, r.stderr)
			}
			release()
			w.gone()
			w.rows("1", "1")
		}
		if w.key() != key {
			w.t.Error("the token was replaced")
		}
	})
}

// TestKilledReport: the report of a process that is killed says that the outcome is unknown.
func TestKilledReport(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "old", "--create")
		for form, want := range map[string]string{
			"json": `"command":"rotate","database":"`,
			"md":   "\n- outcome: unknown\n",
			"csv":  ",rotate,unknown,,,,,,,,the command did not end\n",
		} {
			name := filepath.Join(w.dir, "killed."+form)
			release := w.hold()
			p := w.start(w.command("rotate", "drf:1", "--report", name))
			p.works()
			p.Process.Kill()
			<-p.done
			release()
			w.gone()
			text, err := os.ReadFile(name)
			if err != nil || !strings.Contains(string(text), want) || form == "json" && !strings.Contains(string(text), `"outcome":"unknown"`) {
				w.t.Errorf("%s: %q, %v", name, text, err)
			}
			if left, err := filepath.Glob(name + ".*"); err != nil || left != nil {
				w.t.Errorf("files %v remain, %v", left, err)
			}
		}
		w.rows("1", "1")
	})
}

func TestSignalDuringList(t *testing.T) {
	engines(t, func(w *world) {
		w.many("20000")
		for _, args := range [][]string{{"list"}, {"list", "-o", "json", "--sort", "user"}} {
			p := w.delivers(w.command(args...))
			p.Process.Signal(os.Interrupt)
			w.want(p.ends(testLimit), 130, "interrupted")
			w.gone()
		}
		// --max-time ends it as well.
		cmd := w.command("list", "--max-time", "500ms")
		cmd.Stdout = fullPipe(w.t)
		w.want(w.start(cmd).ends(testLimit), 1, "tokenctl: --max-time was reached\nhint: allow more with --max-time")
		// A reader that has seen enough is no failure, and nothing is said.
		r := w.run(w.shell("tokenctl list | head -n 1; exit ${PIPESTATUS[0]}"))
		if r.status != 141 || r.stderr != "" || strings.Count(r.stdout, "\n") != 1 {
			w.t.Errorf("list | head: status %d, %q, %q", r.status, r.stdout, r.stderr)
		}
	})
}

// The second signal does not wait for anything.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	cmd := w.command("mint", "alice", "--create")
	cmd.Stdout, cmd.Stderr = fullPipe(t), fullPipe(t)
	p := w.start(cmd)
	p.works()
	p.Process.Signal(os.Interrupt)
	within(t, testLimit, "the end of the transaction", func() bool { return !w.locked() })
	p.Process.Signal(os.Interrupt)
	w.want(p.ends(testLimit), 130)
	w.rows("0", "0")
}

func TestLimits(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.ok("mint", "old", "--create")
		defer w.hold()()
		// Who only looks needs no lock.
		for _, args := range [][]string{{"list"}, {"show", "drf:1"}, {"rotate", "drf:1", "--dry-run"}, {"blacklist", "--user", "old", "--dry-run"}, {"mint", "new", "--create", "--dry-run"}} {
			w.ok(args...)
		}
		for _, args := range [][]string{{"rotate", "drf:1"}, {"blacklist", "drf:1"}} {
			r := w.run(w.command(append(args, "--timeout", "1s", "-o", "json")...))
			w.want(r, 1, `"code":"database_locked"`, `"hint":"try again, or wait longer with --timeout`)
			r = w.run(w.command(append(args, "--max-time", "300ms")...))
			w.want(r, 1, "tokenctl: --max-time was reached\nhint: nothing was changed")
		}
	})
}
