package db

import (
	"context"
	"iter"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// A purge first finds the rows, on PostgreSQL in the order of the table. It then deletes
// them by references like any other change, some thousand rows in a transaction. The
// statement checks the date again, so a row that was renewed meanwhile stays. A row whose
// date cannot be read is never found.

// ExpiredKnox yields the tokens that expired before a time. userIDs are the primary keys of their owners;
// nil means all users.
func (s *Store) ExpiredKnox(ctx context.Context, before time.Time, userIDs []string) iter.Seq2[Ref, error] {
	return pastDue(stream(ctx, s, func(l *Layout) (*engine.Query, error) {
		t, q, err := l.expiredKnox(before, userIDs)
		if err != nil {
			return nil, err
		}
		q.Columns, q.PageBy = []string{"t.digest", t.Column(t.expiry()).Expr(l.Engine.Time("t.%s"))}, l.pageKey("t.digest")
		return q, nil
	}, func(l *Layout, r *engine.Row) (e expired) {
		t := l.Knox()
		e.ref.Key = tokenctl.NewSecret(r.Stored(t, "digest"))
		e.is = isBefore(r.Moment(django.DjangoTime, t, t.expiry()), before)
		return e
	}))
}

// pageKey returns the key by which SQLite orders pages. PostgreSQL needs no order.
func (l *Layout) pageKey(key string) string {
	if l.Engine == engine.SQLite {
		return key
	}
	return ""
}

// expired is a row that may have expired.
type expired struct {
	ref Ref
	is  bool
}

// pastDue yields the references of the rows that have expired.
func pastDue(rows iter.Seq2[expired, error]) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for e, err := range rows {
			if (err != nil || e.is) && !yield(e.ref, err) {
				return
			}
		}
	}
}

// isBefore reports whether t is known and before another time.
func isBefore(t, before time.Time) bool { return !t.IsZero() && t.Before(before) }

// ExpiredSessions yields the sessions that expired before a time. userIDs are the primary keys of their
// owners, which are read from the sessions' data; nil means all users.
func (s *Store) ExpiredSessions(ctx context.Context, before time.Time, userIDs []string) iter.Seq2[Ref, error] {
	return pastDue(stream(ctx, s, func(l *Layout) (*engine.Query, error) {
		q, err := l.sessions(s.Now())
		if err != nil {
			return nil, err
		}
		if l.brief(q); userIDs == nil {
			q.Columns[1] = "null"
		}
		q.PageBy = l.pageKey(q.PageBy)
		q.And(l.Engine.Dated(l.Session().Column("expire_date"), "s.expire_date", "<", "%s"), l.timeArg(before))
		return q, nil
	}, func(l *Layout, r *engine.Row) (e expired) {
		v := scanSession(l, r)
		e.ref.Key = v.Key
		if e.is = isBefore(v.Expires, before); userIDs != nil {
			v.read(l)
			e.is = e.is && slices.Contains(userIDs, v.UserID)
		}
		return e
	}))
}

// ExpiredOutstanding yields the tokens that expired before a time. userIDs are the primary keys of their
// owners; nil means all users. A sliding token expires when it can no longer be refreshed, because without
// its row a blacklisted sliding token would be accepted again. A blacklisted token whose text does not show
// its type is treated as a sliding token.
func (s *Store) ExpiredOutstanding(ctx context.Context, before time.Time, userIDs []string, settings tokenctl.JWTSettings) iter.Seq2[Ref, error] {
	settings = settings.WithDefaults()
	longAgo := before.Add(-settings.SlidingTokenRefreshLifetime.Duration)
	judge := func(t *OutstandingToken) bool {
		summary, err := django.SummarizeUnverified(settings, t.Text.Reveal())
		switch {
		case !isBefore(t.Expires, before):
			return false
		case err != nil || summary.Type == "":
			return !t.Blacklisted || t.Expires.Before(longAgo)
		case summary.Type == "sliding" && !summary.RefreshExpires.IsZero():
			return summary.RefreshExpires.Before(before)
		}
		return true
	}
	condition := func(l *Layout, q *engine.Query) {
		q.And(l.Engine.Dated(l.Outstanding().Column("expires_at"), "o.expires_at", "<", "%s"), l.jwtTimeArg(before))
	}
	if userIDs != nil {
		rows := s.outstandingTokens(ctx, Filter{UserIDs: userIDs}, settings, func(t *OutstandingToken) (Facts, bool) { return Facts{}, judge(t) }, condition)
		return func(yield func(Ref, error) bool) {
			for t, err := range rows {
				if !yield(t.Ref(), err) {
					return
				}
			}
		}
	}
	return pastDue(stream(ctx, s, func(l *Layout) (*engine.Query, error) {
		o, err := l.usableTable("jwt")
		if err != nil {
			return nil, err
		}
		q := &engine.Query{Columns: l.outstandingColumns(), From: o.SQL() + " o", PageBy: l.pageKey("o.id")}
		condition(l, q)
		return q, nil
	}, func(l *Layout, r *engine.Row) expired {
		t := scanOutstandingRow(l.Outstanding(), r)
		return expired{t.Ref(), r.Err == nil && judge(&t)}
	}))
}

