package db_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django"
)

// The tables that changes are about.
const (
	tokenTable       = "authtoken_token"
	knoxTable        = "knox_authtoken"
	outstandingTable = "token_blacklist_outstandingtoken"
	blacklistTable   = "token_blacklist_blacklistedtoken"
	sessionTable     = "django_session"
)

// changeNow is when the tests of changes change rows.
var changeNow = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// kindTableOf fills a database anew with three users with the ids 1 to 3, each with one
// credential of each kind, and a fourth, who has none. All that can expire has expired.
func kindTableOf(t testing.TB, address string, blacklisted bool) {
	t.Helper()
	var statements []string
	add := func(format string, args ...any) { statements = append(statements, fmt.Sprintf(format, args...)) }
	for _, table := range []string{blacklistTable, outstandingTable, tokenTable, knoxTable, sessionTable, "auth_user"} {
		add("delete from %s", table)
	}
	for i := 1; i <= 4; i++ {
		add(`insert into auth_user (id, username, password, first_name, last_name, email, is_active, is_staff, is_superuser, date_joined)
			values (%d, 'user%[1]d', '!', '', '', '', true, false, false, '2026-01-01 00:00:00')`, i)
		if i == 4 {
			break
		}
		add("insert into authtoken_token (key, created, user_id) values ('key%d', '2026-01-01 00:00:00', %[1]d)", i)
		add("insert into knox_authtoken (digest, token_key, created, expiry, user_id) values ('%s', 'abcdefghijklmno', '2026-01-01 00:00:00', '2026-05-01 00:00:00', %d)", digestOf(i), i)
		add("insert into token_blacklist_outstandingtoken (id, jti, token, created_at, expires_at, user_id) values (%d, 'jti%[1]d', '', '2026-01-01 00:00:00', '2026-05-01 00:00:00', %[1]d)", i)
		add("insert into django_session (session_key, session_data, expire_date) values ('session%d', '%s', '2026-05-01 00:00:00')", i, sessionData(t, fmt.Sprint(i)))
		if blacklisted {
			add("insert into token_blacklist_blacklistedtoken (id, token_id, blacklisted_at) values (%d, %[1]d, '2026-01-01 00:00:00')", i)
		}
	}
	execute(t, address, strings.Join(statements, "; "))
}

func digestOf(i int) string { return strings.Repeat(fmt.Sprintf("%02d", i), 64) }

// fresh are three of what new returns.
func fresh[T any](of func(i int) T) []T { return []T{of(1), of(2), of(3)} }

func freshSecrets() []tokenctl.Secret {
	return fresh(func(i int) tokenctl.Secret { return tokenctl.NewSecret(fmt.Sprintf("fresh%d", i)) })
}

func freshKnox() []django.KnoxRow {
	return fresh(func(i int) django.KnoxRow {
		return django.KnoxRow{Digest: fmt.Sprintf("fresh%d", i), TokenKey: "fresh"}
	})
}

func at(when time.Time) []time.Time { return fresh(func(int) time.Time { return when }) }

// listed are references to a kind's three credentials, as a list shows them before a change.
var listed = map[string]func(t testing.TB, s *db.Store) []db.Ref{
	tokenTable: func(t testing.TB, s *db.Store) []db.Ref {
		return refsOf(collect(t, s.Tokens(t.Context(), db.Filter{Compare: true})))
	},
	knoxTable: func(t testing.TB, s *db.Store) []db.Ref {
		return refsOf(collect(t, s.KnoxTokens(t.Context(), db.Filter{Compare: true})))
	},
	outstandingTable: func(t testing.TB, s *db.Store) []db.Ref {
		return refsOf(collect(t, s.OutstandingTokens(t.Context(), db.Filter{Compare: true}, tokenctl.JWTSettings{}, nil)))
	},
	sessionTable: func(t testing.TB, s *db.Store) []db.Ref {
		return refsOf(collect(t, s.Sessions(t.Context(), db.Filter{Compare: true}, nil, nil)))
	},
}

