package db_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestChangeKept: a row that the database keeps is an error, and nothing is changed.
func TestChangeKept(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, address string) {
		t.Parallel()
		s := initialised(t, address, db.Options{Now: func() time.Time { return changeNow }})
		for _, change := range changes {
			row := map[string]string{"delete": "old.", "update": "old.", "insert": "new."}[change.event]
			for _, k := range dbtest.Keepers(engine) {
				kindTableOf(t, address, change.event == "delete")
				refs := listed[change.listed](t, s)
				before := contents(address)
				execute(t, address, k.Create(change.event, change.table, row+change.key))
				left, err := do(t, s, change.do, refs)
				wantKept(t, change.name+" with a "+k.Name, left, err, change.table)
				if after := contents(address); after != before {
					t.Errorf("%s: before\n%s, after\n%s", k.Name, before, after)
				}
				execute(t, address, k.Drop(change.table))
			}
		}
	})
}

func wantKept(t testing.TB, name string, left any, err error, table string) {
	t.Helper()
	if tokenctl.CodeOf(err) != tokenctl.CodeRowsKept {
		t.Errorf("%s: left %v, %v, want %s", name, left, err, tokenctl.CodeRowsKept)
	} else if !strings.Contains(err.Error(), table) {
		t.Errorf("%s: %v, which does not name %s", name, err, table)
	}
}

// TestChangeRowSecurity: rows that a role may see and not change are kept, not gone.
func TestChangeRowSecurity(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "")
	address := dbtest.Postgres(t)
	initialised(t, address, db.Options{})
	dbtest.Exec(t, address, fmt.Sprintf("grant select, insert, update, delete on all tables in schema public to %[1]s; grant usage on all sequences in schema public to %[1]s", role))
	s := open(t, dbtest.As(address, role, ""), db.Options{Now: func() time.Time { return changeNow }})
	for _, change := range changes {
		kindTableOf(t, address, change.event == "delete")
		dbtest.Exec(t, address, fmt.Sprintf("alter table %[1]s enable row level security; create policy seen on %[1]s for select using (true); create policy added on %[1]s for insert with check (%[2]t)",
			change.table, change.event != "insert"))
		refs := listed[change.listed](t, s)
		before := contents(address)
		left, err := do(t, s, change.do, refs)
		if change.event != "insert" {
			wantKept(t, change.name, left, err, change.table)
		} else if code := tokenctl.CodeOf(err); code != tokenctl.CodePermissionDenied && code != tokenctl.CodeRowsKept {
			t.Errorf("%s: left %v, %v", change.name, left, err)
		}
		if after := contents(address); after != before {
			t.Errorf("%s: before\n%s, after\n%s", change.name, before, after)
		}
		dbtest.Exec(t, address, fmt.Sprintf("drop policy seen on %[1]s; drop policy added on %[1]s; alter table %[1]s disable row level security", change.table))
	}
}

// changesWhere are the changes without references.
var changesWhere = []struct {
	name, table, event, key string
	// add adds a row that the change is about, the number of which is 5.
	add string
	do  func(ctx context.Context, tx *db.Tx) (int64, error)
}{
	{"tokens", tokenTable, "delete", "key = 'key2'", "insert into authtoken_token (key, created, user_id) values ('key5', '2026-01-01 00:00:00', 4)",
		func(ctx context.Context, tx *db.Tx) (int64, error) { return tx.DeleteTokensWhere(ctx, db.Filter{}) }},
	{"tokens of active users", tokenTable, "delete", "key = 'key2'", "insert into authtoken_token (key, created, user_id) values ('key5', '2026-01-01 00:00:00', 4)",
		func(ctx context.Context, tx *db.Tx) (int64, error) {
			return tx.DeleteTokensWhere(ctx, db.Filter{Active: new(true), CreatedBefore: &changeNow})
		}},
	{"knox tokens", knoxTable, "delete", "digest = '" + digestOf(2) + "'",
		"insert into knox_authtoken (digest, token_key, created, expiry, user_id) values ('5', 'abcdefghijklmno', '2026-01-01 00:00:00', '2026-05-01 00:00:00', 4)",
		func(ctx context.Context, tx *db.Tx) (int64, error) { return tx.DeleteKnoxTokensWhere(ctx, db.Filter{}) }},
	{"expired knox tokens", knoxTable, "delete", "digest = '" + digestOf(2) + "'",
		"insert into knox_authtoken (digest, token_key, created, expiry, user_id) values ('5', 'abcdefghijklmno', '2026-01-01 00:00:00', '2026-05-01 00:00:00', 4)",
		func(ctx context.Context, tx *db.Tx) (int64, error) {
			return tx.DeleteKnoxTokensWhere(ctx, db.Filter{Statuses: []string{"expired"}, Staff: new(false), ExpiresBefore: &changeNow})
		}},
	{"sessions", sessionTable, "delete", "session_key = 'session2'", "insert into django_session (session_key, session_data, expire_date) values ('session5', '', '2026-01-01 00:00:00')",
		func(ctx context.Context, tx *db.Tx) (int64, error) {
			return tx.DeleteSessionsWhere(ctx, db.Filter{ExpiresBefore: &changeNow})
		}},
	{"JWTs", blacklistTable, "insert", "token_id = 2",
		"insert into token_blacklist_outstandingtoken (id, jti, token, created_at, expires_at, user_id) values (5, 'jti5', '', null, '2026-05-01 00:00:00', 4)",
		func(ctx context.Context, tx *db.Tx) (int64, error) { return tx.BlacklistAllTokens(ctx) }},
}

