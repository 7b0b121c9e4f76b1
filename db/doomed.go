package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl/django"
)

// This file deletes all that a filter selects in one statement, and blacklists JWTs
// in few, whatever the rows look like by then: nobody has been shown them, or who has
// will compare that with what is gone. Order, limit and places of a filter mean
// nothing here.

// DeleteTokensWhere deletes the tokens that f selects and returns how many. gone,
// where it is given, gets owner and key of each.
func (tx *Tx) DeleteTokensWhere(ctx context.Context, f Filter, gone func(Token)) (int64, error) {
	l := tx.Layout
	if _, err := l.authTokens(true); err != nil {
		return 0, err
	}
	q := new(query)
	if err := f.whereOwner(l, q); err != nil {
		return 0, err
	}
	f.whereCreated(l, q)
	return tx.deleteWhere(ctx, l.AuthToken(), q, f.aboutOwner(), "cast(user_id as text), key", gone != nil, func(r *row) {
		gone(Token{User: User{ID: l.User.keyText(r.text())}, Key: django.NewSecret(r.text())})
	})
}

// DeleteKnoxTokensWhere is DeleteTokensWhere for knox tokens; gone gets their
// digests.
func (tx *Tx) DeleteKnoxTokensWhere(ctx context.Context, f Filter, gone func(digest string)) (int64, error) {
	l := tx.Layout
	if _, _, err := l.knoxTokens(tx.Now, true); err != nil {
		return 0, err
	}
	q := new(query)
	if err := f.whereKnox(l, q, func() string { return l.knoxStatus(q, tx.Now) }); err != nil {
		return 0, err
	}
	return tx.deleteWhere(ctx, l.Knox(), q, f.aboutOwner() || f.Statuses != nil, "digest", gone != nil, func(r *row) { gone(r.text()) })
}

// DeleteSessionsWhere is DeleteTokensWhere for sessions; gone gets their keys. Of
// the filter only the dates count: whose a session is, only its data tell.
func (tx *Tx) DeleteSessionsWhere(ctx context.Context, f Filter, gone func(key django.Secret)) (int64, error) {
	if _, err := tx.Layout.sessions(); err != nil {
		return 0, err
	}
	q := new(query)
	f.whereSession(tx.Layout, q)
	return tx.deleteWhere(ctx, tx.Layout.Session(), q, false, "session_key", gone != nil, func(r *row) { gone(django.NewSecret(r.text())) })
}

// deleteWhere deletes the rows of a table that meet q's conditions, in which its
// alias is s for sessions and t for others, and u that of the owner. f gets the
// columns of each where they are wanted.
func (tx *Tx) deleteWhere(ctx context.Context, t *Table, q *query, aboutOwner bool, columns string, wanted bool, f func(*row)) (int64, error) {
	alias := "t"
	if t == tx.Layout.Session() {
		alias = "s"
	}
	text := "delete from " + t.SQL() + " as " + alias
	conditions := strings.Join(q.where, " and ")
	switch u := tx.Layout.User; {
	case aboutOwner:
		text += " where exists (select 1 from " + u.SQL() + " u where u." + quote(u.Key) + " = t.user_id and " + conditions + ")"
	case conditions != "":
		text += " where " + conditions
	}
	return tx.execEach(ctx, text, q.args, columns, wanted, f)
}

// execEach runs a statement that changes rows and returns how many. f gets the
// columns of each where they are wanted.
func (tx *Tx) execEach(ctx context.Context, text string, args []any, columns string, wanted bool, f func(*row)) (n int64, err error) {
	if !wanted {
		return tx.execRows(ctx, text, args...)
	}
	return n, tx.each(ctx, &query{text: text + " returning " + columns, args: args}, func(r row) error {
		f(&r)
		n++
		return r.err
	})
}

// BlacklistOutstandingWhere blacklists the tokens of the owners that f selects
// which pick wants and which are not blacklisted, and returns how many. Reading
// dates and types out of their texts takes several times as long in SQL. gone, where
// it is given, gets their jtis.
func (tx *Tx) BlacklistOutstandingWhere(ctx context.Context, f Filter, settings django.JWTSettings, pick func(*OutstandingToken) bool, gone func(jti string)) (n int64, err error) {
	l := tx.Layout
	b, err := l.blacklist()
	if err != nil {
		return 0, err
	}
	q, err := l.outstanding(settings.WithDefaults(), true)
	if err != nil {
		return 0, err
	}
	if f.Statuses == nil {
		for i := range l.ownerColumns(true) {
			q.columns[i] = "null" // and PostgreSQL need not look for them
		}
	}
	q.key = ""
	q.and("b.token_id is null")
	if err := f.whereOwner(l, q); err != nil {
		return 0, err
	}
	if err := f.ownRows(l, q); err != nil {
		return 0, err
	}
	var rows []int64
	err = tx.each(ctx, q, func(r row) error {
		t := scanOutstanding(l, &r, true)
		if r.err == nil && pick(&t) {
			rows = append(rows, t.Row)
			if gone != nil {
				gone(t.JTI)
			}
		}
		return r.err
	})
	for part := range slices.Chunk(rows, BulkUsers) {
		var done int64
		if done, err = tx.blacklistRows(ctx, b, part); err != nil {
			break
		}
		n += done
	}
	return n, err
}

// blacklistRows blacklists tokens by their primary keys. Whose row is deleted
// meanwhile fails by its foreign key, at the latest at the end.
func (tx *Tx) blacklistRows(ctx context.Context, b *Table, rows []int64) (n int64, err error) {
	ids := make([]any, len(rows))
	for i, id := range rows {
		ids[i] = id
	}
	insert := func(conflict string) error {
		text, args, err := tx.Layout.insertion(b, conflict, values{column: "token_id", each: ids}, values{column: "blacklisted_at", same: tx.Layout.timeArg(tx.Now)})
		if err == nil {
			n, err = tx.execRows(ctx, text, args...)
		}
		return err
	}
	// To be ready for somebody who blacklists one of them at the same time takes
	// PostgreSQL twice as long.
	err = tx.Try(ctx, func() error { return insert("") })
	if django.CodeOf(err) == django.CodeAlreadyExists {
		err = insert("on conflict (token_id) do nothing")
	}
	return n, err
}