// changes are all verbs.
var changes = []struct {
	name   string
	listed string // the table of which rows are listed
	table  string // the one that is written
	event  string
	key    string // which tells the second row of that
	// do changes rows; purges return how many were deleted, which is no outcome.
	do func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error)
	// What may have happened to the second row since it was listed, and what comes of it.
	meanwhile map[string]db.Outcome
	purge     bool
}{
	{name: "replace tokens", listed: tokenTable, table: tokenTable, event: "update", key: "key = 'key2'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.ReplaceTokens(ctx, refs, freshSecrets())
		}, meanwhile: tokenMeanwhile},
	{name: "delete tokens", listed: tokenTable, table: tokenTable, event: "delete", key: "key = 'key2'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.DeleteTokens(ctx, refs)
		}, meanwhile: tokenMeanwhile},
	{name: "replace knox tokens", listed: knoxTable, table: knoxTable, event: "update", key: "digest = '" + digestOf(2) + "'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.ReplaceKnoxTokens(ctx, refs, freshKnox(), at(changeNow.Add(time.Hour)))
		}, meanwhile: knoxMeanwhile(db.ChangedMeanwhile)},
	{name: "expire knox tokens", listed: knoxTable, table: knoxTable, event: "update", key: "digest = '" + digestOf(2) + "'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.ExpireKnoxTokens(ctx, refs, at(changeNow.Add(time.Hour)))
		}, meanwhile: knoxMeanwhile(db.ChangedMeanwhile)},
	{name: "succeed knox tokens", listed: knoxTable, table: knoxTable, event: "insert", key: "digest = 'fresh2'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.SucceedKnoxTokens(ctx, refs, at(changeNow.Add(time.Hour)), freshKnox(), at(time.Time{}))
		}, meanwhile: knoxMeanwhile(db.ChangedMeanwhile)},
	{name: "delete knox tokens", listed: knoxTable, table: knoxTable, event: "delete", key: "digest = '" + digestOf(2) + "'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.DeleteKnoxTokens(ctx, refs)
		}, meanwhile: knoxMeanwhile(0)},
	{name: "blacklist", listed: outstandingTable, table: blacklistTable, event: "insert", key: "token_id = 2",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.BlacklistTokens(ctx, refs)
		}, meanwhile: map[string]db.Outcome{
			"delete from token_blacklist_outstandingtoken where id = 2":                                                                    db.Gone,
			"update token_blacklist_outstandingtoken set jti = 'other' where id = 2":                                                       db.ChangedMeanwhile,
			"insert into token_blacklist_blacklistedtoken (id, token_id, blacklisted_at) values (77, 2, '2026-01-01 00:00:00')":            db.Already,
			"update token_blacklist_outstandingtoken set expires_at = '2031-01-01 00:00:00', token = 'x', user_id = null where id = 2":     0,
			"update token_blacklist_outstandingtoken set created_at = null where id = 2":                                                   0,
			"insert into token_blacklist_blacklistedtoken (id, token_id, blacklisted_at) select 77, id, created_at from " + outstandingTwo: db.Already,
		}},
	{name: "unblacklist", listed: outstandingTable, table: blacklistTable, event: "delete", key: "token_id = 2",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.UnblacklistTokens(ctx, refs)
		}, meanwhile: map[string]db.Outcome{
			"delete from token_blacklist_blacklistedtoken where token_id = 2; delete from token_blacklist_outstandingtoken where id = 2": db.Gone,
			"update token_blacklist_outstandingtoken set jti = 'other' where id = 2":                                                     db.ChangedMeanwhile,
			"delete from token_blacklist_blacklistedtoken where token_id = 2":                                                            db.Already,
			"update token_blacklist_blacklistedtoken set id = 99 where token_id = 2":                                                     0,
		}},
	{name: "delete sessions", listed: sessionTable, table: sessionTable, event: "delete", key: "session_key = 'session2'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			return tx.DeleteSessions(ctx, refs)
		}, meanwhile: sessionMeanwhile},
	{name: "replace sessions", listed: sessionTable, table: sessionTable, event: "update", key: "session_key = 'session2'",
		do: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
			now, left, err := tx.LockSessions(ctx, refs)
			if err != nil {
				return nil, err
			}
			var old []db.Session
			for i := range now {
				if left[i] == 0 {
					old = append(old, now[i])
				}
			}
			_, err = tx.ReplaceSessions(ctx, old, freshSecrets()[:len(old)], nil, time.Time{})
			return left, err
		}, meanwhile: sessionMeanwhile},
	{name: "purge knox tokens", listed: knoxTable, table: knoxTable, event: "delete", key: "digest = '" + digestOf(2) + "'", purge: true,
		do: purged("knox"), meanwhile: map[string]db.Outcome{
			"delete from knox_authtoken where user_id = 2":                               db.Gone,
			"update knox_authtoken set expiry = '2031-01-01 00:00:00' where user_id = 2": db.ChangedMeanwhile,
			"update knox_authtoken set expiry = null where user_id = 2":                  db.ChangedMeanwhile,
			"update knox_authtoken set user_id = 4 where user_id = 2":                    0,
		}},
	{name: "purge JWTs", listed: outstandingTable, table: outstandingTable, event: "delete", key: "id = 2", purge: true,
		do: purged("jwt"), meanwhile: map[string]db.Outcome{
			"delete from token_blacklist_blacklistedtoken where token_id = 2; delete from token_blacklist_outstandingtoken where id = 2": db.Gone,
			"update token_blacklist_outstandingtoken set expires_at = '2031-01-01 00:00:00' where id = 2":                                db.ChangedMeanwhile,
			"delete from token_blacklist_blacklistedtoken":                                                                               0,
		}},
	{name: "purge what blacklists JWTs", listed: outstandingTable, table: blacklistTable, event: "delete", key: "token_id = 2", purge: true,
		do: purged("jwt")},
	{name: "purge sessions", listed: sessionTable, table: sessionTable, event: "delete", key: "session_key = 'session2'", purge: true,
		do: purged("session"), meanwhile: map[string]db.Outcome{
			"delete from django_session where session_key = 'session2'":                                                       db.Gone,
			"update django_session set expire_date = '2031-01-01 00:00:00' where session_key = 'session2'":                    db.ChangedMeanwhile,
			"update django_session set session_data = '', expire_date = '2026-04-01 00:00:00' where session_key = 'session2'": 0,
		}},
}

