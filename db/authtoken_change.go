package db

import (
	"context"

	"tokenctl"
	"tokenctl/db/engine"
)

// ReplaceTokens gives tokens new keys. No other table refers to the key.
func (tx *Tx) ReplaceTokens(ctx context.Context, refs []Ref, keys []tokenctl.Secret) (Outcomes, error) {
	t := tx.Layout.AuthToken()
	return tx.changeTokens(ctx, refs, change{text: "update " + t.SQL() + " as t set key = n.fresh, created = n.all from n where t.key = n.key and t.user_id = n.owner",
		changed: "t.key = n.fresh", same: tx.Layout.timeArg(tx.Now), each: []columnValues{{"fresh", t.Column("key"), revealed(keys)}}})
}

// DeleteTokens deletes tokens.
func (tx *Tx) DeleteTokens(ctx context.Context, refs []Ref) (Outcomes, error) {
	return tx.changeTokens(ctx, refs, change{text: "delete from " + tx.Layout.AuthToken().SQL() + " as t using n where t.key = n.key and t.user_id = n.owner"})
}

func (tx *Tx) changeTokens(ctx context.Context, refs []Ref, c change) (Outcomes, error) {
	c.table = tx.Layout.AuthToken()
	return tx.applyOwned(ctx, c, "key", refs, func(refs []Ref) ([]Outcome, error) { return tx.lookAtTokens(ctx, refs) })
}

// lookAtTokens returns the outcome of each token. If a user can have only one token, a different key of
// the same user means that the token was changed.
func (tx *Tx) lookAtTokens(ctx context.Context, refs []Ref) ([]Outcome, error) {
	l := tx.Layout
	t := l.AuthToken()
	owners, holds := map[string]string{}, map[string]bool{}
	look := func(expr, typ string, values []any) error {
		q := &engine.Query{Columns: []string{"t.key", "cast(t.user_id as text)"}, From: t.SQL() + " t"}
		q.Among(l.Engine, expr, typ, values)
		return tx.Each(ctx, q, func(r engine.Row) error {
			key, _ := r.TextOrNull()
			owner, _ := r.TextOrNull()
			owner = t.Owner.keyText(owner)
			owners[key], holds[owner] = owner, true
			return r.Err
		})
	}
	if err := look("t.key", "text", keyValues(refs)); err != nil {
		return nil, err
	}
	single := t.Column("user_id").Unique
	if single {
		values, err := l.ownerValues(t, refs)
		if err == nil {
			err = look("t.user_id", t.Column("user_id").Type, values)
		}
		if err != nil {
			return nil, err
		}
	}
	list := make([]Outcome, len(refs))
	for i := range refs {
		switch owner, there := owners[refs[i].Key.Reveal()]; {
		case there && owner != refs[i].Owner, !there && single && holds[refs[i].Owner]:
			list[i] = ChangedMeanwhile
		case !there:
			list[i] = Gone
		}
	}
	return list, nil
}

// DeleteTokensWhere deletes the tokens that f selects, and returns their number.
func (tx *Tx) DeleteTokensWhere(ctx context.Context, f Filter) (int64, error) {
	l := tx.Layout
	q, err := l.authTokenQuery(true)
	if err != nil {
		return 0, err
	}
	if err := f.whereOwner(l, l.AuthToken().Owner, q); err != nil {
		return 0, err
	}
	f.whereCreated(l, l.AuthToken(), q)
	return tx.deleteWhere(ctx, l.AuthToken(), q, f.aboutOwner(), "key")
}
