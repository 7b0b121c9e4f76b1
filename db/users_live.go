package db

import (
	"context"
	"strings"
	"time"

	"tokenctl/db/engine"
	"tokenctl/django"
)

// LiveCredentials is the number of live credentials of one kind that a user has.
type LiveCredentials struct {
	Kind string // "drf", "knox" or "jwt"
	Rows int
}

// LiveCredentials returns the number of live credentials that stay valid when a user's password changes, by
// the primary keys of the users. These are drf tokens, knox tokens that have not expired, and refresh and
// sliding JWTs that are neither expired nor blacklisted. It leaves out a kind if a user has none.
func (tx *Tx) LiveCredentials(ctx context.Context, users []User) (map[string][]LiveCredentials, error) {
	l := tx.Layout
	held := map[string][]LiveCredentials{}
	for _, k := range kindTables {
		if k.kind == "session" {
			continue // only the data of a session names its owner
		}
		from, condition, args := l.live(k.kind, tx.Now)
		if from == "" {
			continue
		}
		q := &engine.Query{From: from}
		q.And(condition, args...)
		if err := l.ownedBy(q, l.Credentials(k.kind), users); err != nil {
			return nil, err
		}
		const owner = "cast(t.user_id as text)"
		q = &engine.Query{Text: "select " + owner + ", count(*) from " + from + " where " + strings.Join(q.Where, " and ") + " group by " + owner, Args: q.Args}
		err := tx.Each(ctx, q, func(r engine.Row) error {
			id := l.User.keyText(r.Text())
			held[id] = append(held[id], LiveCredentials{k.kind, int(r.Integer())})
			return r.Err
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// live returns the table of a kind with the alias t, and the condition that a row is live. from is empty if
// the database has no such table for the users.
func (l *Layout) live(kind string, now time.Time) (from, condition string, args []any) {
	t := l.Credentials(kind)
	if t == nil || t.Column("user_id") == nil || !t.Owner.same(l.User) {
		return "", "", nil
	}
	condition = "1 = 1"
	if expiry := t.expiry(); expiry != "" {
		condition = l.Engine.Dated(t.Column(expiry), "t."+engine.Quote(expiry), "<=", "%s") + " is not true"
		args = []any{l.timeArgFor(kind, now)}
	}
	if kind == "jwt" {
		condition += " and not " + l.blacklistedCondition("t.id")
	}
	return t.SQL() + " t", condition, args
}

// UsersAmong returns the users that f selects, in the order of users.
func (tx *Tx) UsersAmong(ctx context.Context, users []User, f Filter) ([]User, error) {
	l := tx.Layout
	key := "u." + engine.Quote(l.User.Key)
	q := &engine.Query{Columns: []string{"cast(" + key + " as text)"}, From: l.User.From("u")}
	f.UserIDs = IDsOf(users)
	if err := f.whereOwner(l, l.User, q); err != nil {
		return nil, err
	}
	selected, err := tx.keySet(ctx, l.User, q)
	var among []User
	for _, u := range users {
		if selected[u.ID] {
			among = append(among, u)
		}
	}
	return among, err
}

// LastJWTExpiry returns the time at which the last recorded JWT of each user expires, by the primary keys of
// the users. A blacklisted JWT counts, too. It leaves out users without a recorded JWT.
func (tx *Tx) LastJWTExpiry(ctx context.Context, users []User) (map[string]time.Time, error) {
	l := tx.Layout
	last, t := map[string]time.Time{}, l.Outstanding()
	if t == nil || t.Owner == nil {
		return last, nil
	}
	keys, err := l.keysOf(t.Owner, users)
	if err != nil {
		return nil, err
	}
	q := &engine.Query{}
	q.OneOf(l.Engine, "t.user_id", keys)
	const owner = "cast(t.user_id as text)"
	q = &engine.Query{Text: "select " + owner + ", " + l.Engine.Time("max(t.expires_at)") + " from " + t.SQL() + " t where " + q.Condition() + " group by " + owner, Args: q.Args}
	err = tx.Each(ctx, q, func(r engine.Row) error {
		id := t.Owner.keyText(r.Text())
		last[id] = r.Moment(django.SimpleJWTTime, t, "expires_at")
		return r.Err
	})
	return last, err
}
