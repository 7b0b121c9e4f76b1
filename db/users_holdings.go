package db

import (
	"context"
	"slices"
)

// Holding is how many live credentials of one kind a user has.
type Holding struct {
	Kind string // "drf", "knox" or "jwt"
	Rows int
}

// Holdings counts the live credentials that a user's password does not govern:
// drf tokens, unexpired knox tokens, and refresh and sliding JWTs that are
// neither expired nor blacklisted. Kinds without any are left out.
func (tx *Tx) Holdings(ctx context.Context, u User) ([]Holding, error) {
	l := tx.Layout
	owner, ok := l.User.keyArg(l.Engine, u.ID)
	if !ok {
		return nil, nil
	}
	var list []Holding
	for _, kind := range []struct{ name, table string }{{"drf", tableAuthToken}, {"knox", tableKnox}, {"jwt", tableOutstanding}} {
		t := l.tables[kind.table]
		if t == nil || !l.User.owns(t.Column("user_id")) {
			continue
		}
		q := &query{columns: []string{"count(*)"}, from: t.SQL() + " t"}
		q.and("t.user_id = %s", owner)
		now := l.timeArg(tx.Now)
		if kind.name == "jwt" {
			now = l.jwtTimeArg(tx.Now)
		}
		// knox called the column expires before 4.0.
		for _, expiry := range []string{"expiry", "expires", "expires_at"} {
			if t.Column(expiry) != nil {
				q.and("(t."+quote(expiry)+" is null or t."+quote(expiry)+" > %s)", now)
			}
		}
		if blacklisted := l.tables[tableBlacklisted]; kind.name == "jwt" && blacklisted != nil {
			q.where = append(q.where, "not exists (select 1 from "+blacklisted.SQL()+" b where b.token_id = t.id)")
		}
		h := Holding{Kind: kind.name}
		if err := tx.each(ctx, q, func(r row) error { return r.Scan(&h.Rows) }); err != nil {
			return nil, err
		}
		if h.Rows > 0 {
			list = append(list, h)
		}
	}
	return list, nil
}

// owns reports whether a column can refer to these users: one without a
// foreign key may.
func (u *UserTable) owns(c *Column) bool {
	return c != nil && (c.refTable == "" || slices.ContainsFunc(append([]*Table{u.Table}, u.Children...), func(t *Table) bool {
		return t.Name == c.refTable && t.Schema == c.refSchema
	}))
}
