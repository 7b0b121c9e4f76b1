package dbtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
func (s Server) copied(t testing.TB) (option string) {
	t.Helper()
	s.asSuperuser(t, func(ctx context.Context, pool *sql.DB) error {
		return pool.QueryRowContext(ctx, "select case when current_setting('server_version_num')::int >= 150000 then ' strategy file_copy' else '' end").Scan(&option)
	})
	return option
}

// exec runs one statement as the superuser.
func (s Server) exec(t testing.TB, statement string) {
	t.Helper()
	s.asSuperuser(t, func(ctx context.Context, pool *sql.DB) error {
		if _, err := pool.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		return nil
	})
}

// superusers are the superuser's connections to the servers, by their URLs. They stay open, as the tests make
// hundreds of databases.
var superusers sync.Map

func (s Server) asSuperuser(t testing.TB, f func(context.Context, *sql.DB) error) {
	t.Helper()
	pool, ok := superusers.Load(s.URL)
	if !ok {
		made, err := Open(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if pool, ok = superusers.LoadOrStore(s.URL, made); ok {
			made.Close()
		}
	}
	// Not the test's own context: that is cancelled before its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := f(ctx, pool.(*sql.DB)); err != nil {
		t.Fatalf("temporary PostgreSQL: %v", err)
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
