package db_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestPurgeBatches: all that was found is deleted, in batches of any size, but what was
// renewed since, and what others deleted is no error.
func TestPurgeBatches(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const n = 5000
		for _, size := range []int{n, 700, 1999} {
			var rows [][3]any
			for i := range n {
				rows = append(rows, [3]any{fmt.Sprintf("key%05d", i), "?", -1 + 2*(i%2)})
			}
			execute(t, address, "delete from django_session")
			addSessions(t, address, rows...)
			now := time.Now()
			expired := collect(t, s.ExpiredSessions(t.Context(), now, nil))
			if len(expired) != n/2 {
				t.Fatalf("%d are found, want %d", len(expired), n/2)
			}
			execute(t, address, "update django_session set expire_date = '2040-01-01 00:00:00' where session_key = 'key04998'")
			execute(t, address, "delete from django_session where session_key between 'key04000' and 'key04100' or session_key = 'key00000'")
			var deleted int64
			for batch := range slices.Chunk(expired, size) {
				if err := s.WriteMany(t.Context(), func(tx *db.Tx) error {
					n, err := tx.DeleteExpired(t.Context(), "session", batch, now)
					deleted += n
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			if want := int64(n/2 - 1 - 51 - 1); deleted != want {
				t.Errorf("in batches of %d: %d were deleted, want %d", size, deleted, want)
			}
			if left := collect(t, s.ExpiredSessions(t.Context(), now, nil)); len(left) > 0 {
				t.Errorf("in batches of %d: %d are left", size, len(left))
			}
			if got := dbtest.Query(address, "select count(*) from django_session where session_key = 'key04998'"); got != "1\n" {
				t.Errorf("in batches of %d: what was renewed is there %s times", size, got)
			}
		}
	})
}
