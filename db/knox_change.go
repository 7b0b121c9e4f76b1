package db

import (
	"context"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// ReplaceKnoxTokens gives each token a new digest and a new expiry; the zero time means never. Columns
// that a project has added keep their values.
func (tx *Tx) ReplaceKnoxTokens(ctx context.Context, refs []Ref, rows []django.KnoxRow, expires []time.Time) (Outcomes, error) {
	t := tx.Layout.Knox()
	digests, keys, err := tx.knoxDigests(rows)
	if err != nil {
		return nil, err
	}
	until, ends := tx.knoxUntil(expires)
	return tx.changeKnox(ctx, refs, change{same: tx.Layout.timeArg(tx.Now), changed: "t.digest = n.fresh",
		text: "update " + t.SQL() + " as t set digest = n.fresh, token_key = n.start, created = n.all, " + engine.Quote(t.expiry()) + " = " + until + " from n where " + knoxTheirs + tx.Layout.knoxUnchanged(),
		each: []columnValues{{"seen", textColumn, seenValues(refs)}, {"fresh", t.Column("digest"), digests}, {"start", t.Column("token_key"), keys}, ends}})
}

// KnoxExpiring returns an error if the tokens have no expiry: the table is one of knox before 2.1.
func (l *Layout) KnoxExpiring() error {
	t, err := l.usableTable("knox")
	if err == nil && t.expiry() == "" {
		err = &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the table " + t.String() + " has no column for an expiry, as knox before 2.1: its tokens never expire",
			Hint: "to end them: tokenctl blacklist --kind knox"}
	}
	return err
}

// ExpireKnoxTokens makes tokens expire, each at its own time.
func (tx *Tx) ExpireKnoxTokens(ctx context.Context, refs []Ref, at []time.Time) (Outcomes, error) {
	t := tx.Layout.Knox()
	until, ends := tx.knoxUntil(at)
	return tx.changeKnox(ctx, refs, change{text: "update " + t.SQL() + " as t set " + engine.Quote(t.expiry()) + " = " + until + " from n where " + knoxTheirs + tx.Layout.knoxUnchanged(),
		each: []columnValues{{"seen", textColumn, seenValues(refs)}, ends}})
}

// SucceedKnoxTokens makes tokens expire, each at its own time, and adds a new token of the same user for
// each. Columns that a project has added get the values of the old row.
func (tx *Tx) SucceedKnoxTokens(ctx context.Context, refs []Ref, at []time.Time, rows []django.KnoxRow, expires []time.Time) (Outcomes, error) {
	outcomes, err := tx.ExpireKnoxTokens(ctx, refs, at)
	if err != nil {
		return nil, err
	}
	indexes := outcomes.Changed(len(refs))
	if indexes == nil {
		return outcomes, nil
	}
	t := tx.Layout.Knox()
	digests, keys, err := tx.knoxDigests(Subset(rows, indexes))
	if err != nil {
		return nil, err
	}
	until, ends := tx.knoxUntil(Subset(expires, indexes))
	names := []string{"digest", "token_key", "created", engine.Quote(t.expiry()), "user_id"}
	values := []string{"n.fresh", "n.start", "n.all", until, "t.user_id"}
	for _, c := range t.furtherKnox() {
		names, values = append(names, engine.Quote(c.Name)), append(values, "t."+engine.Quote(c.Name))
	}
	return outcomes, tx.runAll(ctx, change{table: t, text: tx.Layout.Engine.InsertInto(t.Table) + " (" + strings.Join(names, ", ") + ") select " + strings.Join(values, ", ") + " from " + t.SQL() + " t, n where t.digest = n.key",
		inserted: "digest", same: tx.Layout.timeArg(tx.Now),
		each: []columnValues{{"fresh", t.Column("digest"), digests}, {"start", t.Column("token_key"), keys}, {"key", t.Column("digest"), keyValues(Subset(refs, indexes))}, ends}})
}

