package db_test

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestPurgeBatches: no batch is larger than it may be, and they are not many more
// than needed; what has not expired, or was renewed since, stays.
func TestPurgeBatches(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const rows = 20_000
		add := `insert into django_session (session_key, session_data, expire_date)
			with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < %d)
			select 'key' || n, 'x', case when %s then '2020-01-01 00:00:00' else '2040-01-01 00:00:00' end from numbers`
		if s.Engine == db.PostgreSQL {
			add = `insert into django_session (session_key, session_data, expire_date)
				select 'key' || n, 'x', cast(case when %[2]s then '2020-01-01' else '2040-01-01' end as timestamptz) from generate_series(1, %[1]d) n`
		}
		layout, err := s.Layout(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		version := layout.Version
		for _, test := range []struct {
			name, expired string // which of the rows
			count         int64
			version       string // PostgreSQL's; "": its own
			most          int
		}{
			{"all", "true", rows, "", 2000},
			{"all, in small batches", "true", rows, "", 100},
			{"all, PostgreSQL 13", "true", rows, "13.4", 2000},
			{"half of each block", "n % 2 = 0", rows / 2, "", 2000},
			{"the first", "n <= 10000", rows / 2, "", 2000},
			{"the last", "n > 10000", rows / 2, "", 2000},
			{"few", "n % 997 = 0", rows / 997, "", 10},
			{"at once", "n % 3 = 0", rows / 3, "", 7000},
		} {
			layout.Version = cmp.Or(test.version, version)
			execute(t, address, "delete from django_session")
			execute(t, address, fmt.Sprintf(add, rows, test.expired))
			expired, err := s.ExpiredSessions(t.Context(), time.Now(), nil)
			if err != nil || expired.Rows != test.count {
				t.Fatalf("%s: %+v, %v", test.name, expired, err)
			}
			var batches []int64
			enough := int(test.count)/test.most*3/2 + 1
			var deleted int64
			for !expired.Done() {
				if len(batches) == 1 {
					execute(t, address, "update django_session set expire_date = '2040-01-01 00:00:00' where session_key = (select min(session_key) from django_session where expire_date < '2026-01-01')")
				}
				n, err := expired.Delete(t.Context(), s, test.most)
				if err != nil {
					t.Fatal(err)
				}
				batches = append(batches, n)
				deleted += n
				if n > int64(test.most) || len(batches) > 2*enough {
					break
				}
			}
			if len(batches) > 1 {
				deleted++ // the one that was renewed
			}
			if deleted != test.count || len(batches) > enough {
				t.Errorf("%s: %d of %d, in %v", test.name, deleted, test.count, batches)
			}
			if got := dbtest.Query(address, "select count(*) from django_session where expire_date < '2026-01-01'"); got != "0\n" {
				t.Errorf("%s: left %s", test.name, got)
			}
		}
	})
}

// TestPurgeVanished: a purge comes to its end when others delete the same rows.
func TestPurgeVanished(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		var rows [][3]any
		for i := range 5000 {
			rows = append(rows, [3]any{fmt.Sprintf("key%05d", i), "?", -1})
		}
		addSessions(t, address, rows...)
		expired, err := s.ExpiredSessions(t.Context(), time.Now(), nil)
		if err != nil || expired.Rows != 5000 {
			t.Fatalf("%+v, %v", expired, err)
		}
		for batches := 0; !expired.Done(); batches++ {
			if _, err := expired.Delete(t.Context(), s, 2000); err != nil || batches > 10 {
				t.Fatalf("%d batches, %v", batches, err)
			}
			if batches == 0 {
				execute(t, address, "delete from django_session where session_key > 'key01000' and session_key < 'key04999'")
			}
		}
		if got := dbtest.Query(address, "select count(*) from django_session"); got != "0\n" {
			t.Errorf("left %s", got)
		}
	})
}
