package db

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
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
	var owner, created any
	if t.User.ID != "" {
		owner, _ = l.User.keyArg(l.Engine, t.User.ID)
	}
	if !t.Created.IsZero() {
		created = l.jwtTimeArg(t.Created)
	}
	rows, err := tx.conn.QueryContext(ctx, "insert into "+o.SQL()+" (token, created_at, expires_at, user_id, jti) values ($1, $2, $3, $4, $5) on conflict (jti) do nothing returning id",
		t.Text.Reveal(), created, l.jwtTimeArg(t.Expires), owner, t.JTI)
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

// InsertOutstandingTokens records tokens that were all made now and expire at one
// time. A jti that is there already is a CodeAlreadyExists error.
func (tx *Tx) InsertOutstandingTokens(ctx context.Context, list []OutstandingToken, expires time.Time) error {
	l := tx.Layout
	o, err := l.outstandingTable()
	if err != nil {
		return err
	}
	texts, ids, users := make([]any, len(list)), make([]any, len(list)), make([]User, len(list))
	for i, t := range list {
		texts[i], ids[i], users[i] = t.Text.Reveal(), t.JTI, t.User
	}
	owners, err := l.keysOf(users)
	if err != nil {
		return err
	}
	return tx.insertAll(ctx, len(list), o, values{column: "token", each: texts}, values{column: "created_at", same: l.jwtTimeArg(tx.Now)},
		values{column: "expires_at", same: l.jwtTimeArg(expires)}, values{column: "user_id", each: owners}, values{column: "jti", each: ids})
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
	err := only(tx.BlacklistOutstandingTokens(ctx, []OutstandingToken{t}))
	if django.CodeOf(err) == django.CodeAlreadyExists {
		return false, nil
	}
	return err == nil, err
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

// ExpiredOutstanding finds the tokens that expired before a time. A sliding token expires when it can no longer be
// refreshed: a blacklisted one would come back to life without its row. Of a
// blacklisted one whose text does not tell its type, that is assumed.
func (s *Store) ExpiredOutstanding(ctx context.Context, before time.Time, userIDs []string, settings django.JWTSettings) (*Expired, error) {
	settings = settings.WithDefaults()
	return s.expiredAt(ctx, func(l *Layout) (*query, error) {
		q, err := l.outstanding(settings, true)
		if err != nil {
			return nil, err
		}
		f := Filter{UserIDs: userIDs}
		if err := f.whereOwner(l, q); err != nil {
			return nil, err
		}
		if err := f.ownRows(l, q); err != nil {
			return nil, err
		}
		blacklisted := q.columns[len(q.columns)-1]
		if userIDs == nil {
			// Whose they are, which the join with the users tells, is all the same.
			q.from = l.Outstanding().SQL() + " o"
			if b := l.tables[tableBlacklisted]; b != nil {
				q.from += " left join " + b.SQL() + " b on b.token_id = o.id"
			}
		}
		q.and("o.expires_at < %s", l.jwtTimeArg(before))
		// It is no condition, but has a parameter like one.
		q.and("o.expires_at < %s", l.jwtTimeArg(before.Add(-settings.SlidingTokenRefreshLifetime.Duration)))
		last := len(q.where) - 1
		q.columns = []string{"o.id", "o.token", blacklisted, q.where[last]}
		q.where = q.where[:last]
		if l.Engine == PostgreSQL {
			q.key = ""
		}
		return q, nil
	}, func(_ *Layout, r *row) (Place, bool) {
		id, text, blacklisted, longAgo := Place(r.integer()), r.text(), r.flag(), r.flag()
		if r.err != nil {
			return 0, false
		}
		untold := !*blacklisted || *longAgo
		if untold && !mayBeSliding(text) {
			return id, true
		}
		token, err := settings.DecodeUnverified(text)
		switch {
		case err != nil || token.Type == "":
			return id, untold
		case token.Type == "sliding" && !token.RefreshExpires.IsZero():
			return id, token.RefreshExpires.Before(before)
		}
		return id, true
	})
}

// mayBeSliding is false of most tokens of other types, and spares decoding these.
func mayBeSliding(text string) bool {
	_, behind, _ := strings.Cut(text, ".")
	part, _, _ := strings.Cut(behind, ".")
	payload, err := base64.RawURLEncoding.DecodeString(part)
	return err != nil || bytes.Contains(payload, []byte("sliding")) || bytes.IndexByte(payload, '\\') >= 0
}

// purgeOutstanding deletes tokens, and what blacklists them, and returns how many
// tokens it deleted.
func (tx *Tx) purgeOutstanding(ctx context.Context, places []Place) (int64, error) {
	l := tx.Layout
	arg, err := l.listArg(nil, numbers(places))
	if err != nil {
		return 0, err
	}
	if b := l.tables[tableBlacklisted]; b != nil {
		if _, err := tx.execRows(ctx, "delete from "+b.SQL()+" where "+l.anyOf("token_id", "$1"), arg); err != nil {
			return 0, err
		}
	}
	return tx.execRows(ctx, "delete from "+l.Outstanding().SQL()+" where "+l.anyOf("id", "$1"), arg)
}