const outstandingTwo = "token_blacklist_outstandingtoken where id = 2"

// purged is a purge as a change; that not all were deleted is an outcome of its own.
func purged(kind string) func(context.Context, *db.Tx, []db.Ref) (db.Outcomes, error) {
	return func(ctx context.Context, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
		n, err := tx.DeleteExpired(ctx, kind, refs, changeNow)
		left := db.Outcomes{}
		for i := n; i < int64(len(refs)); i++ {
			left[int(i)] = notPurged
		}
		return left, err
	}
}

const notPurged db.Outcome = 99

var tokenMeanwhile = map[string]db.Outcome{
	"delete from authtoken_token where user_id = 2":                                db.Gone,
	"update authtoken_token set key = 'another' where user_id = 2":                 db.ChangedMeanwhile,
	"update authtoken_token set user_id = 4 where user_id = 2":                     db.ChangedMeanwhile,
	"update authtoken_token set created = '2026-02-02 00:00:00' where user_id = 2": 0,
	"update auth_user set is_active = false, username = 'other' where id = 2":      0,
	"delete from authtoken_token where user_id = 2; delete from knox_authtoken where user_id = 2; delete from token_blacklist_blacklistedtoken; delete from token_blacklist_outstandingtoken where user_id = 2; delete from auth_user where id = 2": db.Gone,
}

