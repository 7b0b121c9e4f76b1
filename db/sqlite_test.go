package db_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// file is the file of a SQLite URL.
func file(address string) string { return strings.TrimPrefix(address, "sqlite:///") }

// execute runs a statement of somebody else's.
func execute(t testing.TB, address, statement string) {
	t.Helper()
	conn, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestSQLiteFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	truncated := dbtest.SQLite(t)
	initialised(t, truncated, db.Options{}).Close()
	if err := os.Truncate(file(truncated), 5000); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, path string
		want       tokenctl.Code
	}{
		{"missing", filepath.Join(dir, "no.sqlite3"), tokenctl.CodeDatabaseMissing},
		{"missing folder", filepath.Join(dir, "no", "db.sqlite3"), tokenctl.CodeDatabaseMissing},
		{"under a file", filepath.Join(write("f", ""), "db.sqlite3"), tokenctl.CodeDatabaseUnreachable},
		{"folder", dir, tokenctl.CodeDatabaseUnreachable},
		{"fifo", fifo, tokenctl.CodeDatabaseUnreachable},
		{"device", "/dev/null", tokenctl.CodeDatabaseUnreachable},
		{"text", write("text", strings.Repeat("not a database\n", 100)), tokenctl.CodeDatabaseUnreachable},
		{"short", write("short", "x"), tokenctl.CodeTableMissing},
		{"truncated", file(truncated), tokenctl.CodeDatabaseUnreachable},
		{"empty", write("empty", ""), tokenctl.CodeTableMissing},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := db.Open(engine.FileTarget(test.path, ""), db.Options{Timeout: 20 * time.Second, Now: time.Now})
			if err == nil {
				defer s.Close()
				for _, err = range s.ListUsers(t.Context(), db.Filter{}) {
				}
			}
			dbtest.WantCode(t, err, test.want)
			if test.want == tokenctl.CodeDatabaseMissing {
				if _, err := os.Stat(test.path); err == nil {
					t.Error("the file was created")
				}
			}
		})
	}
}

func TestSQLitePaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "a?mode=memory.db", "a#b.db", "100%.db", "%41.db", `a"b'c.db`, "zoë-日本.db", "a;b&c=d.db", "-d", "a\nb", "latin\xe9", ":memory:x", "file:x"} {
		target := engine.FileTarget(name, dir)
		if created, err := engine.CreateFile(target); err != nil || !created {
			t.Fatalf("%q: %v, %v", name, created, err)
		}
		s, err := db.Open(target, db.Options{Timeout: 20 * time.Second, Now: time.Now})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if err := s.Init(t.Context()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		s.Close()
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.HasPrefix(data, []byte("SQLite format 3\x00")) {
			t.Errorf("%q: %v, %d bytes", name, err, len(data))
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 13 {
		t.Errorf("%d files, want 13", len(entries))
	}
}

// reader is an environment variable that makes TestSQLiteAsReader act.
const reader = "TOKENCTL_TEST_READER"

// TestSQLiteAsReader is run by TestSQLiteReadOnly as somebody whom the
// permissions bind; root is not. By itself it does nothing.
func TestSQLiteAsReader(t *testing.T) {
	t.Parallel()
	path := os.Getenv(reader)
	if path == "" {
		return
	}
	s, err := db.Open(engine.FileTarget(path, ""), db.Options{Timeout: 20 * time.Second, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, f := range []db.Filter{{}, {Sort: "created"}} {
		if got := names(collect(t, s.Tokens(t.Context(), f))); got != "ann" {
			t.Errorf("tokens of %q", got)
		}
	}
	err = s.Write(t.Context(), func(tx *db.Tx) error { return tx.Exec(t.Context(), "delete from authtoken_token") })
	dbtest.WantCode(t, err, tokenctl.CodeDatabaseReadOnly)
}

func TestSQLiteReadOnly(t *testing.T) {
	t.Parallel()
	address := dbtest.SQLite(t)
	s := initialised(t, address, db.Options{})
	withToken(t, s, "ann", 1)
	s.Close()
	data, err := os.ReadFile(file(address))
	if err != nil {
		t.Fatal(err)
	}
	// t.TempDir's parents are closed to others.
	dir, err := os.MkdirTemp("", "tokenctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "test")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		dbtest.Missing(t, "/proc")
	}
	for path, mode := range map[string]os.FileMode{binary: 0o755, filepath.Join(dir, "file", "db"): 0o444, filepath.Join(dir, "folder", "db"): 0o666} {
		text := data
		if path == binary {
			text = self
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, "file"), 0o777), os.Chmod(filepath.Join(dir, "folder"), 0o555)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "folder"} {
		cmd := exec.Command(binary, "-test.run=^TestSQLiteAsReader$", "-test.v")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), reader+"="+filepath.Join(dir, name, "db"))
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("read-only %s: %v\n%s", name, err, out)
		}
	}
}