// DeleteExpired deletes the rows of a kind that the references name and that expired before a time, and
// returns their number. For JWTs it also deletes their entries of the blacklist.
func (tx *Tx) DeleteExpired(ctx context.Context, kind string, refs []Ref, before time.Time) (int64, error) {
	l := tx.Layout
	t, at := l.Credentials(kind), l.timeArgFor(kind, before)
	expired := func(alias, at string) string {
		return l.Engine.Dated(t.Column(t.expiry()), alias+"."+engine.Quote(t.expiry()), "<", at)
	}
	if kind == "jwt" {
		return tx.deleteOutstanding(ctx, refs, expired, at)
	}
	key := t.Column(kindTableOf(kind).required[0])
	return tx.deleteWhile(ctx, t, columnValues{"key", key, keyValues(refs)}, func(at string) string { return expired("t", at) }, at)
}

// DeleteOrphanTokens deletes the tokens of the references whose user still does not exist, and their entries
// of the blacklist. It returns the number of tokens.
func (tx *Tx) DeleteOrphanTokens(ctx context.Context, refs []Ref) (int64, error) {
	return tx.deleteOutstanding(ctx, refs, func(alias, _ string) string { return tx.Layout.Outstanding().ownerGone(alias) }, nil)
}

// deleteOutstanding is deleteWhile for tokens. It also deletes their entries of the blacklist.
func (tx *Tx) deleteOutstanding(ctx context.Context, refs []Ref, condition func(alias, at string) string, arg any) (int64, error) {
	o, rows := tx.Layout.Outstanding(), rowValues(refs)
	if b := tx.Layout.Blacklisted(); b != nil {
		theirs := func(at string) string {
			return "exists (select 1 from " + o.SQL() + " o where o.id = t.token_id and " + condition("o", at) + ")"
		}
		// Most tokens are not blacklisted, so a missed row is an error only if it still exists.
		if _, err := tx.deleteWhile(ctx, b, columnValues{"key", b.Column("token_id"), rows}, theirs, arg); err != nil {
			return 0, err
		}
	}
	return tx.deleteWhile(ctx, o, columnValues{"key", o.Column("id"), rows}, func(at string) string { return condition("t", at) }, arg)
}

// deleteWhile deletes the rows with the keys that still fulfil a condition, and returns their number. In the
// condition the table has the alias t, and at is the parameter arg.
func (tx *Tx) deleteWhile(ctx context.Context, t *Table, keys columnValues, condition func(at string) string, arg any) (int64, error) {
	key := "t." + engine.Quote(keys.column.Name)
	missed, err := tx.run(ctx, change{table: t, text: "delete from " + t.SQL() + " as t using n where " + key + " = n.key and " + condition("n.all"), same: arg, each: []columnValues{keys}})
	deleted := int64(len(keys.each) - len(missed))
	if err != nil || missed == nil {
		return deleted, err
	}
	q := &engine.Query{From: t.SQL() + " t"}
	q.And(condition("%s"), arg)
	return deleted, tx.noKeyKept(ctx, t, q, key, columnValues{"key", keys.column, Subset(keys.each, missed)})
}
