package dbtest_test

import (
	"context"
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
