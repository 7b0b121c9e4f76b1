package db

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// KnoxRotatable returns an error if no knox token can be replaced, because the table is of knox 4.1 or
// older.
func (l *Layout) KnoxRotatable() error {
	t, err := l.usableTable("knox")
	if err == nil {
		err = l.knoxMintable(t)
	}
	return err
}

// knoxMintable returns an error if tokenctl cannot make tokens for knox's table, such as a table of knox
// 4.1 or older.
func (l *Layout) knoxMintable(t *Table) error {
	if l.KnoxScheme() == django.KnoxSalted || t.Column("expiry") == nil {
		return &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the table " + t.String() + " has salted digests, as knox before 4.2: tokenctl lists and blacklists such tokens, but does not make them",
			Hint: "upgrade django-rest-knox to 4.2 or newer and run manage.py migrate knox; all tokens then become invalid"}
	}
	if t.Column("token_key") == nil {
		return &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the table " + t.String() + " has no column token_key: so it is not known how the application's knox makes digests",
			Hint: "let the Django application make the token"}
	}
	return nil
}

// furtherKnox returns the columns that a project has added and the database does not fill in.
func (t *Table) furtherKnox() (list []engine.Column) {
	for _, c := range t.Columns {
		if !c.HasDefault && !c.PrimaryKey && !c.Unique && !slices.Contains(insertedColumns["knox"], c.Name) {
			list = append(list, c)
		}
	}
	return list
}

// knoxLimitLock is the key of tokenctl's advisory lock: "knox" and a number.
const knoxLimitLock = 0x6b6e6f78_00000001

// LockKnoxLimit takes a lock until the transaction ends. Two transactions that count a user's tokens and
// then add one thus run one after the other. There is one lock for all users, so it cannot deadlock. On
// SQLite a writer has locked the whole database already.
func (tx *Tx) LockKnoxLimit(ctx context.Context) error {
	if tx.Layout.Engine == engine.SQLite {
		return nil
	}
	return tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(knoxLimitLock))
}

// InsertKnoxTokens adds a token for each user. The tokens expire at expires, or never if it is zero. If a
// digest exists already, the error has the code [tokenctl.CodeAlreadyExists].
func (tx *Tx) InsertKnoxTokens(ctx context.Context, users []User, rows []django.KnoxRow, expires time.Time, further Further) ([]KnoxToken, error) {
	l := tx.Layout
	values, err := l.newValues("knox", users, further)
	if err != nil {
		return nil, err
	}
	digests, keys, err := tx.knoxDigests(rows)
	if err != nil {
		return nil, err
	}
	var expiry any // NULL: never
	if !expires.IsZero() {
		expiry = l.timeArg(expires.Truncate(time.Microsecond))
	}
	list := make([]KnoxToken, len(users))
	for i, r := range rows {
		list[i] = NewKnoxToken(users[i], r, tx.Now, expires)
	}
	values = append(values, engine.Values{Column: "digest", Each: digests}, engine.Values{Column: "token_key", Each: keys},
		engine.Values{Column: "created", Same: l.timeArg(tx.Now)}, engine.Values{Column: "expiry", Same: expiry})
	return list, l.Knox().furtherError(tx.InsertAll(ctx, len(list), l.Knox().Table, values...), further)
}

// NewKnoxToken returns the token of a row that is made at now.
func NewKnoxToken(u User, r django.KnoxRow, now, expires time.Time) KnoxToken {
	t := KnoxToken{Digest: r.Digest, TokenKey: r.TokenKey, Created: now, Expires: expires.Truncate(time.Microsecond), Status: "active", User: u}
	if !u.Active() {
		t.Status = "disabled"
	}
	return t
}

// knoxDigests returns the digests and the token keys of new rows, as parameters.
func (tx *Tx) knoxDigests(rows []django.KnoxRow) (digests, keys []any, err error) {
	digests, keys = make([]any, len(rows)), make([]any, len(rows))
	for i, r := range rows {
		if !tx.Layout.Knox().Column("digest").Holds(r.Digest) {
			return nil, nil, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "the digests of knox.secure_hash_algorithm do not fit into " + tx.Layout.Knox().Name}
		}
		digests[i], keys[i] = r.Digest, r.TokenKey
	}
	return digests, keys, nil
}

// expiredKnox returns the query for the users' tokens, with the alias t, that expired before a time. Nil
// means all users. In a table without an expiry it finds none.
func (l *Layout) expiredKnox(before time.Time, userIDs []string) (*Table, *engine.Query, error) {
	t, err := l.usableTable("knox")
	if err != nil {
		return nil, nil, err
	}
	q := &engine.Query{From: t.SQL() + " t"}
	expiry := t.expiry()
	if expiry == "" {
		q.Where = []string{"1 = 0"}
		return t, q, nil
	}
	q.And(l.Engine.Dated(t.Column(expiry), "t."+engine.Quote(expiry), "<", "%s"), l.timeArg(before))
	if userIDs != nil {
		if err := l.CheckOwner(t); err != nil {
			return nil, nil, err
		}
		q.OneOf(l.Engine, "t.user_id", l.User.keyArgs(l.Engine, userIDs))
	}
	return t, q, nil
}

// CountExpiredKnox counts the users' tokens that expired before a time. Nil means all users.
func (tx *Tx) CountExpiredKnox(ctx context.Context, before time.Time, userIDs []string) (n int64, err error) {
	_, q, err := tx.Layout.expiredKnox(before, userIDs)
	if err != nil {
		return 0, err
	}
	q.Columns = []string{"count(*)"}
	return n, tx.Scan(ctx, q, &n)
}

// PurgeKnox deletes the tokens that [Tx.CountExpiredKnox] counts, and returns their number.
func (tx *Tx) PurgeKnox(ctx context.Context, before time.Time, userIDs []string) (int64, error) {
	t, q, err := tx.Layout.expiredKnox(before, userIDs)
	if err != nil {
		return 0, err
	}
	return tx.ExecRows(ctx, "delete from "+t.SQL()+" as t where "+q.Condition(), q.Args...)
}
