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
		q.Columns, q.PageBy = []string{"t.digest", t.Column(t.knoxExpiry()).Expr(l.Engine.Time("t.%s"))}, l.pageKey("t.digest")
		return q, nil
	}, func(l *Layout, r *engine.Row) (e expired) {
		t := l.Knox()
		e.ref.Key = tokenctl.NewSecret(r.Stored(t, "digest"))
		e.is = isBefore(r.Moment(django.DjangoTime, t, t.knoxExpiry()), before)
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
		if brief(q); userIDs == nil {
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
		o, err := l.credentials("jwt")
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

// DeleteExpiredKnox deletes the tokens of the references that expired before a time, and returns their
// number.
func (tx *Tx) DeleteExpiredKnox(ctx context.Context, refs []Ref, before time.Time) (int64, error) {
	t := tx.Layout.Knox()
	return tx.deleteExpired(ctx, t, columnValues{"key", t.Column("digest"), keyValues(refs)}, t.knoxExpiry(), tx.Layout.timeArg(before))
}

// DeleteExpiredSessions is [Tx.DeleteExpiredKnox] for sessions.
func (tx *Tx) DeleteExpiredSessions(ctx context.Context, refs []Ref, before time.Time) (int64, error) {
	t := tx.Layout.Session()
	return tx.deleteExpired(ctx, t, columnValues{"key", t.Column("session_key"), keyValues(refs)}, "expire_date", tx.Layout.timeArg(before))
}

// DeleteExpiredOutstanding is [Tx.DeleteExpiredKnox] for JWTs. It also deletes their entries of the
// blacklist.
func (tx *Tx) DeleteExpiredOutstanding(ctx context.Context, refs []Ref, before time.Time) (int64, error) {
	l := tx.Layout
	o, at := l.Outstanding(), l.jwtTimeArg(before)
	rows := columnValues{"key", o.Column("id"), rowValues(refs)}
	past := func(at string) string { return l.Engine.Dated(o.Column("expires_at"), "o.expires_at", "<", at) }
	if b := l.Blacklisted(); b != nil {
		// Most tokens are not blacklisted, so a missed row is an error only if it still exists.
		missed, err := tx.run(ctx, change{table: b, text: "delete from " + b.SQL() + " as t using n where t.token_id = n.key and exists (select 1 from " + o.SQL() +
			" o where o.id = n.key and " + past("n.all") + ")", same: at, each: []columnValues{rows}})
		if err == nil && missed != nil {
			q := &engine.Query{From: b.SQL() + " t"}
			q.And("exists (select 1 from "+o.SQL()+" o where o.id = t.token_id and "+past("%s")+")", at)
			err = tx.noneLeft(ctx, b, q, "t.token_id", columnValues{"key", o.Column("id"), subset(rows.each, missed)})
		}
		if err != nil {
			return 0, err
		}
	}
	return tx.deleteExpired(ctx, o, rows, "expires_at", at)
}

// DeleteOrphanTokens deletes the tokens of the references whose user still does not exist, and their entries
// of the blacklist. It returns the number of tokens.
func (tx *Tx) DeleteOrphanTokens(ctx context.Context, refs []Ref) (int64, error) {
	l := tx.Layout
	o := l.Outstanding()
	rows := columnValues{"key", o.Column("id"), rowValues(refs)}
	if b := l.Blacklisted(); b != nil {
		_, err := tx.run(ctx, change{table: b, text: "delete from " + b.SQL() + " as t using n where t.token_id = n.key and exists (select 1 from " + o.SQL() +
			" o where o.id = n.key and " + o.ownerGone("o") + ")", each: []columnValues{rows}})
		if err != nil {
			return 0, err
		}
	}
	missed, err := tx.run(ctx, change{table: o, text: "delete from " + o.SQL() + " as t using n where t.id = n.key and " + o.ownerGone("t"), each: []columnValues{rows}})
	deleted := int64(len(refs) - len(missed))
	if err != nil || missed == nil {
		return deleted, err
	}
	q := &engine.Query{From: o.SQL() + " t", Where: []string{o.ownerGone("t")}}
	return deleted, tx.noneLeft(ctx, o, q, "t.id", columnValues{"key", o.Column("id"), subset(rows.each, missed)})
}

func (tx *Tx) deleteExpired(ctx context.Context, t *Table, keys columnValues, expiry string, before any) (int64, error) {
	key := "t." + engine.Quote(keys.column.Name)
	past := func(at string) string {
		return tx.Layout.Engine.Dated(t.Column(expiry), "t."+engine.Quote(expiry), "<", at)
	}
	missed, err := tx.run(ctx, change{table: t, text: "delete from " + t.SQL() + " as t using n where " + key + " = n.key and " + past("n.all"), same: before, each: []columnValues{keys}})
	deleted := int64(len(keys.each) - len(missed))
	if err != nil || missed == nil {
		return deleted, err
	}
	q := &engine.Query{From: t.SQL() + " t"}
	q.And(past("%s"), before)
	return deleted, tx.noneLeft(ctx, t, q, key, columnValues{"key", keys.column, subset(keys.each, missed)})
}

// noneLeft returns an error if q finds rows with one of the keys: the database kept them.
func (tx *Tx) noneLeft(ctx context.Context, t *Table, q *engine.Query, key string, keys columnValues) error {
	q.Columns = []string{"count(*)"}
	q.Among(tx.Layout.Engine, key, keys.column.Type, keys.each)
	var n int64
	err := tx.Scan(ctx, q, &n)
	if err == nil && n > 0 {
		err = kept(t, n)
	}
	return err
}
