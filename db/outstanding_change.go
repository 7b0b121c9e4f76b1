package db

import (
	"context"

	"tokenctl/django"
)

// BlacklistOutstandingTokens blacklists recorded tokens. One that is blacklisted
// already is refused with CodeAlreadyExists, one whose row is gone with
// CodeChanged. Of two who blacklist a token at once the second waits for the
// first.
func (tx *Tx) BlacklistOutstandingTokens(ctx context.Context, list []OutstandingToken) (Refusals, error) {
	l := tx.Layout
	b, err := l.blacklist()
	if err != nil {
		return nil, err
	}
	lock := " for key share of o"
	if l.Engine == SQLite {
		lock = "" // the transaction holds the only write lock there is
	}
	// The concatenation keeps PostgreSQL off the index on jti: ids follow one another.
	refused, err := tx.changeOutstanding(ctx, l.insertInto(b)+" (token_id, blacklisted_at) select o.id, n.all from "+l.Outstanding().SQL()+
		" o, n where o.id = n.token and o.jti || '' = n.jti"+lock+" on conflict (token_id) do nothing", "token_id", l.timeArg(tx.Now), list)
	if err != nil {
		return nil, err
	}
	for i := range refused {
		switch err := tx.LockOutstanding(ctx, list[i]); {
		case err == nil:
			refused[i] = &django.Error{Code: django.CodeAlreadyExists, Message: "jwt:" + list[i].JTI + " is blacklisted already", Hint: "--ignore-missing makes that no fault"}
		case django.CodeOf(err) != django.CodeChanged:
			return nil, err
		}
	}
	return refused, nil
}

func (tx *Tx) changeOutstanding(ctx context.Context, text, found string, same any, list []OutstandingToken) (Refusals, error) {
	o := tx.Layout.Outstanding()
	rows, ids := make([]any, len(list)), make([]any, len(list))
	for i, t := range list {
		rows[i], ids[i] = t.Row, t.JTI
	}
	return tx.changeEach(ctx, change{text: text, found: found, same: same, each: []given{{"token", o.Column("id"), rows}, {"jti", o.Column("jti"), ids}}},
		func(i int) error { return outstandingGone(list[i]) })
}