// DeleteKnoxTokens deletes tokens, even if AUTO_REFRESH has changed their expiry in the meantime.
func (tx *Tx) DeleteKnoxTokens(ctx context.Context, refs []Ref) (Outcomes, error) {
	return tx.changeKnox(ctx, refs, change{text: "delete from " + tx.Layout.Knox().SQL() + " as t using n where " + knoxTheirs})
}

// knoxTheirs is the condition that a token still has the digest and the owner of its reference.
const knoxTheirs = "t.digest = n.key and t.user_id = n.owner"

// knoxUnchanged returns the condition that a token still has the expiry of its reference.
func (l *Layout) knoxUnchanged() string {
	if l.Knox().expiry() == "" {
		return " and n.seen = ''"
	}
	return " and " + l.knoxSeen() + " = n.seen"
}

// knoxSeen returns the expression of the expiry as a text, for the alias t. Different expiries have
// different texts.
func (l *Layout) knoxSeen() string {
	name := l.Knox().expiry()
	if name == "" {
		return "''"
	}
	return "coalesce(cast(t." + engine.Quote(name) + " as text), '')"
}

// knoxUntil returns the expression of new expiries, and their values.
func (tx *Tx) knoxUntil(at []time.Time) (string, columnValues) {
	ends := make([]any, len(at))
	for i, t := range at {
		ends[i] = ""
		if !t.IsZero() {
			ends[i] = tx.Layout.timeText(t.Truncate(time.Microsecond))
		}
	}
	return tx.until(tx.Layout.Knox().Column(tx.Layout.Knox().expiry())), columnValues{"until", textColumn, ends}
}

// until returns the expression of new values for a date column. The values are texts.
func (tx *Tx) until(c *engine.Column) string {
	expr := "nullif(n.until, '')"
	if tx.Layout.Engine == engine.PostgreSQL {
		expr = "cast(" + expr + " as " + engine.Quote(c.Type) + ")"
	}
	return expr
}

func (tx *Tx) changeKnox(ctx context.Context, refs []Ref, c change) (Outcomes, error) {
	l := tx.Layout
	t := l.Knox()
	versioned := len(c.each) > 0 // the change also compares the expiry
	c.table = t
	return tx.applyOwned(ctx, c, "digest", refs, func(refs []Ref) ([]Outcome, error) {
		q := &engine.Query{Columns: []string{"t.digest", "cast(t.user_id as text)", l.knoxSeen()}, From: t.SQL() + " t"}
		q.Among(l.Engine, "t.digest", "text", keyValues(refs))
		now := map[string]Ref{}
		err := tx.Each(ctx, q, func(r engine.Row) error {
			digest, _ := r.TextOrNull()
			owner, _ := r.TextOrNull()
			now[digest] = Ref{Owner: t.Owner.keyText(owner), Seen: r.Text()}
			return r.Err
		})
		list := make([]Outcome, len(refs))
		for i := range refs {
			switch v, there := now[refs[i].Key.Reveal()]; {
			case !there:
				list[i] = Gone
			case v.Owner != refs[i].Owner, versioned && v.Seen != refs[i].Seen:
				list[i] = ChangedMeanwhile
			}
		}
		return list, err
	})
}

// DeleteKnoxTokensWhere deletes the tokens that f selects, and returns their number.
func (tx *Tx) DeleteKnoxTokensWhere(ctx context.Context, f Filter) (int64, error) {
	l := tx.Layout
	t, u, err := l.ownedCredentials("knox")
	if err != nil {
		return 0, err
	}
	q, status := &engine.Query{From: withOwners(t, u)}, ""
	if f.Statuses != nil {
		status = l.knoxStatus(q, tx.Now)
	}
	if err := f.whereKnox(l, q, status); err != nil {
		return 0, err
	}
	return tx.deleteWhere(ctx, t, q, f.aboutOwner() || f.Statuses != nil, "digest")
}
