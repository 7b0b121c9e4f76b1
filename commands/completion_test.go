package commands

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// TestCompletionIsQuick: whatever state the database is in, a press of the tab
// key costs no more than 300 ms and nothing is said.
func TestCompletionIsQuick(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
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
		"silent":  "postgresql://nobody@" + silent.Addr().String() + "/nothing",
		"refused": "postgresql://nobody@127.0.0.1:1/nothing",
		"locked":  locked,
		"missing": "sqlite:////nonexistent/db.sqlite3",
		"wrong":   "nonsense",
	} {
		for _, args := range [][]string{{"mint", "a"}, {"show", ""}, {"rotate", "drf:"}, {"list", "--user", "a"}} {
			start := time.Now()
			status, stdout, stderr := complete1(t, url, append([]string{"__complete"}, args...)...)
			if took := time.Since(start); took > 300*time.Millisecond {
				t.Errorf("%s: %q took %s", name, args, took)
			}
			if status != 0 || stdout != ":4\n" || strings.Contains(stderr, "tokenctl:") {
				t.Errorf("%s: %q ended with %d and wrote %q and %q", name, args, status, stdout, stderr)
			}
		}
	}
}

func complete1(t *testing.T, url string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	a := &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Now: time.Now, Random: rand.Reader,
		Getenv: func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }}
	status = a.Run(context.Background(), args)
	return status, out.String(), err.String()
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"one two", 7, "one two"},
		{"one two", 6, "one|two"},
		{"abcdefgh i", 3, "abc|def|gh|i"},
		{"a abcdef", 3, "a|abc|def"},
		{"äöü äöü", 3, "äöü|äöü"},
	} {
		if got := strings.Join(wrap(test.text, test.width), "|"); got != test.want {
			t.Errorf("wrap(%q, %d) = %s, want %s", test.text, test.width, got, test.want)
		}
	}
}