// locked holds an exclusive lock on a SQLite file until release.
func locked(t testing.TB, address string) (release func()) {
	t.Helper()
	pool, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	conn, err := pool.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"begin exclusive", "update auth_user set first_name = 'locked'"} {
		if _, err := conn.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), "commit"); err != nil {
			t.Error(err)
		}
	}
}

// The clock is a fake one, which passes only while everything waits.
func TestSQLiteLocked(t *testing.T) {
	t.Parallel()
	address := dbtest.SQLite(t)
	token := withToken(t, initialised(t, address, db.Options{}), "ann", 1)
	release := locked(t, address)
	for name, do := range map[string]func(context.Context, *db.Store) error{
		"read":  func(ctx context.Context, s *db.Store) error { return s.Read(ctx, func(*db.Tx) error { return nil }) },
		"write": func(ctx context.Context, s *db.Store) error { return s.Write(ctx, func(*db.Tx) error { return nil }) },
		"list": func(ctx context.Context, s *db.Store) (err error) {
			for _, err = range s.Tokens(ctx, db.Filter{}) {
			}
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			dbtest.WantCode(t, do(t.Context(), open(t, address, db.Options{Timeout: 300 * time.Millisecond})), tokenctl.CodeDatabaseLocked)
			if d := time.Since(start); d < 250*time.Millisecond || d > 500*time.Millisecond {
				t.Errorf("%s: locked after %v", name, d)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("ctrl-c")
			time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
			start = time.Now()
			if err := do(ctx, open(t, address, db.Options{})); err != cause {
				t.Errorf("%s: %v, want the cause of the cancel", name, err)
			}
			if d := time.Since(start); d < 100*time.Millisecond || d > 200*time.Millisecond {
				t.Errorf("%s: cancelled after %v", name, d)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(200*time.Millisecond, release)
		start := time.Now()
		err := open(t, address, db.Options{}).Write(t.Context(), func(tx *db.Tx) error { return deleteToken(t.Context(), tx, token) })
		dbtest.WantCode(t, err, "")
		if d := time.Since(start); d < 200*time.Millisecond {
			t.Errorf("written after %v, before the lock was released", d)
		}
	})
}

// A reader that does not go away keeps a commit from happening: it is waited
// for, and then all is as before.
func TestSQLiteCommitWaits(t *testing.T) {
	t.Parallel()
	address := dbtest.SQLite(t)
	token := withToken(t, initialised(t, address, db.Options{}), "ann", 1)
	pool, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	rows, err := pool.Query("select * from auth_user union all select * from auth_user")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, address, db.Options{Timeout: 300 * time.Millisecond})
		remove := func(tx *db.Tx) error { return deleteToken(t.Context(), tx, token) }
		start := time.Now()
		dbtest.WantCode(t, s.Write(t.Context(), remove), tokenctl.CodeDatabaseLocked)
		if d := time.Since(start); d < 250*time.Millisecond || d > 500*time.Millisecond {
			t.Errorf("locked after %v", d)
		}
		rows.Close()
		dbtest.WantCode(t, s.Write(t.Context(), remove), "")
	})
}

func TestSQLiteJournalMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"wal", "delete", "persist"} {
		address := dbtest.SQLite(t)
		s := initialised(t, address, db.Options{})
		execute(t, address, "pragma journal_mode = "+mode)
		withToken(t, s, "ann", 1)
		collect(t, s.Tokens(t.Context(), db.Filter{Sort: "created"}))
		s.Close()
		want := mode
		if mode == "persist" {
			want = "delete" // it is a connection's, not the file's
		}
		if got := dbtest.Query(address, "pragma journal_mode"); got != want+"\n" {
			t.Errorf("journal mode %q, was %q", got, mode)
		}
	}
}

func TestSQLiteForeignKeys(t *testing.T) {
	t.Parallel()
	s := initialised(t, dbtest.SQLite(t), db.Options{})
	_, err := insertToken(t.Context(), s, db.User{ID: "4711"}, key(1))
	dbtest.WantCode(t, err, tokenctl.CodeReferenced)
	if tokens := collect(t, s.Tokens(t.Context(), db.Filter{})); len(tokens) != 0 {
		t.Error(tokens)
	}
	// The connection is as good as before.
	withToken(t, s, "ann", 2)
}
