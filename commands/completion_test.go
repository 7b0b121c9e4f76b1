package commands

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestCompletionIsQuick: whatever state the database is in, a press of the tab
// key costs no more than 300 ms and nothing is said. Time is that of a fake clock, which
// passes only while everything waits.
func TestCompletionIsQuick(t *testing.T) {
	t.Parallel()
	locked := "sqlite:///" + filepath.Join(t.TempDir(), "db.sqlite3")
	if status, _, stderr := complete1(t, locked, "init"); status != 0 {
		t.Fatal(stderr)
	}
	holder, err := dbtest.Open(locked)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	conn, err := holder.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "begin exclusive"); err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{
		"refused": "postgresql://nobody@127.0.0.1:1/nothing",
		"locked":  locked,
		"missing": "sqlite:////nonexistent/db.sqlite3",
		"wrong":   "nonsense",
	} {
		for _, args := range tabs {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				completeNothing(t, name, url, args)
				took := time.Since(start)
				if took > 300*time.Millisecond {
					t.Errorf("%s: %q took %s", name, args, took)
				}
				if name == "locked" && took == 0 {
					t.Errorf("%q did not wait for the lock", args)
				}
			})
		}
	}
}

// tabs are command lines whose last word the database completes.
var tabs = [][]string{{"mint", "a"}, {"show", ""}, {"rotate", "drf:"}, {"list", "--user", "a"}}

// TestCompletionUnanswered: a server that takes connections and never answers is not waited for.
func TestCompletionUnanswered(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, args := range tabs {
		completeNothing(t, "silent", "postgresql://nobody@"+silent.Addr().String()+"/nothing", args)
	}
}

// TestCompletionLimit: a completion ends when its time is over, also where its work does
// not end by itself.
func TestCompletionLimit(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{0: 250 * time.Millisecond, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp("postgresql://nobody@127.0.0.1:1/nothing", io.Discard, io.Discard)
			a.CompletionTime = set
			c := newRoot(a)
			c.SetContext(t.Context())
			end := make(chan struct{})
			defer close(end)
			start := time.Now()
			a.silently(c, func(ctx context.Context, _ *db.Store) error {
				if at, bounded := ctx.Deadline(); !bounded || at.Sub(start) != want || a.global.timeout != want {
					t.Errorf("%v: the work gets %v and statements %v", set, at.Sub(start), a.global.timeout)
				}
				<-end
				return nil
			})
			if took := time.Since(start); took != want {
				t.Errorf("%v: ended after %v", set, took)
			}
			a.store.Close()
		})
	}
}

// completeNothing presses the tab key where there is nothing to offer.
func completeNothing(t *testing.T, name, url string, args []string) {
	t.Helper()
	status, stdout, stderr := complete1(t, url, append([]string{"__complete"}, args...)...)
	if status != 0 || stdout != ":4\n" || strings.Contains(stderr, "tokenctl:") {
		t.Errorf("%s: %q ended with %d and wrote %q and %q", name, args, status, stdout, stderr)
	}
}

func complete1(t *testing.T, url string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = newApp(url, &out, &err).Run(context.Background(), args)
	return status, out.String(), err.String()
}

func newApp(url string, stdout, stderr io.Writer) *App {
	return &App{Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Now: time.Now, Random: rand.Reader,
		Getenv: func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }}
}
