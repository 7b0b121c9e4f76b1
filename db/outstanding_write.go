package db

import (
	"context"
	"time"

	"tokenctl/django"
)

// InsertOutstanding records a token. A jti that is there already is a
// CodeAlreadyExists error.
func (tx *Tx) InsertOutstanding(ctx context.Context, t OutstandingToken) (OutstandingToken, error) {
	l := tx.Layout
	o, err := l.outstandingTable()
	if err != nil {
		return t, err
	}
	if len([]rune(t.JTI)) > maxJTI {
		return t, &django.Error{Code: django.CodeInvalidValue, Message: "the token's id is longer than 255 characters"}
	}
	var owner any
	if t.User.ID != "" {
		owner, _ = l.User.keyArg(l.Engine, t.User.ID)
	}
	rows, err := tx.conn.QueryContext(ctx, "insert into "+o.SQL()+" (token, created_at, expires_at, user_id, jti) values ($1, $2, $3, $4, $5) on conflict (jti) do nothing returning id",
		t.Text.Reveal(), l.jwtTimeArg(t.Created), l.jwtTimeArg(t.Expires), owner, t.JTI)
	if err != nil {
		return t, tx.store.explain(ctx, err)
	}
	defer rows.Close()
	inserted := rows.Next()
	if inserted {
		err = rows.Scan(&t.Row)
	}
	if err == nil {
		err = rows.Err()
	}
	if err == nil && !inserted {
		err = &django.Error{Code: django.CodeAlreadyExists, Message: "the token was recorded by somebody else meanwhile", Hint: "nothing was done; do it again"}
	}
	return t, tx.store.explain(ctx, err)
}

// LockOutstanding makes everybody else who rotates this token wait, and fails
// with CodeChanged when its row is no longer there.
func (tx *Tx) LockOutstanding(ctx context.Context, t OutstandingToken) error {
	o, err := tx.Layout.outstandingTable()
	if err != nil {
		return err
	}
	lock := " for update"
	if tx.Layout.Engine == SQLite {
		lock = "" // the transaction holds the only write lock there is
	}
	rows, err := tx.conn.QueryContext(ctx, "select id from "+o.SQL()+" where id = $1 and jti = $2"+lock, t.Row, t.JTI)
	if err != nil {
		return tx.store.explain(ctx, err)
	}
	defer rows.Close()
	if !rows.Next() && rows.Err() == nil {
		return outstandingGone(t)
	}
	return tx.store.explain(ctx, rows.Err())
}

func outstandingGone(t OutstandingToken) error {
	return &django.Error{Code: django.CodeChanged, Message: "jwt:" + t.JTI + " was deleted meanwhile", Hint: "nothing was done; look again with tokenctl list --kind jwt"}
}

// blacklist returns the table of BlacklistedToken.
func (l *Layout) blacklist() (*Table, error) {
	if b := l.tables[tableBlacklisted]; b != nil {
		return b, nil
	}
	return nil, &django.Error{Code: django.CodeTableMissing, Message: "the database has no table " + tableBlacklisted,
		Hint: "run manage.py migrate token_blacklist; for another schema give --schema"}
}

// BlacklistOutstanding blacklists a recorded token and reports whether it was
// not blacklisted before.
func (tx *Tx) BlacklistOutstanding(ctx context.Context, t OutstandingToken) (bool, error) {
	b, err := tx.Layout.blacklist()
	if err != nil {
		return false, err
	}
	if err := tx.LockOutstanding(ctx, t); err != nil {
		return false, err
	}
	n, err := tx.execRows(ctx, "insert into "+b.SQL()+" (token_id, blacklisted_at) values ($1, $2) on conflict (token_id) do nothing", t.Row, tx.Layout.timeArg(tx.Now))
	return n > 0, err
}

// UnblacklistOutstanding takes a token off the blacklist and reports whether it
// was on it.
func (tx *Tx) UnblacklistOutstanding(ctx context.Context, t OutstandingToken) (bool, error) {
	b, err := tx.Layout.blacklist()
	if err != nil {
		return false, err
	}
	if err := tx.LockOutstanding(ctx, t); err != nil {
		return false, err
	}
	n, err := tx.execRows(ctx, "delete from "+b.SQL()+" where token_id = $1", t.Row)
	return n > 0, err
}

// purgeChunk is how many rows one statement of a purge deletes.
const purgeChunk = 5000

// expiredOutstanding is the query for the ids of the tokens that expired before
// a time. A sliding token expires when it can no longer be refreshed: a
// blacklisted one would come back to life without its row. Of a blacklisted one
// whose text does not tell its type, that is assumed.
func (l *Layout) expiredOutstanding(before time.Time, userIDs []string, s django.JWTSettings) (*query, error) {
	s = s.WithDefaults()
	q, err := l.outstanding(s)
	if err != nil {
		return nil, err
	}
	f := Filter{UserIDs: userIDs, ExpiresBefore: before}
	q.and("o.expires_at < %s", l.jwtTimeArg(before))
	if err := f.whereOutstanding(l, q, s, before); err != nil {
		return nil, err
	}
	if l.HasBlacklist() {
		q.and("(b.token_id is null or "+l.jwtExpressions(s).typ+" is not null or o.expires_at < %s)", l.jwtTimeArg(before.Add(-s.SlidingTokenRefreshLifetime.Duration)))
	}
	return q, nil
}

// CountExpiredOutstanding counts what PurgeOutstanding would delete.
func (tx *Tx) CountExpiredOutstanding(ctx context.Context, before time.Time, userIDs []string, s django.JWTSettings) (n int64, err error) {
	q, err := tx.Layout.expiredOutstanding(before, userIDs, s)
	if err != nil {
		return 0, err
	}
	q.columns, q.key = []string{"count(*)"}, ""
	return n, tx.each(ctx, q, func(r row) error { return r.Scan(&n) })
}

// PurgeOutstanding deletes at most limit tokens that expired before a time, and
// what blacklists them; all of them where limit is 0. It returns how many tokens
// it deleted.
func (tx *Tx) PurgeOutstanding(ctx context.Context, before time.Time, userIDs []string, limit int, s django.JWTSettings) (int64, error) {
	l := tx.Layout
	var done int64
	var last any
	for limit == 0 || done < int64(limit) {
		q, err := l.expiredOutstanding(before, userIDs, s)
		if err != nil {
			return done, err
		}
		q.columns, q.limit = []string{"o.id"}, purgeChunk
		if limit > 0 {
			q.limit = min(purgeChunk, limit-int(done))
		}
		if last != nil {
			q.and("o.id > %s", last)
		}
		var ids []any
		err = tx.each(ctx, q, func(r row) error {
			var id int64
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil || len(ids) == 0 {
			return done, err
		}
		last = ids[len(ids)-1]
		arg, err := l.listArg(l.User, ids)
		if err != nil {
			return done, err
		}
		if b := l.tables[tableBlacklisted]; b != nil {
			if _, err := tx.execRows(ctx, "delete from "+b.SQL()+" where "+l.anyOf("token_id", "$1"), arg); err != nil {
				return done, err
			}
		}
		n, err := tx.execRows(ctx, "delete from "+l.Outstanding().SQL()+" where "+l.anyOf("id", "$1"), arg)
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}
