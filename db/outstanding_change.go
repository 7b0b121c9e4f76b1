package db

import (
	"context"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// BlacklistTokens blacklists recorded tokens. If two processes blacklist a token at the same time, the
// second waits for the first, and then finds the token blacklisted already.
func (tx *Tx) BlacklistTokens(ctx context.Context, refs []Ref) (Outcomes, error) {
	l := tx.Layout
	b, err := l.blacklistTable()
	if err != nil {
		return nil, err
	}
	if err := tx.textJTIs(ctx, rowValues(refs)); err != nil {
		return nil, err
	}
	text := l.Engine.InsertInto(b.Table) + " (token_id, blacklisted_at) select o.id, n.all from " + l.Outstanding().SQL() + " o, n where " + outstandingTheirs
	unique := b.Column("token_id").Unique
	if !unique {
		text += " and not " + l.blacklistedCondition("o.id")
	}
	if l.Engine == engine.PostgreSQL {
		// This lock prevents the deletion of the token. Inserts that refer to it do not wait for the lock.
		text += " for no key update of o"
	}
	if unique {
		text += " on conflict (token_id) do nothing"
	}
	return tx.changeOutstanding(ctx, refs, change{text: text, inserted: "token_id", same: l.timeArg(tx.Now)}, true)
}

// textJTIs converts jtis that an import to SQLite has stored as bytes into texts, in the given rows; nil
// means all rows. Otherwise the application would not find their entries of the blacklist.
func (tx *Tx) textJTIs(ctx context.Context, rows []any) error {
	l := tx.Layout
	if l.Engine != engine.SQLite {
		return nil
	}
	q := &engine.Query{Where: []string{"typeof(jti) = 'blob'"}}
	if rows != nil {
		q.OneOf(l.Engine, "id", rows)
	}
	return tx.Exec(ctx, "update or ignore "+l.Outstanding().SQL()+" set jti = cast(jti as text) where "+q.Condition(), q.Args...)
}

// UnblacklistTokens removes tokens from the blacklist.
func (tx *Tx) UnblacklistTokens(ctx context.Context, refs []Ref) (Outcomes, error) {
	l := tx.Layout
	b, err := l.blacklistTable()
	if err != nil {
		return nil, err
	}
	return tx.changeOutstanding(ctx, refs, change{text: "delete from " + b.SQL() + " as t using n where t.token_id = n.row and exists (select 1 from " +
		l.Outstanding().SQL() + " o where o.id = n.row and o.jti = n.jti)"}, false)
}

// outstandingTheirs is the condition that a token still has the row and the jti of its reference. With the
// concatenation PostgreSQL does not use the index on jti: the primary key is faster, because neighbouring
// rows have neighbouring keys.
const outstandingTheirs = "o.id = n.row and o.jti || '' = n.jti"

// changeOutstanding runs c, which blacklists tokens or removes them from the blacklist.
func (tx *Tx) changeOutstanding(ctx context.Context, refs []Ref, c change, blacklisted bool) (Outcomes, error) {
	l := tx.Layout
	o := l.Outstanding()
	c.table = l.Blacklisted()
	c.each = []columnValues{{"row", o.Column("id"), rowValues(refs)}, {"jti", o.Column("jti"), keyValues(refs)}}
	return tx.applyOutstanding(ctx, c, refs, func(t *OutstandingToken) bool { return t.Blacklisted == blacklisted })
}

// applyOutstanding is apply for tokens. already reports whether an existing token was in the wanted state
// before.
func (tx *Tx) applyOutstanding(ctx context.Context, c change, refs []Ref, already func(*OutstandingToken) bool) (Outcomes, error) {
	return tx.apply(ctx, c, refs, func(refs []Ref) ([]Outcome, error) {
		now, err := tx.OutstandingByRow(ctx, refs)
		list := make([]Outcome, len(refs))
		for i, t := range now {
			switch {
			case t == nil:
				list[i] = Gone
			case t.JTI != refs[i].Key.Reveal():
				list[i] = ChangedMeanwhile
			case already(t):
				list[i] = Already
			}
		}
		return list, err
	})
}

// OutstandingByRow returns the tokens with the primary keys of the references, in the order of the
// references and without owners, and nil for a reference without a row.
func (tx *Tx) OutstandingByRow(ctx context.Context, refs []Ref) ([]*OutstandingToken, error) {
	l := tx.Layout
	o, err := l.usableTable("jwt")
	if err != nil {
		return nil, err
	}
	q := &engine.Query{Columns: l.outstandingColumns(), From: o.SQL() + " o"}
	q.Among(l.Engine, "o.id", "int8", rowValues(refs))
	indexes := make(map[int64]int, len(refs))
	for i := range refs {
		indexes[refs[i].Row] = i
	}
	list := make([]*OutstandingToken, len(refs))
	return list, tx.Each(ctx, q, func(r engine.Row) error {
		t := scanOutstandingRow(o, &r)
		if index, asked := indexes[t.Row]; asked {
			list[index] = &t
		}
		return r.Err
	})
}

// blacklistedCondition returns the condition that a BlacklistedToken refers to the token with an id.
func (l *Layout) blacklistedCondition(id string) string {
	b := l.Blacklisted()
	if b == nil {
		return "1 = 0"
	}
	return "exists (select 1 from " + b.SQL() + " b where b.token_id = " + id + ")"
}

// blacklistedAt is the expression of the time at which the token with an id was blacklisted.
func (l *Layout) blacklistedAt(id string) string {
	b := l.Blacklisted()
	if b == nil {
		return "null"
	}
	return "(select b.blacklisted_at from " + b.SQL() + " b where b.token_id = " + id + " limit 1)"
}

// BlacklistedAt returns the times at which the tokens of the references were blacklisted, in the order of
// the references. The time is zero if a token is not blacklisted, or if the date cannot be read.
func (tx *Tx) BlacklistedAt(ctx context.Context, refs []Ref) ([]time.Time, error) {
	at := make([]time.Time, len(refs))
	b := tx.Layout.Blacklisted()
	if b == nil {
		return at, nil
	}
	q := &engine.Query{Columns: []string{"b.token_id", tx.Layout.Engine.Time("b.blacklisted_at")}, From: b.SQL() + " b"}
	q.Among(tx.Layout.Engine, "b.token_id", "int8", rowValues(refs))
	found := map[int64]time.Time{}
	err := tx.Each(ctx, q, func(r engine.Row) error {
		row := r.Integer()
		found[row] = r.Moment(django.DjangoTime, b.Table, "blacklisted_at")
		return r.Err
	})
	for i := range refs {
		at[i] = found[refs[i].Row]
	}
	return at, err
}

// BlacklistAllTokens blacklists every recorded token that is not blacklisted yet, and returns their number.
func (tx *Tx) BlacklistAllTokens(ctx context.Context) (int64, error) {
	l := tx.Layout
	o, err := l.usableTable("jwt")
	if err != nil {
		return 0, err
	}
	b, err := l.blacklistTable()
	if err != nil {
		return 0, err
	}
	if err := tx.textJTIs(ctx, nil); err != nil {
		return 0, err
	}
	q := &engine.Query{From: o.SQL() + " o", Where: []string{"not " + l.blacklistedCondition("o.id")}}
	text := l.Engine.InsertInto(b.Table) + " (token_id, blacklisted_at) select o.id, $1 from " + q.From + " where " + q.Condition()
	if l.Engine == engine.PostgreSQL {
		text += " order by o.id"
	}
	if b.Column("token_id").Unique {
		text += " on conflict (token_id) do nothing"
	}
	return tx.changeWhere(ctx, b, text, "token_id", q, "o.id", l.timeArg(tx.Now))
}

// BlacklistOutstanding blacklists a recorded token. It returns false if the token was blacklisted already.
// If its row does not exist any more, the error has the code [tokenctl.CodeChanged].
func (tx *Tx) BlacklistOutstanding(ctx context.Context, t OutstandingToken) (bool, error) {
	outcomes, err := tx.BlacklistTokens(ctx, []Ref{t.Ref()})
	switch {
	case err != nil || outcomes == nil:
		return err == nil, err
	case outcomes[0] == Already:
		return false, nil
	}
	return false, &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "jwt:" + t.JTI + " was deleted meanwhile"}
}