// knoxMeanwhile is with the outcome of an expiry that has moved.
func knoxMeanwhile(moved db.Outcome) map[string]db.Outcome {
	return map[string]db.Outcome{
		"delete from knox_authtoken where user_id = 2":                                      db.Gone,
		"update knox_authtoken set digest = 'another' where user_id = 2":                    db.Gone,
		"update knox_authtoken set user_id = 4 where user_id = 2":                           db.ChangedMeanwhile,
		"update knox_authtoken set user_id = 1 where user_id = 2":                           db.ChangedMeanwhile,
		"update knox_authtoken set created = '2026-02-02 00:00:00' where user_id = 2":       0,
		"update knox_authtoken set expiry = '2026-05-01 00:00:00.000001' where user_id = 2": moved,
		"update knox_authtoken set expiry = '2031-01-01 00:00:00' where user_id = 2":        moved,
		"update knox_authtoken set expiry = null where user_id = 2":                         moved,
	}
}

var sessionMeanwhile = map[string]db.Outcome{
	"delete from django_session where session_key = 'session2'":                                                                                        db.Gone,
	"update django_session set session_key = 'other' where session_key = 'session2'":                                                                   db.Gone,
	"update django_session set expire_date = '2031-01-01 00:00:00'":                                                                                    0,
	"update django_session set session_data = 'no data at all' where session_key = 'session2'":                                                         db.ChangedMeanwhile,
	"update django_session set session_data = (select session_data from django_session where session_key = 'session1') where session_key = 'session2'": db.ChangedMeanwhile,
	"update django_session set session_data = 'RENEWED' where session_key = 'session2'":                                                                0,
}

// contents is all that stands in the tables of credentials.
func contents(address string) string {
	return dbtest.Query(address, `select key, '', '', cast(user_id as text), 1 as place from authtoken_token
		union all select digest, token_key, cast(expiry as text), cast(user_id as text), 2 from knox_authtoken
		union all select cast(id as text), jti, '', '', 3 from token_blacklist_outstandingtoken
		union all select cast(token_id as text), '', '', '', 4 from token_blacklist_blacklistedtoken
		union all select session_key, '', '', '', 5 from django_session order by place, 1`)
}

// do is one change in a transaction, whose constraints hold, and what it left.
func do(t testing.TB, s *db.Store, change func(context.Context, *db.Tx, []db.Ref) (db.Outcomes, error), refs []db.Ref) (left db.Outcomes, err error) {
	return left, s.Write(t.Context(), func(tx *db.Tx) (err error) {
		if left, err = change(t.Context(), tx, refs); err != nil {
			return err
		}
		return tx.CheckConstraints(t.Context())
	})
}

// TestChangeMeanwhile: a change does to each row what it can, and says of each other why not.
func TestChangeMeanwhile(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		s := initialised(t, address, db.Options{Now: func() time.Time { return changeNow }})
		renewed, err := django.EncodeSession(append(django.LoginSession("2", "", "hash"), django.SessionItem{Name: "cart", Value: []byte("[1,2]")}), tokenctl.NewSecret("key"), time.Unix(1<<30, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changes {
			cases := map[string]db.Outcome{"select 1": 0}
			maps.Copy(cases, change.meanwhile)
			for _, meanwhile := range slices.Sorted(maps.Keys(cases)) {
				kindTableOf(t, address, change.event == "delete")
				refs := listed[change.listed](t, s)
				if len(refs) != 3 {
					t.Fatalf("%d rows are listed", len(refs))
				}
				execute(t, address, strings.ReplaceAll(meanwhile, "RENEWED", renewed))
				before := contents(address)
				want := db.Outcomes{}
				switch outcome := cases[meanwhile]; {
				case change.purge && outcome != 0:
					want[2] = notPurged
				case outcome != 0:
					want[1] = outcome
				}
				left, err := do(t, s, change.do, refs)
				if err != nil || !maps.Equal(left, want) {
					t.Errorf("%s, %s: left %v, %v; want %v", change.name, meanwhile, left, err, want)
				}
				if before == contents(address) {
					t.Errorf("%s, %s: nothing was changed", change.name, meanwhile)
				}
				// A second time there is nothing to do, and nothing that could go wrong.
				if left, err := do(t, s, change.do, refs); err != nil || len(left) != 3 {
					t.Errorf("%s, %s, again: left %v, %v; want all", change.name, meanwhile, left, err)
				}
			}
		}
	})
}
