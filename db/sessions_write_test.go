package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

func TestSessionChanges(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		ann, ben := newUser(t, s, "ann"), newUser(t, s, "ben")
		key, renewed := tokenctl.NewSecret("abcdefgh123"), tokenctl.NewSecret("abcdefgi456")
		expires := time.Now().Add(time.Hour)
		write := func(f func(tx *db.Tx) error) error { return s.Write(t.Context(), f) }
		var seen db.Session
		if err := write(func(tx *db.Tx) (err error) {
			made, err := tx.InsertSessions(t.Context(), []db.User{ann}, []tokenctl.Secret{key}, []string{sessionData(t, ann.ID)}, expires, nil)
			if err == nil {
				seen = made[0]
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		find := func(prefix string) []db.Session {
			var lists [][]db.Session
			if err := s.Read(t.Context(), func(tx *db.Tx) (err error) {
				lists, err = tx.SessionsWithPrefixes(t.Context(), []string{prefix})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return lists[0]
		}
		if list := find("abcdefgh"); len(list) != 1 || list[0].User.ID != ann.ID || !list[0].Expires.Equal(seen.Expires) {
			t.Errorf("%+v", list)
		}
		for _, none := range []string{"abcdefgi", "ABCDEFGH", "abcdefg_", "abcdefg%"} {
			if list := find(none); list != nil {
				t.Errorf("%s finds %+v", none, list)
			}
		}
		// What the application keeps in a session changes all the time.
		execute(t, address, "update django_session set expire_date = '2040-01-01 00:00:00'")
		rotate := func() error {
			return write(func(tx *db.Tx) error {
				now, left, err := tx.LockSessions(t.Context(), []db.Ref{seen.Ref()})
				if err == nil && left[0] == 0 {
					_, err = tx.ReplaceSessions(t.Context(), now, []tokenctl.Secret{renewed}, nil, time.Time{})
				}
				return refused(left, err)
			})
		}
		dbtest.WantCode(t, rotate(), "")
		dbtest.WantCode(t, rotate(), isGone)
		if got := dbtest.Query(address, "select session_key from django_session where session_key = 'abcdefgi456' and expire_date = '2040-01-01 00:00:00'"); got != "abcdefgi456\n" {
			t.Errorf("after rotating: %s", got)
		}
		// A key that lets another user in by now is not the session that was seen.
		other := seen
		other.Key, other.UserID = renewed, ben.ID
		remove := func(tx *db.Tx) error { return refused(tx.DeleteSessions(t.Context(), []db.Ref{other.Ref()})) }
		dbtest.WantCode(t, write(remove), isChanged)
		other.UserID = ann.ID
		outcomes := race(4, func(int) error { return write(remove) })
		if outcomes[""] != 1 || outcomes[isGone] != 3 {
			t.Errorf("four deletions at once: %v", outcomes)
		}
	})
}

func TestPurgeSessions(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		ann := newUser(t, s, "ann")
		var rows [][3]any
		for i := range several {
			rows = append(rows, [3]any{fmt.Sprintf("key%05d", i), []string{ann.ID, "", "?"}[i%3], 1 - 2*(i%2)})
		}
		addSessions(t, address, rows...)
		purge := func(limit int, userIDs ...string) (n, left int64) {
			now := time.Now()
			expired := collect(t, s.ExpiredSessions(t.Context(), now, userIDs))
			left = int64(len(expired))
			if limit > 0 {
				expired = expired[:limit]
			}
			if err := s.Write(t.Context(), func(tx *db.Tx) (err error) {
				n, err = tx.DeleteExpired(t.Context(), "session", expired, now)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return n, left - n
		}
		if n, left := purge(10, ann.ID); n != 10 || left != 407 {
			t.Errorf("purged %d of ann's, left %d", n, left)
		}
		if n, left := purge(0, ann.ID); n != 407 || left != 0 {
			t.Errorf("purged %d of ann's, left %d", n, left)
		}
		n, left := purge(100)
		if n != 100 || left != 733 {
			t.Errorf("purged %d, left %d", n, left)
		}
		if got := dbtest.Query(address, "select min(session_key) from django_session where session_key not in ('key00000', 'key00002') and expire_date < '2030-01-01'"); !strings.HasPrefix(got, "key") {
			t.Errorf("left: %s", got)
		}
		if n, none := purge(0); n != left || none != 0 {
			t.Errorf("purged %d, left %d", n, none)
		}
		if got := dbtest.Query(address, "select count(*) from django_session"); got != "1250\n" {
			t.Errorf("left: %s", got)
		}
	})
}

// One connection is all that a list of sessions takes, in every order, and it
// leaves nothing in it.
func TestSessionsThroughPgBouncer(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	s := initialised(t, address, db.Options{})
	ann := newUser(t, s, "ann")
	var rows [][3]any
	for i := range 1500 {
		rows = append(rows, [3]any{fmt.Sprintf("key%05d", i), ann.ID, 1})
	}
	addSessions(t, address, rows...)
	pooled := open(t, dbtest.PgBouncer(t, address), db.Options{})
	for _, sort := range []string{"", "expires", "user", "user"} {
		list := collect(t, pooled.Sessions(t.Context(), db.Filter{Sort: sort, UserIDs: []string{ann.ID}}, nil, nil))
		if len(list) != 1500 || list[1499].User.Username != "ann" {
			t.Errorf("by %q: %d", sort, len(list))
		}
	}
	if got := dbtest.Query(address, "select count(*) from pg_class where relname like 'tokenctl%'"); got != "0\n" {
		t.Errorf("%s tables are left", got)
	}
}

// TestSessionOfNobody: Django saves a session before anybody logs in.
func TestSessionOfNobody(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		if err := s.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertSessions(t.Context(), []db.User{{}}, []tokenctl.Secret{tokenctl.NewSecret("nobodys")}, []string{"data"}, time.Now(), nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := dbtest.Query(address, "select session_key, session_data from django_session"); got != "nobodys|data\n" {
			t.Error(got)
		}
	})
}
