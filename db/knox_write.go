package db

import (
	"context"
	"slices"
	"strings"
	"time"

	"tokenctl/django"
)

// maxKnoxDigest is the width of the column, which SQLite does not enforce.
const maxKnoxDigest = 128

// KnoxMintable returns an error when no knox token can be made: a table of knox
// 4.1 or older, or a model of the project's own with columns that tokenctl has
// no value for.
func (l *Layout) KnoxMintable() error {
	t, err := l.knoxTable()
	if err != nil {
		return err
	}
	if l.KnoxScheme() == django.KnoxSalted || t.Column("expiry") == nil {
		return &django.Error{Code: django.CodeLayoutUnsupported, Message: "the table " + t.Name + " has salted digests, as knox before 4.2: tokenctl lists and blacklists such tokens, but does not make them",
			Hint: "upgrade django-rest-knox to 4.2 or newer and run manage.py migrate knox; every token is void then"}
	}
	var extra []string
	for _, c := range t.Columns {
		if c.NotNull && !c.HasDefault && !slices.Contains(knoxColumns, c.Name) {
			extra = append(extra, c.Name)
		}
	}
	if extra != nil {
		return &django.Error{Code: django.CodeColumnsRequired, Message: "the table " + t.Name + " has further columns that need a value: " + strings.Join(extra, ", "),
			Hint: "tokenctl does not know what belongs there; let the Django application make the token, or give the columns a default in the database"}
	}
	return nil
}

// knoxLimitLock is "knox" and a number that is tokenctl's own.
const knoxLimitLock = 0x6b6e6f78_00000001

// LockKnoxLimit makes those who count a user's tokens before they add one wait
// for each other until their transactions end; there is one lock for all users,
// so that nobody waits crosswise. On SQLite a writer has the whole database
// locked.
func (tx *Tx) LockKnoxLimit(ctx context.Context) error {
	if tx.Layout.Engine == SQLite {
		return nil
	}
	return tx.exec(ctx, "select pg_advisory_xact_lock($1)", int64(knoxLimitLock))
}

// InsertKnoxTokens adds a token for each of the users that expires at a time, or
// never if that is zero. A digest that is there already is a CodeAlreadyExists
// error.
func (tx *Tx) InsertKnoxTokens(ctx context.Context, users []User, rows []django.KnoxRow, expires time.Time) ([]KnoxToken, error) {
	l := tx.Layout
	if err := l.KnoxMintable(); err != nil {
		return nil, err
	}
	owners, err := l.keysOf(users)
	if err != nil {
		return nil, err
	}
	list, digests, keys, err := tx.newKnoxTokens(users, rows, func(int) time.Time { return expires })
	if err != nil {
		return nil, err
	}
	return list, tx.insertAll(ctx, len(list), l.Knox(), values{column: "digest", each: digests}, values{column: "token_key", each: keys},
		values{column: "created", same: l.timeArg(tx.Now)}, values{column: "expiry", same: l.optTimeArg(expires.Truncate(time.Microsecond))}, values{column: "user_id", each: owners})
}

// newKnoxTokens are tokens of the users made now, with their digests and first
// characters as parameters.
func (tx *Tx) newKnoxTokens(users []User, rows []django.KnoxRow, expires func(int) time.Time) (list []KnoxToken, digests, keys []any, err error) {
	list, digests, keys = make([]KnoxToken, len(users)), make([]any, len(users)), make([]any, len(users))
	for i, r := range rows {
		if len(r.Digest) > maxKnoxDigest {
			return nil, nil, nil, &django.Error{Code: django.CodeConfigInvalid, Message: "the digests of knox.secure_hash_algorithm do not fit into " + tx.Layout.Knox().Name}
		}
		digests[i], keys[i] = r.Digest, r.TokenKey
		list[i] = KnoxToken{Digest: r.Digest, TokenKey: r.TokenKey, Created: tx.Now, Expires: expires(i).Truncate(time.Microsecond), Status: "active", User: users[i]}
		if !users[i].Active() {
			list[i].Status = "disabled"
		}
	}
	return list, digests, keys, nil
}

// optTimeArg is timeArg for a column where the zero time is NULL.
func (l *Layout) optTimeArg(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return l.timeArg(t)
}

// expiredKnox is the condition on rows that expired before a time; ok is false
// where rows have no expiry.
func (l *Layout) expiredKnox(before time.Time, userIDs []string) (t *Table, q *query, ok bool, err error) {
	if _, err = l.Users(); err != nil {
		return nil, nil, false, err
	}
	if t, err = l.knoxTable(); err != nil {
		return nil, nil, false, err
	}
	expiry := t.knoxExpiry()
	if expiry == "" {
		return t, nil, false, nil
	}
	q = new(query)
	q.and(quote(expiry)+" < %s", l.timeArg(before))
	if userIDs != nil {
		keys := make([]any, 0, len(userIDs))
		for _, id := range userIDs {
			if key, ok := l.User.keyArg(l.Engine, id); ok {
				keys = append(keys, key)
			}
		}
		arg, err := l.listArg(l.User, keys)
		if err != nil {
			return nil, nil, false, err
		}
		q.and(l.anyOf("user_id", "%s"), arg)
	}
	return t, q, true, nil
}

// ExpiredKnox finds the tokens that expired before a time; nil is everybody's.
func (s *Store) ExpiredKnox(ctx context.Context, before time.Time, userIDs []string) (*Expired, error) {
	l, err := s.Layout(ctx)
	if err != nil {
		return nil, err
	}
	t, q, ok, err := l.expiredKnox(before, userIDs)
	if !ok || err != nil {
		return new(Expired), err
	}
	return s.expired(ctx, t, q)
}

// CountExpiredKnox counts the tokens that ExpiredKnox finds.
func (tx *Tx) CountExpiredKnox(ctx context.Context, before time.Time, userIDs []string) (int64, error) {
	t, q, ok, err := tx.Layout.expiredKnox(before, userIDs)
	if !ok || err != nil {
		return 0, err
	}
	q.columns, q.from = []string{"count(*)"}, t.SQL()
	var n int64
	return n, tx.each(ctx, q, func(r row) error { return r.Scan(&n) })
}

// PurgeKnox deletes the tokens that ExpiredKnox finds, all at once.
func (tx *Tx) PurgeKnox(ctx context.Context, before time.Time, userIDs []string) (int64, error) {
	t, q, ok, err := tx.Layout.expiredKnox(before, userIDs)
	if !ok || err != nil {
		return 0, err
	}
	return tx.deleteRows(ctx, t, q)
}
