package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// world is an initialised database of a test's own, and processes on it.
type world struct {
	t      *testing.T
	engine string
	url    string
	dir    string // where the processes run
	env    []string
}

// engines runs f on both engines at once, in a world each.
func engines(t *testing.T, f func(w *world)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f(newWorld(t, engine))
		})
	}
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	return newWorldOn(t, engine, dbtest.Reuse(t, initialised(t, engine)))
}

// in is the world for a part of the test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.t = t
	return &part
}

func newWorldOn(t *testing.T, engine, url string) *world {
	t.Helper()
	w := &world{t: t, engine: engine, dir: t.TempDir(), url: url}
	w.env = []string{"DATABASE_URL=" + w.url, "HOME=" + w.dir, "PATH=" + binary(t) + ":/usr/bin:/bin", "TERM=xterm", "PAGER=cat"}
	for _, name := range []string{"PGPASSWORD", "PGPASSFILE", "PGUSER"} {
		if value, ok := os.LookupEnv(name); ok {
			w.env = append(w.env, name+"="+value)
		}
	}
	return w
}

// file is the path of a SQLite database.
func (w *world) file() string { return strings.TrimPrefix(w.url, "sqlite:///") }

// binary is a folder that holds this test binary under the name tokenctl, which
// makes it tokenctl: see TestMain.
func binary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "tokenctl")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shell is a script for bash, not started.
func (w *world) shell(script string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command("/bin/bash", "-c", script)
	cmd.Dir, cmd.Env = w.dir, w.env
	return cmd
}

// command is tokenctl with arguments, not started.
func (w *world) command(args ...string) *exec.Cmd {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "tokenctl" // by which the test binary knows what to be
	cmd.Dir, cmd.Env = w.dir, w.env
	return cmd
}

// result is how a process ended.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a command to its end. Streams that are not set are gathered.
func (w *world) run(cmd *exec.Cmd) result {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	status := exitStatus(w.t, cmd.Run())
	return result{status, stdout.String(), stderr.String()}
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// ok runs tokenctl, which must succeed, and returns its stdout.
func (w *world) ok(args ...string) string {
	w.t.Helper()
	r := w.run(w.command(args...))
	if r.status != 0 {
		w.t.Fatalf("tokenctl %s: status %d\n%s", strings.Join(args, " "), r.status, r.stderr)
	}
	return r.stdout
}

// want checks how a process ended; said are parts of its stderr.
func (w *world) want(r result, status int, said ...string) {
	w.t.Helper()
	if r.status != status {
		w.t.Errorf("status %d, want %d; stderr: %s", r.status, status, r.stderr)
	}
	for _, part := range said {
		if !strings.Contains(r.stderr, part) {
			w.t.Errorf("stderr lacks %q:\n%s", part, r.stderr)
		}
	}
}

// sql is what the database answers.
func (w *world) sql(query string) string {
	return strings.TrimSuffix(dbtest.Query(w.url, query), "\n")
}

// rows checks how many users and tokens there are.
func (w *world) rows(users, tokens string) {
	w.t.Helper()
	got := w.sql("select count(*) from auth_user") + " " + w.sql("select count(*) from authtoken_token")
	if want := users + " " + tokens; got != want {
		w.t.Errorf("users and tokens: %s, want %s", got, want)
	}
}

// key is the only token's.
func (w *world) key() string { return w.sql("select key from authtoken_token") }

// many adds a great number of users with tokens.
func (w *world) many(n string) {
	w.t.Helper()
	numbers := "with recursive n(i) as (select 1000 union all select i + 1 from n where i < 1000 + " + n + ") "
	w.sql(numbers + "insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) " +
		"select i, '!', false, 'user' || i, '', '', '', false, true, '2026-01-01 00:00:00' from n")
	if got := w.sql("insert into authtoken_token (key, created, user_id) select 'no key ' || id, '2026-01-01 00:00:00', id from auth_user where id >= 1000"); got != "" {
		w.t.Fatal(got)
	}
}

// fullPipe returns the end of a pipe that nobody reads and that holds no more.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	fd := int(w.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); ; {
		if _, err := syscall.Write(fd, block); errors.Is(err, syscall.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return w
}

// closedPipe returns the end of a pipe whose reader is gone.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// device opens a file such as /dev/full for writing.
func device(t *testing.T, path string) io.Writer {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// within waits until f is true.
func within(t *testing.T, limit time.Duration, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// testLimit is when something counts as never happening. It is no measure of speed: other
// programs may need the machine.
const testLimit = 2 * time.Minute
