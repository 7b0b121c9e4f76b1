package db_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

func TestSpanOf(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 11, 29, hour, 0, 0, 0, time.UTC) }
	limits := []time.Time{at(3), at(6), at(9)}
	for hour, want := range map[int]int{0: 0, 2: 0, 3: 1, 5: 1, 6: 2, 8: 2, 9: 3, 23: 3} {
		if got := db.SpanOf(at(hour), db.NeverSpan, limits); got != want {
			t.Errorf("%d o'clock is in span %d, want %d", hour, got, want)
		}
	}
	if got := db.SpanOf(time.Time{}, db.NeverSpan, limits); got != db.NeverSpan {
		t.Errorf("no time is in span %d", got)
	}
}

// Each row counts once, in the group of what its columns hold, whether SQLite counts it in
// the first part, at the end of one or behind all of them.
func TestCountGroups(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const n = 2*100_000 + 1
		manyUsers(t, address, n)
		at := func(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }
		execute(t, address, "update authtoken_token set created = '2026-11-02 00:00:00'")
		execute(t, address, "update authtoken_token set created = '2026-11-01 23:59:59.999999' where user_id % 4 = 0")
		got, err := s.CountOwned(t.Context(), "drf", db.Limits{Created: []time.Time{at(1), at(2), at(3)}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[db.Group]int64{}
		for id := 1; id <= n; id++ {
			g := db.Group{Status: "active", Owner: "user", Created: 2, Expires: db.NeverSpan}
			if id%4 == 0 {
				g.Created = 1
			}
			if id%7 == 0 {
				g.Status = "disabled"
			}
			switch {
			case id%2 == 0:
				g.Owner = "superuser"
			case id%5 == 0:
				g.Owner = "staff"
			}
			want[g]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}

// A knox token is counted by its expiry, which may be none or no date, and also without
// its user.
func TestCountKnox(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		alice := newUser(t, s, "alice")
		junk := map[bool]string{true: "junk", false: "infinity"}[s.Engine == "sqlite"]
		if s.Engine == "postgres" {
			dbtest.Query(address, "alter table knox_authtoken drop constraint knox_authtoken_user_id_e5a5d899_fk_auth_user_id")
		}
		now := s.Now().UTC()
		text := func(d time.Duration) string { return now.Add(d).Format("2006-01-02 15:04:05.000000") }
		row := func(i int, created, expiry, owner string) string {
			if expiry != "null" {
				expiry = "'" + expiry + "'"
			}
			return fmt.Sprintf("('d%d', '123456789012345', '%s', %s, %s)", i, created, expiry, owner)
		}
		insert := "insert into knox_authtoken (digest, token_key, created, expiry, user_id) values "
		for i, r := range [][3]string{{text(-time.Hour), text(-time.Minute), alice.ID}, {text(-time.Hour), text(time.Hour), alice.ID}, {text(-48 * time.Hour), text(time.Hour), alice.ID},
			{text(-time.Hour), "null", alice.ID}, {junk, junk, alice.ID}, {text(-time.Hour), text(-time.Minute), "99"}, {text(-time.Hour), text(time.Hour), "99"}} {
			dbtest.Query(address, insert+row(i, r[0], r[1], r[2]))
		}
		got, err := s.CountOwned(t.Context(), "knox", db.Limits{Created: []time.Time{now.Add(-24 * time.Hour)}, Expires: []time.Time{now, now.Add(24 * time.Hour)}})
		want := map[db.Group]int64{
			{Status: "expired", Owner: "user", Created: 1, Expires: 0}:                          1,
			{Status: "active", Owner: "user", Created: 1, Expires: 1}:                           1,
			{Status: "active", Owner: "user", Created: 0, Expires: 1}:                           1,
			{Status: "active", Owner: "user", Created: 1, Expires: db.NeverSpan}:                1,
			{Status: "active", Owner: "user", Created: db.UnknownSpan, Expires: db.UnknownSpan}: 1,
			{Status: "expired", Owner: "nobody", Created: 1, Expires: 0}:                        1,
			{Status: "dead", Owner: "nobody", Created: 1, Expires: 1}:                           1,
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("got  %v\nwant %v\n%v", got, want, err)
		}
	})
}
