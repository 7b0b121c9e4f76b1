package dbtest

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed cluster.sh
var clusterScript string

// Server is a running PostgreSQL.
type Server struct {
	URL  string // the superuser's, on the database postgres
	Host string
	Port string
}

// cluster is this process's own server, started when a test first asks for one. It
// must stay reachable: a held server ends when the garbage collector closes its input.
var cluster = sync.OnceValues(func() (*held, error) { return hold(clusterScript) })

// HasPostgres tells whether [PostgresServer] has something to offer.
func HasPostgres() bool {
	if os.Getenv("TOKENCTL_TEST_POSTGRES") != "" {
		return true
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
		return true
	}
	_, err := exec.LookPath("postgres")
	return err == nil
}

// PostgresServer returns the server that the tests use: the one that
// TOKENCTL_TEST_POSTGRES names by a superuser's URL, else a temporary cluster of
// this process's own. On the latter, members of the role needs_password must
// give a password, and nobody else is asked for one. All tests share the server's
// roles: a test that makes one gives it a name of its own and drops it.
func PostgresServer(t testing.TB) Server {
	t.Helper()
	address := os.Getenv("TOKENCTL_TEST_POSTGRES")
	if address == "" {
		if !HasPostgres() {
			Missing(t, "PostgreSQL's server binaries")
		}
		h, err := cluster()
		if err != nil {
			t.Fatalf("temporary PostgreSQL: %v", err)
		}
		address = h.line
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("TOKENCTL_TEST_POSTGRES: %v", err)
	}
	return Server{URL: address, Host: u.Hostname(), Port: u.Port()}
}

// OwnPostgres starts a server for one test, with these lines of postgresql.conf.
func OwnPostgres(t testing.TB, settings ...string) Server {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) == 0 {
		Missing(t, "PostgreSQL's server binaries")
	}
	h, err := hold(clusterScript, settings...)
	if err != nil {
		t.Fatalf("temporary PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("temporary PostgreSQL: %v", err)
		}
	})
	u, err := url.Parse(h.line)
	if err != nil {
		t.Fatal(err)
	}
	return Server{URL: h.line, Host: u.Hostname(), Port: u.Port()}
}

// Database returns the URL of another database on the same server.
func (s Server) Database(name string) string {
	u, err := url.Parse(s.URL)
	if err != nil {
		panic(err) // PostgresServer has parsed it
	}
	u.Path = "/" + name
	return u.String()
}

// Postgres returns the superuser's URL of a fresh, empty database, dropped when
// the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

// create creates a database, as the SQL in options says.
func create(t testing.TB, options string) string {
	t.Helper()
	s := PostgresServer(t)
	name := "tokenctl_" + strings.ToLower(rand.Text())
	s.exec(t, "create database "+name+options+s.copied(t))
	t.Cleanup(func() { s.exec(t, "drop database if exists "+name+" with (force)") })
	return s.Database(name)
}

// copied is the option that makes a new database by copying files, which takes a fifth of
// the time on a server that does not wait for its disk. Before PostgreSQL 15 there is no
// other way, and no option.
func (s Server) copied(t testing.TB) string {
	t.Helper()
	copied, known := fileCopy.Load(s.URL)
	if !known {
		copied = ""
		s.exec(t, "select", func(conn *pgx.Conn) {
			if major, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), "."); len(major) > 1 && major >= "15" {
				copied = " strategy file_copy"
			}
		})
		fileCopy.Store(s.URL, copied)
	}
	return copied.(string)
}

// fileCopy has the result of copied by the server's URL.
var fileCopy sync.Map

// exec runs one statement as the superuser.
func (s Server) exec(t testing.TB, sql string, look ...func(*pgx.Conn)) {
	t.Helper()
	// Not the test's own context: that is cancelled before its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		t.Fatalf("temporary PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for _, f := range look {
		f(conn)
	}
}

// Exec runs SQL, of one statement or many, in one transaction of PostgreSQL, and returns
// the rows as psql prints them, unaligned and without headers.
func Exec(t testing.TB, url, sql string) string {
	t.Helper()
	// Not the test's own context: that is cancelled before its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, result := range results {
		for _, row := range result.Rows {
			lines = append(lines, string(bytes.Join(row, []byte("|"))))
		}
	}
	return strings.Join(lines, "\n")
}
