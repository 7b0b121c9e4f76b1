package db

import (
	"context"
	"strings"
	"time"
)

// Holding is how many live credentials of one kind a user has.
type Holding struct {
	Kind string // "drf", "knox" or "jwt"
	Rows int
}

// Holdings counts the live credentials that users' passwords do not govern, by the
// users' keys: drf tokens, unexpired knox tokens, and refresh and sliding JWTs that are
// neither expired nor blacklisted. Kinds without any are left out.
func (tx *Tx) Holdings(ctx context.Context, users []User) (map[string][]Holding, error) {
	l := tx.Layout
	held := map[string][]Holding{}
	for _, k := range kindTables {
		if k.kind == "session" {
			continue // only its data tell whose it is
		}
		from, condition, args := l.live(k.kind, tx.Now)
		if from == "" {
			continue
		}
		q := &query{from: from}
		q.and(condition, args...)
		if err := q.ownedBy(l, l.Credentials(k.kind), users); err != nil {
			return nil, err
		}
		const owner = "cast(t.user_id as text)"
		q = &query{text: "select " + owner + ", count(*) from " + from + " where " + strings.Join(q.where, " and ") + " group by " + owner, args: q.args}
		err := tx.each(ctx, q, func(r row) error {
			id := l.User.keyText(r.text())
			held[id] = append(held[id], Holding{k.kind, int(r.integer())})
			return r.err
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// live returns the table of a kind, under the alias t, and the condition on rows
// that live; no table where the database has none for these users.
func (l *Layout) live(kind string, now time.Time) (from, condition string, args []any) {
	t := l.Credentials(kind)
	if t == nil || t.Column("user_id") == nil || !t.Owner.same(l.User) {
		return "", "", nil
	}
	at := l.timeArg(now)
	if kind == "jwt" {
		at = l.jwtTimeArg(now)
	}
	condition = "1 = 1"
	// knox called the column expires before 4.0.
	for _, expiry := range []string{"expiry", "expires", "expires_at"} {
		if t.Column(expiry) != nil {
			condition += " and " + l.dated(t.Column(expiry), "t."+quote(expiry), "<=", "%s") + " is not true"
			args = append(args, at)
		}
	}
	if kind == "jwt" {
		condition += " and not " + l.isBlacklisted("t.id")
	}
	return t.SQL() + " t", condition, args
}

// UsersAmong returns those of the users whom f selects, in their order.
func (tx *Tx) UsersAmong(ctx context.Context, users []User, f Filter) ([]User, error) {
	l := tx.Layout
	key := "u." + quote(l.User.Key)
	q := &query{columns: []string{"cast(" + key + " as text)"}, from: l.User.From("u")}
	f.UserIDs = make([]string, len(users))
	for i, u := range users {
		f.UserIDs[i] = u.ID
	}
	if err := f.whereOwner(l, l.User, q); err != nil {
		return nil, err
	}
	selected := map[string]bool{}
	err := tx.each(ctx, q, func(r row) error {
		selected[l.User.keyText(r.text())] = true
		return r.err
	})
	var among []User
	for _, u := range users {
		if selected[u.ID] {
			among = append(among, u)
		}
	}
	return among, err
}
