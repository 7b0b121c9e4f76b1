package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
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

// works waits until the process is in its transaction, as far as can be seen.
func (r *running) works() {
	r.w.t.Helper()
	if r.w.engine == "postgres" {
		within(r.w.t, 10*time.Second, "a backend in a transaction", func() bool {
			return r.w.sql("select count(*) > 0 from pg_stat_activity where datname = current_database() and application_name like 'tokenctl/%' and xact_start < now() - interval '150 ms'") == "true"
		})
		return
	}
	time.Sleep(time.Second)
}

// gone checks that the server has no backend of tokenctl's any more.
func (w *world) gone() {
	w.t.Helper()
	if w.engine == "postgres" {
		within(w.t, 3*time.Second, "the backend's end", func() bool {
			return w.sql("select count(*) from pg_stat_activity where datname = current_database() and application_name like 'tokenctl/%'") == "0"
		})
	}
}

// hold takes the lock that every writer of tokens needs, until release.
func (w *world) hold() (release func()) {
	w.t.Helper()
	return w.open("rollback", "update authtoken_token set created = created")
}

// promptly is the second in which a signal must have its effect, and another for
// a machine that has more to do.
const promptly = 2 * time.Second

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
			r := p.ends(promptly)
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

func TestSignalDuringList(t *testing.T) {
	engines(t, func(w *world) {
		w.many("20000")
		for _, args := range [][]string{{"list"}, {"list", "-o", "json", "--sort", "user"}} {
			cmd := w.command(args...)
			cmd.Stdout = fullPipe(w.t)
			p := w.start(cmd)
			time.Sleep(500 * time.Millisecond)
			p.Process.Signal(os.Interrupt)
			w.want(p.ends(promptly), 130, "interrupted")
			w.gone()
		}
		// --max-time ends it as well.
		cmd := w.command("list", "--max-time", "500ms")
		cmd.Stdout = fullPipe(w.t)
		w.want(w.start(cmd).ends(5*time.Second), 1, "tokenctl: --max-time was reached\nhint: allow more with --max-time")
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
	time.Sleep(100 * time.Millisecond)
	p.Process.Signal(os.Interrupt)
	w.want(p.ends(600*time.Millisecond), 130)
	w.rows("0", "0")
}

func TestLimits(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "old", "--create")
		defer w.hold()()
		// Who only looks needs no lock.
		for _, args := range [][]string{{"list"}, {"show", "drf:1"}, {"rotate", "drf:1", "--dry-run"}, {"blacklist", "--user", "old", "--dry-run"}, {"mint", "new", "--create", "--dry-run"}} {
			w.ok(append(args, "--timeout", "2s")...)
		}
		for _, args := range [][]string{{"rotate", "drf:1"}, {"blacklist", "drf:1"}} {
			began := time.Now()
			r := w.run(w.command(append(args, "--timeout", "300ms", "-o", "json")...))
			w.want(r, 1, `"code":"database_locked"`, `"hint":"try again, or wait longer with --timeout`)
			if took := time.Since(began); took > 3*time.Second {
				w.t.Errorf("--timeout 300ms took %v", took)
			}
			r = w.run(w.command(append(args, "--max-time", "300ms")...))
			w.want(r, 1, "tokenctl: --max-time was reached\nhint: nothing was changed")
		}
	})
}
