package db

import (
	"context"
	"fmt"
	"time"

	"tokenctl"
)

// holdsJTI is an error for a token's id that the column has no room for.
func (t *Table) holdsJTI(id string) error {
	if jti := t.Column("jti"); !jti.Holds(id) {
		return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: fmt.Sprintf("the token's id is longer than the %d characters of %s.jti", jti.Length, t)}
	}
	return nil
}

// InsertOutstanding records a token. A jti that is there already is a
// CodeAlreadyExists error.
func (tx *Tx) InsertOutstanding(ctx context.Context, t OutstandingToken) (OutstandingToken, error) {
	l := tx.Layout
	o, err := l.outstandingTable()
	if err == nil {
		err = l.Mintable("jwt")
	}
	if err != nil {
		return t, err
	}
	if err := o.holdsJTI(t.JTI); err != nil {
		return t, err
	}
	var owner, created any
	if t.User.ID != "" {
		owner, _ = o.Owner.keyArg(l.Engine, t.User.ID)
	}
	if !t.Created.IsZero() {
		created = l.jwtTimeArg(t.Created)
	}
	rows, err := tx.conn.QueryContext(ctx, "insert into "+o.SQL()+" (token, created_at, expires_at, user_id, jti) values ($1, $2, $3, $4, $5) on conflict (jti) do nothing returning id",
		t.Text.Reveal(), created, l.jwtTimeArg(t.Expires), owner, t.JTI)
	if err != nil {
		return t, tx.explain(ctx, err)
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
		err = &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: "the token was recorded by somebody else meanwhile", Hint: "do it again"}
	}
	return t, tx.explain(ctx, err)
}

// RecordOutstanding records tokens, each with an expiry of its own, and returns their
// primary keys in their order. Of a token that somebody recorded meanwhile it is that row.
func (tx *Tx) RecordOutstanding(ctx context.Context, list []OutstandingToken) ([]int64, error) {
	l := tx.Layout
	o, err := l.outstandingTable()
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	note := func(r row) error {
		id, jti := r.integer(), r.text()
		rows[jti] = id
		return r.err
	}
	for _, owned := range []bool{true, false} {
		var texts, ids, expires []any
		var users []User
		for _, t := range list {
			if err := o.holdsJTI(t.JTI); err != nil {
				return nil, err
			}
			if (t.User.ID != "") == owned {
				texts, ids, users = append(texts, t.Text.Reveal()), append(ids, t.JTI), append(users, t.User)
				expires = append(expires, l.jwtTimeText(t.Expires))
			}
		}
		if texts == nil {
			continue
		}
		owner := values{column: "user_id"}
		if owned {
			if owner.each, err = l.keysOf(o.Owner, users); err != nil {
				return nil, err
			}
		}
		text, args, err := l.insertion(o, "on conflict do nothing returning id, jti", values{column: "token", each: texts}, values{column: "created_at", same: l.jwtTimeArg(tx.Now)},
			values{column: "expires_at", each: expires}, owner, values{column: "jti", each: ids})
		if err == nil {
			err = tx.each(ctx, &query{text: text, args: args}, note)
		}
		if err != nil {
			return nil, err
		}
	}
	var others []any
	for _, t := range list {
		if rows[t.JTI] == 0 {
			others = append(others, t.JTI)
		}
	}
	if others != nil {
		q := &query{columns: []string{"id", "jti"}, from: o.SQL()}
		if err := q.among(l, "jti", "text", others); err != nil {
			return nil, err
		}
		if err := tx.each(ctx, q, note); err != nil {
			return nil, err
		}
	}
	keys := make([]int64, len(list))
	for i, t := range list {
		if keys[i] = rows[t.JTI]; keys[i] == 0 {
			return nil, kept(o, 1)
		}
	}
	return keys, nil
}

// InsertOutstandingTokens records tokens that were all made now, for users of the table's
// own model, and expire at one time. A jti that is there already is a CodeAlreadyExists error.
func (tx *Tx) InsertOutstandingTokens(ctx context.Context, list []OutstandingToken, expires time.Time) error {
	l := tx.Layout
	o, err := l.outstandingTable()
	if err == nil {
		err = l.Mintable("jwt")
	}
	if err != nil {
		return err
	}
	texts, ids, users := make([]any, len(list)), make([]any, len(list)), make([]User, len(list))
	for i, t := range list {
		texts[i], ids[i], users[i] = t.Text.Reveal(), t.JTI, t.User
	}
	owners, err := l.keysOf(o.Owner, users)
	if err != nil {
		return err
	}
	return tx.insertAll(ctx, len(list), o, values{column: "token", each: texts}, values{column: "created_at", same: l.jwtTimeArg(ownTime(tx.Now))},
		values{column: "expires_at", same: l.jwtTimeArg(expires)}, values{column: "user_id", each: owners}, values{column: "jti", each: ids})
}

// blacklist returns the table of BlacklistedToken.
func (l *Layout) blacklist() (*Table, error) {
	if b := l.Blacklisted(); b != nil {
		return b, nil
	}
	return nil, &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no table " + tableBlacklisted,
		Hint: "run manage.py migrate token_blacklist; for another schema give --schema"}
}
