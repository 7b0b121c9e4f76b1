package dbtest

import (
	"testing"
	"time"
)

// AwaitLock returns when at least n statements wait for a lock in a PostgreSQL database.
// After a minute it fails the test: whoever was to wait has ended.
func AwaitLock(t testing.TB, address string, n int) {
	t.Helper()
	db, err := Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	waiting := 0
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		err := db.QueryRowContext(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting >= n {
			return
		}
	}
	t.Fatalf("%d statements wait for a lock, want %d", waiting, n)
}
