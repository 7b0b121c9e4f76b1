package dbtest

import (
	_ "embed"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

//go:embed pgbouncer.sh
var pgbouncerScript string

// HasPgBouncer tells whether [PgBouncer] has something to start.
func HasPgBouncer() bool {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// PgBouncer starts PgBouncer in front of the database in address and returns the
// URL through it. It pools transactions over a single server connection, so a
// second client gets the connection that the first has used.
func PgBouncer(t testing.TB, address string) string {
	t.Helper()
	if !HasPgBouncer() {
		Missing(t, "pgbouncer")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	h, err := hold(pgbouncerScript, u.Hostname(), u.Port(), strings.TrimPrefix(u.Path, "/"), u.User.Username(), port)
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("pgbouncer: %v", err)
		}
	})
	u.Host = net.JoinHostPort("127.0.0.1", port)
	// It writes its pid before it listens.
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			conn.Close()
			return u.String()
		}
	}
	t.Fatalf("pgbouncer does not listen on %s", u.Host)
	return ""
}

// freePort returns a TCP port of 127.0.0.1 that nobody listened on just now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