// TestChangeWhere: a change of everything is done to every row, and a row that the
// database keeps is an error, after which nothing is changed.
func TestChangeWhere(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, address string) {
		t.Parallel()
		s := initialised(t, address, db.Options{Now: func() time.Time { return changeNow }})
		for _, change := range changesWhere {
			write := func() (n int64, err error) {
				return n, s.Write(t.Context(), func(tx *db.Tx) (err error) {
					n, err = change.do(t.Context(), tx)
					return err
				})
			}
			kindTableOf(t, address, false)
			before := contents(address)
			row := map[string]string{"delete": "old.", "insert": "new."}[change.event]
			for _, k := range dbtest.Keepers(engine) {
				execute(t, address, k.Create(change.event, change.table, row+change.key))
				n, err := write()
				wantKept(t, change.name+" with a "+k.Name, n, err, change.table)
				if after := contents(address); after != before {
					t.Errorf("%s with a %s: before\n%s, after\n%s", change.name, k.Name, before, after)
				}
				execute(t, address, k.Drop(change.table))
			}
			for _, want := range []int64{3, 0} {
				if n, err := write(); n != want || err != nil {
					t.Errorf("%s: %d rows were changed, %v; want %d", change.name, n, err, want)
				}
			}
		}
	})
}

// TestChangeWhereRowSecurity: rows that a role may see and not delete are kept.
func TestChangeWhereRowSecurity(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "")
	address := dbtest.Postgres(t)
	initialised(t, address, db.Options{})
	dbtest.Exec(t, address, "grant select, insert, update, delete on all tables in schema public to "+role)
	s := open(t, dbtest.As(address, role, ""), db.Options{Now: func() time.Time { return changeNow }})
	for _, change := range changesWhere {
		if change.event == "insert" {
			continue // what a policy forbids to insert is an error of PostgreSQL's
		}
		kindTableOf(t, address, false)
		before := contents(address)
		dbtest.Exec(t, address, fmt.Sprintf("alter table %[1]s enable row level security; create policy seen on %[1]s for select using (true); create policy theirs on %[1]s for delete using (not %[2]s)", change.table, change.key))
		var n int64
		err := s.Write(t.Context(), func(tx *db.Tx) (err error) {
			n, err = change.do(t.Context(), tx)
			return err
		})
		wantKept(t, change.name, n, err, change.table)
		if after := contents(address); after != before {
			t.Errorf("%s: before\n%s, after\n%s", change.name, before, after)
		}
		dbtest.Exec(t, address, fmt.Sprintf("drop policy seen on %[1]s; drop policy theirs on %[1]s; alter table %[1]s disable row level security", change.table))
	}
}

// TestChangeWhereMeanwhile: what others change and add while a change of everything waits
// for them is no error.
func TestChangeWhereMeanwhile(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	s := initialised(t, address, db.Options{Now: func() time.Time { return changeNow }})
	conn, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, change := range changesWhere {
		kindTableOf(t, address, false)
		other, err := conn.Begin()
		if err != nil {
			t.Fatal(err)
		}
		done := "delete from " + change.table + " where " + change.key
		if change.event == "insert" {
			done = "insert into token_blacklist_blacklistedtoken (id, token_id, blacklisted_at) values (77, 1, '2026-01-01 00:00:00')"
		}
		if _, err := other.Exec(done + "; " + change.add); err != nil {
			t.Fatal(err)
		}
		var n int64
		changed := make(chan error)
		go func() {
			changed <- s.Write(t.Context(), func(tx *db.Tx) (err error) {
				n, err = change.do(t.Context(), tx)
				return err
			})
		}()
		dbtest.AwaitLock(t, address, 1)
		if err := other.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-changed; err != nil || n != 2 {
			t.Errorf("%s: %d were changed, %v; want 2", change.name, n, err)
		}
	}
}
