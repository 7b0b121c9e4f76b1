package dbtest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tokenctl/db/dbtest"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	a, b := dbtest.Postgres(t), dbtest.Postgres(t)
	dbtest.Exec(t, a, "create table t (n int); insert into t values (1), (2);")
	if got := dbtest.Exec(t, a, "select sum(n) from t"); got != "3" {
		t.Errorf("sum = %q, want 3", got)
	}
	if got := dbtest.Exec(t, b, "select to_regclass('t') is null"); got != "t" {
		t.Error("a second database sees the first one's table")
	}
}

// The premise of every test through PgBouncer: two clients share a connection.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	url := dbtest.PgBouncer(t, dbtest.Postgres(t))
	var pids [2]int
	for i := range pids {
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := conn.QueryRow(context.Background(), "select pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pids[i]); err != nil {
			t.Fatal(err)
		}
	}
	if pids[0] != pids[1] {
		t.Errorf("the clients had backends %v, want the same", pids)
	}
}

// Clients have one connection after the other, and two at the same time. Nothing of a client is left on it.
func TestReuse(t *testing.T) {
	t.Parallel()
	url := dbtest.Reuse(t, dbtest.Postgres(t))
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	state := func(conn *pgx.Conn) (pid, pending int, path string) {
		if err := conn.QueryRow(t.Context(), "select pg_backend_pid(), (select count(*) from pg_class where relname = 'pending'), current_setting('search_path')").Scan(&pid, &pending, &path); err != nil {
			t.Fatal(err)
		}
		return pid, pending, path
	}
	first, second := connect(), connect()
	pid, _, _ := state(first)
	other, _, _ := state(second)
	if pid == other {
		t.Error("two clients at the same time have one connection")
	}
	if _, err := first.Exec(t.Context(), "set search_path = pg_catalog; begin; create table public.pending (n int)"); err != nil {
		t.Fatal(err)
	}
	first.Close(t.Context())
	// The connection is free when it has been reset.
	for again := 0; again != pid; {
		third := connect()
		var pending int
		var path string
		again, pending, path = state(third)
		third.Close(t.Context())
		if again == pid && (pending != 0 || path == "pg_catalog") {
			t.Errorf("the next client sees %d tables of the first, and has the search_path %s", pending, path)
		}
	}
	for ended := false; !ended; {
		if err := second.QueryRow(t.Context(), "select count(pg_terminate_backend(pid)) = 0 from pg_stat_activity where pid = $1", pid).Scan(&ended); err != nil {
			t.Fatal(err)
		}
	}
	if again, _, _ := state(connect()); again == pid {
		t.Error("a client has a connection that the server has ended")
	}
}

// A role that must give its password gives it through Reuse, and a client can cancel a statement.
func TestReusePassword(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "password 'sesame' in role needs_password")
	url := dbtest.Reuse(t, dbtest.Postgres(t))
	if conn, err := pgx.Connect(t.Context(), dbtest.As(url, role, "wrong")); err == nil {
		conn.Close(t.Context())
		t.Error("a wrong password opens a connection")
	}
	conn, err := pgx.Connect(t.Context(), dbtest.As(url, role, "sesame"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	ended := make(chan error)
	go func() {
		_, err := conn.Exec(t.Context(), "select pg_sleep(600)")
		ended <- err
	}()
	dbtest.Await(t, url, "wait_event = 'PgSleep'", 1)
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "57014") {
		t.Errorf("the cancelled statement ended with %v", err)
	}
}

func TestFixture(t *testing.T) {
	t.Parallel()
	url, secrets := dbtest.Fixture(t, "postgres")
	if got := dbtest.Exec(t, url, "select u.username from auth_user u join authtoken_token t on t.user_id = u.id where t.key = '"+secrets.DRF["alice"]+"'"); got != "alice" {
		t.Errorf("alice's token belongs to %q", got)
	}
	if _, secrets = dbtest.Fixture(t, "sqlite"); secrets.JWT["alice-live"].JTI == "" {
		t.Error("no jti for alice-live")
	}
}
