package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// A row that has moved in its table since it was seen is found all the same, and what
// stands in its place is left alone.
func TestChangeMovedRows(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const n = 40
		var users []db.User
		for i := range n {
			token := withToken(t, s, fmt.Sprintf("user%02d", i), i)
			users = append(users, token.User)
			execute(t, address, fmt.Sprintf("insert into django_session (session_key, session_data, expire_date) values ('key%02d', '%s', '2040-01-01 00:00:00')", i, sessionData(t, token.User.ID)))
		}
		seen := collect(t, s.Tokens(t.Context(), db.Filter{Compare: true}))
		sessions := collect(t, s.Sessions(t.Context(), db.Filter{Compare: true}, nil, nil))
		if len(seen) != n || len(sessions) != n {
			t.Fatalf("%d tokens, %d sessions", len(seen), len(sessions))
		}
		// All move twice, in the other direction, and into places that vacuum freed.
		for range 2 {
			execute(t, address, "create table moved as select * from authtoken_token order by user_id desc; delete from authtoken_token")
			execute(t, address, map[engine.Dialect]string{engine.PostgreSQL: "vacuum authtoken_token", engine.SQLite: "vacuum"}[s.Engine])
			execute(t, address, "insert into authtoken_token select * from moved; drop table moved")
		}
		execute(t, address, "update authtoken_token set key = 'another' where user_id = "+users[7].ID)
		execute(t, address, "update django_session set expire_date = '2041-01-01 00:00:00' where session_key < 'key20'")
		execute(t, address, "update django_session set session_data = '"+sessionData(t, users[1].ID)+"' where session_key = 'key30'")
		if err := s.Write(t.Context(), func(tx *db.Tx) error {
			left, err := tx.DeleteTokens(t.Context(), refsOf(seen))
			if err != nil {
				return err
			}
			for i, token := range seen {
				if changed := token.User.ID == users[7].ID; changed != (left[i] == db.ChangedMeanwhile) || !changed && left[i] != 0 {
					t.Errorf("the token of %s: %v", token.User.Username, left[i])
				}
			}
			if left, err = tx.DeleteSessions(t.Context(), refsOf(sessions)); err != nil {
				return err
			}
			for i, session := range sessions {
				if changed := session.Key.Reveal() == "key30"; changed != (left[i] == db.ChangedMeanwhile) || !changed && left[i] != 0 {
					t.Errorf("the session of %s: %v", session.User.Username, left[i])
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got := dbtest.Query(address, "select key from authtoken_token"); got != "another\n" {
			t.Errorf("the tokens left: %s", got)
		}
		if got := dbtest.Query(address, "select session_key from django_session"); got != "key30\n" {
			t.Errorf("the sessions left: %s", got)
		}
	})
}

// Of many rows the planner chooses how to find them. What was left is told all the same.
func TestChangeManyRows(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const n = 6000
		alice, bob := newUser(t, s, "alice"), newUser(t, s, "bob")
		execute(t, address, fmt.Sprintf(`with recursive i (n) as (select 1 union all select n + 1 from i where n < %d)
			insert into knox_authtoken (digest, token_key, created, expiry, user_id)
			select 'digest' || cast(100000 + n as text), 'abcdefghijklmno', '2026-01-01 00:00:00', null, %s from i`, n, alice.ID))
		seen := collect(t, s.KnoxTokens(t.Context(), db.Filter{Compare: true}))
		if len(seen) != n {
			t.Fatalf("%d tokens", len(seen))
		}
		execute(t, address, "delete from knox_authtoken where digest = 'digest100007'")
		execute(t, address, "update knox_authtoken set user_id = "+bob.ID+" where digest = 'digest103000'")
		if err := s.Write(t.Context(), func(tx *db.Tx) error {
			left, err := tx.DeleteKnoxTokens(t.Context(), refsOf(seen))
			if err != nil {
				return err
			}
			for i, token := range seen {
				if want := map[string]db.Outcome{"digest100007": db.Gone, "digest103000": db.ChangedMeanwhile}[token.Digest]; left[i] != want {
					t.Errorf("%s: %v, want %v", token.Digest, left[i], want)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got := dbtest.Query(address, "select digest from knox_authtoken"); got != "digest103000\n" {
			t.Errorf("the tokens left: %s", got)
		}
	})
}

// TestChangeBytes: to a row whose key an import to SQLite left as bytes, a change does what it
// does to any other, and each key that it writes is a text.
func TestChangeBytes(t *testing.T) {
	t.Parallel()
	address := dbtest.SQLite(t)
	s := initialised(t, address, db.Options{Now: func() time.Time { return changeNow }})
	for _, change := range changes {
		after := map[bool]string{}
		for _, bytes := range []bool{false, true} {
			kindTableOf(t, address, change.event == "delete")
			if bytes {
				execute(t, address, `update authtoken_token set key = cast(key as blob) where user_id = 3; update knox_authtoken set digest = cast(digest as blob) where user_id = 3;
					update django_session set session_key = cast(session_key as blob) where session_key = 'session3'`)
			}
			left, err := do(t, s, change.do, listed[change.listed](t, s))
			if len(left) > 0 || err != nil {
				t.Errorf("%s, bytes %t: left %v, %v", change.name, bytes, left, err)
			}
			lines := slices.Sorted(strings.Lines(contents(address))) // SQLite sorts bytes behind texts
			after[bytes] = strings.Join(lines, "")
		}
		if after[true] != after[false] {
			t.Errorf("%s: of bytes\n%s, of texts\n%s", change.name, after[true], after[false])
		}
		if n := dbtest.Query(address, `select count(*) from (select key from authtoken_token union all select digest from knox_authtoken union all select session_key from django_session) where key like 'fresh%' and typeof(key) = 'blob'`); n != "0\n" {
			t.Errorf("%s: %s new keys are bytes", change.name, n)
		}
	}
}
