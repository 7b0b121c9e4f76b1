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
	"tokenctl/db/engine"
	"tokenctl/django"
)

// knoxBase is when the tests of knox look at their rows.
var knoxBase = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// knoxRows are digest, owner, created and expiry in hours from knoxBase, 0 for
// never, and token_key.
var knoxRows = []struct {
	digest, user, key string
	created, expiry   int
}{
	{"00", "ann", "000000000000000", -48, 10},
	{"11", "ann", "111111111111111", -47, -1},
	{"22", "Bob", "222222222222222", -46, 0},
	{"33", "Bob", "33333333", -45, 0},
	{"44", "off", "444444444444444", -44, -2},
}

// withKnox fills a database with knoxRows.
func withKnox(t *testing.T, table string, f func(t *testing.T, s *db.Store, address string)) {
	t.Helper()
	dbtest.Engines(t, func(t *testing.T, engine, address string) {
		t.Parallel()
		s := initialised(t, address, db.Options{})
		fillKnox(t, s, "knox_authtoken", true)
		run(t, s, strings.Split(table, ";")...)
		f(t, open(t, address, db.Options{Now: func() time.Time { return knoxBase }}), address)
	})
}

// run executes statements, without the empty ones.
func run(t *testing.T, s *db.Store, statements ...string) {
	t.Helper()
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		for _, statement := range statements {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if err := tx.Exec(t.Context(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func fillKnox(t *testing.T, s *db.Store, table string, users bool) {
	t.Helper()
	at := func(hours int) string {
		return "'" + django.FormatSQLiteTime(knoxBase.Add(time.Duration(hours)*time.Hour)) + "'"
	}
	if s.Engine == engine.PostgreSQL {
		at = func(hours int) string {
			return "timestamptz '" + knoxBase.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339) + "'"
		}
	}
	var statements []string
	if users {
		for i, name := range []string{"ann", "Bob", "off"} {
			statements = append(statements, fmt.Sprintf("insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) values (%d, '!', false, '%s', '', '', '', %t, %t, %s)",
				i+1, name, name == "Bob", name != "off", at(-100)))
		}
	}
	for _, r := range knoxRows {
		expiry := "null"
		if r.expiry != 0 {
			expiry = at(r.expiry)
		}
		statements = append(statements, fmt.Sprintf("insert into %s (digest, token_key, created, expiry, user_id) values ('%s', '%s', %s, %s, (select id from auth_user where username = '%s'))",
			table, strings.Repeat(r.digest, 64), r.key, at(r.created), expiry, r.user))
	}
	run(t, s, statements...)
}

// digests are the first two characters of the digests in a list.
func digests(t *testing.T, s *db.Store, f db.Filter) string {
	t.Helper()
	var list []string
	for token, err := range s.KnoxTokens(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, token.Digest[:2])
	}
	return strings.Join(list, " ")
}

func TestKnoxTokens(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	hours := func(n int) time.Time { return knoxBase.Add(time.Duration(n) * time.Hour) }
	withKnox(t, "", func(t *testing.T, s *db.Store, address string) {
		for i, test := range []struct {
			filter db.Filter
			want   string
		}{
			{db.Filter{}, "00 11 22 33 44"},
			{db.Filter{Limit: 2}, "00 11"},
			{db.Filter{UserIDs: []string{"2", "x"}}, "22 33"},
			{db.Filter{UserIDs: []string{}}, ""},
			{db.Filter{Active: &no}, "44"},
			{db.Filter{Staff: &yes}, "22 33"},
			{db.Filter{Superuser: &yes}, ""},
			{db.Filter{Statuses: []string{"active"}}, "00 22"},
			{db.Filter{Statuses: []string{"expired"}}, "11 44"},
			{db.Filter{Statuses: []string{"disabled"}}, ""},
			{db.Filter{Statuses: []string{"dead", "expired"}}, "11 33 44"},
			{db.Filter{Statuses: []string{"blacklisted"}}, ""},
			{db.Filter{Statuses: []string{}}, ""},
			{db.Filter{CreatedBefore: new(hours(-46))}, "00 11"},
			{db.Filter{CreatedAfter: new(hours(-46))}, "33 44"},
			{db.Filter{ExpiresBefore: new(hours(-1))}, "44"},
			{db.Filter{ExpiresBefore: new(hours(11))}, "00 11 44"},
			{db.Filter{ExpiresAfter: new(hours(-1))}, "00 22 33"},
			{db.Filter{Sort: "id", Descending: true}, "44 33 22 11 00"},
			{db.Filter{Sort: "created", Descending: true, Limit: 3}, "44 33 22"},
			{db.Filter{Sort: "expires"}, "44 11 00 22 33"},
			{db.Filter{Sort: "expires", Descending: true}, "00 11 44 22 33"},
			{db.Filter{Sort: "status"}, "00 22 33 11 44"},
			{db.Filter{Sort: "status", Statuses: []string{"active", "dead"}, Descending: true}, "33 00 22"},
			{db.Filter{Sort: "user"}, "22 33 00 11 44"},
			{db.Filter{Sort: "user_id", Descending: true}, "44 22 33 00 11"},
			{db.Filter{Sort: "kind", Descending: true}, "00 11 22 33 44"},
			{db.Filter{Sort: "type"}, "00 11 22 33 44"},
		} {
			if got := digests(t, s, test.filter); got != test.want {
				t.Errorf("%d: %+v: %s, want %s", i, test.filter, got, test.want)
			}
		}
		// Exactly at its expiry a token is still taken (expiry < now).
		late := open(t, address, db.Options{Now: func() time.Time { return hours(10) }})
		if got := digests(t, late, db.Filter{Statuses: []string{"active"}}); got != "00 22" {
			t.Errorf("at the expiry: %s", got)
		}
		late = open(t, address, db.Options{Now: func() time.Time { return hours(10).Add(time.Microsecond) }})
		if got := digests(t, late, db.Filter{Statuses: []string{"active"}}); got != "22" {
			t.Errorf("behind the expiry: %s", got)
		}
		// Of what is true of a token the first counts: expired, dead, disabled, active.
		execute(t, address, "update auth_user set is_active = false where username in ('ann', 'Bob')")
		execute(t, address, "update knox_authtoken set token_key = 'abcdefgh' where digest like '44%'")
		for status, want := range map[string]string{"expired": "11 44", "dead": "33", "disabled": "00 22", "active": ""} {
			if got := digests(t, s, db.Filter{Statuses: []string{status}}); got != want {
				t.Errorf("with inactive owners %s are %s, want %s", status, got, want)
			}
		}
	})
}

// TestKnoxTokensMany pages, on SQLite.
func TestKnoxTokensMany(t *testing.T) {
	t.Parallel()
	withKnox(t, "", func(t *testing.T, s *db.Store, _ string) {
		series := "generate_series(1, 2500) n"
		digest := "lpad(n::text, 128, '0')"
		if s.Engine == engine.SQLite {
			series = "(with recursive s(n) as (select 1 union all select n + 1 from s where n < 2500) select n from s)"
			digest = "printf('%0128d', n)"
		}
		run(t, s, "insert into knox_authtoken (digest, token_key, created, expiry, user_id) select "+digest+", 'kkkkkkkkkkkkkkk', '2026-01-01', null, 1 from "+series)
		for _, sort := range []string{"", "created", "id"} {
			n := 0
			for _, err := range s.KnoxTokens(t.Context(), db.Filter{Sort: sort, UserIDs: []string{"1"}}) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != 2502 {
				t.Errorf("sorted by %q: %d tokens", sort, n)
			}
		}
	})
}

// knoxFrom are the tokens whose digests begin with one prefix.
func knoxFrom(ctx context.Context, tx *db.Tx, prefix string) ([]db.KnoxToken, error) {
	found, err := tx.KnoxTokensFrom(ctx, []string{prefix})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func TestKnoxWrites(t *testing.T) {
	t.Parallel()
	withKnox(t, "", func(t *testing.T, s *db.Store, address string) {
		err := s.Write(t.Context(), func(tx *db.Tx) error {
			ctx := t.Context()
			users, err := named(ctx, tx, "ann", "off")
			if err != nil {
				return err
			}
			digest := "0000000000000000" + strings.Repeat("f", 112)
			row := []django.KnoxRow{{Digest: digest, TokenKey: "fffffffffffffff"}}
			made, err := tx.InsertKnoxTokens(ctx, users[:1], row, time.Time{}, nil)
			if err != nil || made[0].Status != "active" || !made[0].Created.Equal(knoxBase) || !made[0].Expires.IsZero() {
				t.Errorf("inserted: %+v, %v", made, err)
			}
			dbtest.WantCode(t, tx.Try(ctx, func() error {
				_, err := tx.InsertKnoxTokens(ctx, users[1:], row, time.Time{}, nil)
				return err
			}), tokenctl.CodeAlreadyExists)
			if found, err := knoxFrom(ctx, tx, "0000000000000000"); len(found) != 2 || err != nil {
				t.Errorf("%d tokens with the same beginning, %v", len(found), err)
			}
			if found, err := knoxFrom(ctx, tx, digest); len(found) != 1 || err != nil || found[0].User.Username != "ann" {
				t.Errorf("by the whole digest: %+v, %v", found, err)
			}
			of, err := tx.KnoxTokensOf(ctx, users[0])
			if len(of) != 3 || err != nil {
				t.Errorf("ann has %d tokens, %v", len(of), err)
			}

			// What is no longer as it was seen is not replaced; an expiry that has
			// moved saves no token from being blacklisted.
			found, err := knoxFrom(ctx, tx, strings.Repeat("1", 16))
			if err != nil {
				return err
			}
			old := found[0]
			replace := func(t db.KnoxToken, expires time.Time) error {
				return refused(tx.ReplaceKnoxTokens(ctx, []db.Ref{t.Ref()}, []django.KnoxRow{{Digest: strings.Repeat("5", 128), TokenKey: "fivefivefivefiv"}}, []time.Time{expires}))
			}
			expire := func(at time.Time) error {
				return refused(tx.ExpireKnoxTokens(ctx, []db.Ref{old.Ref()}, []time.Time{at}))
			}
			if err := expire(knoxBase.Add(time.Minute)); err != nil {
				return err
			}
			dbtest.WantCode(t, expire(knoxBase.Add(2*time.Minute)), isChanged)
			dbtest.WantCode(t, replace(old, time.Time{}), isChanged)
			if found, err = knoxFrom(ctx, tx, strings.Repeat("1", 16)); err != nil || !found[0].Expires.Equal(knoxBase.Add(time.Minute)) || found[0].Status != "active" {
				t.Errorf("expiring later: %+v, %v", found, err)
			}
			if err := refused(tx.DeleteKnoxTokens(ctx, []db.Ref{old.Ref()})); err != nil {
				return err
			}
			dbtest.WantCode(t, replace(found[0], time.Time{}), isGone)
			// Never is an expiry as any other.
			if found, err = knoxFrom(ctx, tx, strings.Repeat("2", 16)); err != nil {
				return err
			}
			if err := replace(found[0], knoxBase.Add(time.Hour+time.Nanosecond)); err != nil {
				return err
			}
			if found, err = knoxFrom(ctx, tx, strings.Repeat("5", 16)); err != nil {
				return err
			}
			if got := found[0]; got.TokenKey != "fivefivefivefiv" || !got.Created.Equal(tx.Now) || !got.Expires.Equal(knoxBase.Add(time.Hour)) {
				t.Errorf("in its place: %+v", got)
			}
			if err := replace(found[0], time.Time{}); err != nil {
				return err
			}
			if found, err = knoxFrom(ctx, tx, strings.Repeat("5", 16)); err != nil || !found[0].Expires.IsZero() {
				t.Errorf("without an expiry: %+v, %v", found, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := digests(t, s, db.Filter{}); got != "00 00 33 44 55" {
			t.Errorf("left: %s", got)
		}
	})
}

// TestKnoxTokensKeyed: what can be in no row finds nothing.
func TestKnoxTokensKeyed(t *testing.T) {
	t.Parallel()
	withKnox(t, "", func(t *testing.T, s *db.Store, _ string) {
		for _, key := range []string{"no", "", "a'b", "1111%", "a\x00b", "\xff"} {
			err := s.Read(t.Context(), func(tx *db.Tx) error {
				found, err := tx.KnoxTokensKeyed(t.Context(), []string{key})
				if len(found) != 0 {
					t.Errorf("by %q: %d tokens", key, len(found))
				}
				return err
			})
			if err != nil {
				t.Errorf("by %q: %v", key, err)
			}
		}
	})
}

func TestKnoxPurge(t *testing.T) {
	t.Parallel()
	withKnox(t, "", func(t *testing.T, s *db.Store, _ string) {
		for _, test := range []struct {
			before time.Time
			users  []string
			limit  int // 0: none
			count  int64
			purged int64
			left   string
		}{
			{knoxBase.Add(-2 * time.Hour), nil, 0, 0, 0, "00 11 22 33 44"},
			{knoxBase, []string{"3"}, 0, 1, 1, "00 11 22 33"},
			{knoxBase, []string{}, 0, 0, 0, "00 11 22 33"},
			{knoxBase.Add(100 * time.Hour), nil, 1, 2, 1, "11 22 33"},
			{knoxBase.Add(100 * time.Hour), nil, 5, 1, 1, "22 33"},
			{knoxBase.Add(100 * time.Hour), nil, 5, 0, 0, "22 33"},
		} {
			expired := collect(t, s.ExpiredKnox(t.Context(), test.before, test.users))
			if int64(len(expired)) != test.count {
				t.Fatalf("%+v: found %d", test, len(expired))
			}
			var n int64
			err := s.Write(t.Context(), func(tx *db.Tx) (err error) {
				if test.limit == 0 {
					n, err = tx.PurgeKnox(t.Context(), test.before, test.users)
				} else {
					n, err = tx.DeleteExpired(t.Context(), "knox", expired[:min(test.limit, len(expired))], test.before)
				}
				return err
			})
			if err != nil || n != test.purged {
				t.Errorf("%+v: purged %d, %v", test, n, err)
			}
			if got := digests(t, s, db.Filter{}); got != test.left {
				t.Errorf("%+v: left %s", test, got)
			}
		}
	})
}

// TestKnoxIndex: an id is looked up in an index, whatever the table's size.
func TestKnoxIndex(t *testing.T) {
	t.Parallel()
	withKnox(t, "", func(t *testing.T, s *db.Store, address string) {
		if s.Engine == engine.SQLite {
			plan := dbtest.Query(address, "explain query plan select 1 from knox_authtoken t where t.digest >= 'a' and t.digest < 'ag'")
			if !strings.Contains(plan, "SEARCH") {
				t.Error(plan)
			}
			return
		}
		plan := dbtest.Exec(t, address, "set enable_seqscan = off; set enable_bitmapscan = off; explain select 1 from knox_authtoken t where t.digest ~>=~ 'a' and t.digest ~<~ 'ag'")
		if !strings.Contains(plan, "Index Cond") {
			t.Error(plan)
		}
	})
}
