package dbtest

import (
	"context"
	"testing"
	"time"
)

// AwaitLock returns when at least n statements wait for a lock in a PostgreSQL database:
// see [Await].
func AwaitLock(t testing.TB, address string, n int) {
	t.Helper()
	Await(t, address, "wait_event_type = 'Lock'", n)
}

// Await returns when at least n rows of pg_stat_activity about a PostgreSQL database meet
// a condition. After two minutes it fails the test: whoever was to wait has ended.
func Await(t testing.TB, address, condition string, n int) {
	t.Helper()
	db, err := Open(address)
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	found := 0
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		err := db.QueryRowContext(context.Background(), "select count(*) from pg_stat_activity where datname = current_database() and "+condition).Scan(&found)
		if err != nil {
			t.Error(err)
			return
		}
		if found >= n {
			return
		}
	}
	t.Errorf("%s: %d, want %d", condition, found, n)
}
