package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
)

// holdsJTI returns an error if a token's id is too long for the column.
func (t *Table) holdsJTI(id string) error {
	if jti := t.Column("jti"); !jti.Holds(id) {
		return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: fmt.Sprintf("the token's id is longer than the %d characters of %s.jti", jti.Length, t)}
	}
	return nil
}

// InsertOutstanding records a token and returns it with its primary key. If the jti exists already, the
// error has the code [tokenctl.CodeAlreadyExists].
func (tx *Tx) InsertOutstanding(ctx context.Context, t OutstandingToken) (OutstandingToken, error) {
	l := tx.Layout
	o, err := l.usableTable("jwt")
	if err == nil {
		err = l.Mintable("jwt", nil)
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
	q := &engine.Query{Text: "insert into " + o.SQL() + " (token, created_at, expires_at, user_id, jti) values ($1, $2, $3, $4, $5) on conflict (jti) do nothing returning id",
		Args: []any{t.Text.Reveal(), created, l.jwtTimeArg(t.Expires), owner, t.JTI}}
	err = tx.Scan(ctx, q, &t.Row)
	if errors.Is(err, sql.ErrNoRows) {
		err = &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: "somebody else has recorded the token in the meantime", Hint: "do it again"}
	}
	return t, err
}

// RecordOutstanding records tokens, each with its own expiry, and returns their primary keys in the order
// of the tokens. If somebody has recorded a token in the meantime, it returns the key of that row.
func (tx *Tx) RecordOutstanding(ctx context.Context, list []OutstandingToken) ([]int64, error) {
	l := tx.Layout
	o, err := l.usableTable("jwt")
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	note := func(r engine.Row) error {
		id, jti := r.Integer(), r.Text()
		rows[jti] = id
		return r.Err
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
				expires = append(expires, textOf(l.jwtTimeArg(t.Expires)))
			}
		}
		if texts == nil {
			continue
		}
		owner := engine.Values{Column: "user_id"}
		if owned {
			if owner.Each, err = l.keysOf(o.Owner, users); err != nil {
				return nil, err
			}
		}
		q := l.Engine.Insertion(o.Table, "on conflict do nothing returning id, jti", engine.Values{Column: "token", Each: texts}, engine.Values{Column: "created_at", Same: l.jwtTimeArg(tx.Now)},
			engine.Values{Column: "expires_at", Each: expires}, owner, engine.Values{Column: "jti", Each: ids})
		if err := tx.Each(ctx, q, note); err != nil {
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
		q := &engine.Query{Columns: []string{"id", "jti"}, From: o.SQL()}
		q.Among(l.Engine, "jti", "text", others)
		if err := tx.Each(ctx, q, note); err != nil {
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

// InsertOutstandingTokens records tokens of users of the table's own model. All tokens were made now and
// expire at the same time. If a jti exists already, the error has the code [tokenctl.CodeAlreadyExists].
func (tx *Tx) InsertOutstandingTokens(ctx context.Context, list []OutstandingToken, expires time.Time) error {
	l := tx.Layout
	if err := l.Mintable("jwt", nil); err != nil {
		return err
	}
	o := l.Outstanding()
	texts, ids, users := make([]any, len(list)), make([]any, len(list)), make([]User, len(list))
	for i, t := range list {
		texts[i], ids[i], users[i] = t.Text.Reveal(), t.JTI, t.User
	}
	owners, err := l.keysOf(o.Owner, users)
	if err != nil {
		return err
	}
	return tx.InsertAll(ctx, len(list), o.Table, engine.Values{Column: "token", Each: texts}, engine.Values{Column: "created_at", Same: l.jwtTimeArg(markedTime(tx.Now))},
		engine.Values{Column: "expires_at", Same: l.jwtTimeArg(expires)}, engine.Values{Column: "user_id", Each: owners}, engine.Values{Column: "jti", Each: ids})
}

// blacklistTable returns the table of BlacklistedToken.
func (l *Layout) blacklistTable() (*Table, error) {
	if b := l.Blacklisted(); b != nil {
		return b, nil
	}
	return nil, &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no table " + tableBlacklisted,
		Hint: "run manage.py migrate token_blacklist; for another schema give --schema"}
}
