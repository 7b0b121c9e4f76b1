package db

import (
	"context"
	"slices"
	"strconv"
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

// InsertKnoxToken adds a token that expires at a time, or never if that is zero.
// It reports false when there is a row with this digest already.
func (tx *Tx) InsertKnoxToken(ctx context.Context, u User, r django.KnoxRow, expires time.Time) (KnoxToken, bool, error) {
	l := tx.Layout
	if err := l.KnoxMintable(); err != nil {
		return KnoxToken{}, false, err
	}
	if len(r.Digest) > maxKnoxDigest {
		return KnoxToken{}, false, &django.Error{Code: django.CodeConfigInvalid, Message: "the digests of knox.secure_hash_algorithm do not fit into " + l.Knox().Name}
	}
	owner, _ := l.User.keyArg(l.Engine, u.ID)
	t := KnoxToken{Digest: r.Digest, TokenKey: r.TokenKey, Created: tx.Now, Expires: expires.Truncate(time.Microsecond), Status: "active", User: u}
	if !u.Active() {
		t.Status = "disabled"
	}
	n, err := tx.execRows(ctx, "insert into "+l.Knox().SQL()+" (digest, token_key, created, expiry, user_id) values ($1, $2, $3, $4, $5) on conflict (digest) do nothing",
		t.Digest, t.TokenKey, l.timeArg(t.Created), l.optTimeArg(t.Expires), owner)
	return t, n == 1, err
}

// optTimeArg is timeArg for a column where the zero time is NULL.
func (l *Layout) optTimeArg(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return l.timeArg(t)
}

// ExpireKnoxToken makes a token expire at a time. The statement names the row
// as it was seen; one that is no longer like that is CodeChanged.
func (tx *Tx) ExpireKnoxToken(ctx context.Context, old KnoxToken, at time.Time) error {
	l := tx.Layout
	owner, _ := l.User.keyArg(l.Engine, old.User.ID)
	return knoxTouched(old)(tx.execRows(ctx, "update "+l.Knox().SQL()+" set expiry = $1 where digest = $2 and user_id = $3 and "+knoxSeen("expiry")+" = $4",
		l.timeArg(at.Truncate(time.Microsecond)), old.Digest, owner, old.seen))
}

// ReplaceableKnoxToken deletes a token that is still as it was seen, its expiry
// included, for another in its place.
func (tx *Tx) ReplaceableKnoxToken(ctx context.Context, old KnoxToken) error {
	l := tx.Layout
	owner, _ := l.User.keyArg(l.Engine, old.User.ID)
	return knoxTouched(old)(tx.execRows(ctx, "delete from "+l.Knox().SQL()+" where digest = $1 and user_id = $2 and "+knoxSeen("expiry")+" = $3",
		old.Digest, owner, old.seen))
}

// DeleteKnoxToken removes a token, or fails with CodeChanged when it is gone or
// somebody else's. An expiry that AUTO_REFRESH has moved meanwhile must not save
// it.
func (tx *Tx) DeleteKnoxToken(ctx context.Context, old KnoxToken) error {
	l := tx.Layout
	owner, _ := l.User.keyArg(l.Engine, old.User.ID)
	return knoxTouched(old)(tx.execRows(ctx, "delete from "+l.Knox().SQL()+" where digest = $1 and user_id = $2", old.Digest, owner))
}

func knoxTouched(t KnoxToken) func(int64, error) error {
	return func(n int64, err error) error {
		if err == nil && n == 0 {
			err = &django.Error{Code: django.CodeChanged, Message: "a knox token of " + t.User.Username + " was changed or deleted meanwhile",
				Hint: "nothing was done; look again with tokenctl list --user"}
		}
		return err
	}
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
	q = &query{from: t.SQL()}
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

// CountExpiredKnox counts the tokens that expired before a time; nil is
// everybody's.
func (tx *Tx) CountExpiredKnox(ctx context.Context, before time.Time, userIDs []string) (int64, error) {
	_, q, ok, err := tx.Layout.expiredKnox(before, userIDs)
	if !ok || err != nil {
		return 0, err
	}
	q.columns = []string{"count(*)"}
	var n int64
	return n, tx.each(ctx, q, func(r row) error { return r.Scan(&n) })
}

// PurgeKnox deletes tokens that expired before a time, in the order of their
// digests and at most limit of them; 0 is all.
func (tx *Tx) PurgeKnox(ctx context.Context, before time.Time, userIDs []string, limit int) (int64, error) {
	t, q, ok, err := tx.Layout.expiredKnox(before, userIDs)
	if !ok || err != nil {
		return 0, err
	}
	// The condition stands outside as well: a token that is renewed while the
	// statement waits for its row is not expired any more.
	where := strings.Join(q.where, " and ")
	if limit > 0 {
		where += " and digest in (select digest from " + t.SQL() + " where " + where + " order by digest limit " + strconv.Itoa(limit) + ")"
	}
	return tx.execRows(ctx, "delete from "+t.SQL()+" where "+where, q.args...)
}
