package db

import (
	"context"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// outstandingTable is the [filteredTable] of OutstandingTokens.
type outstandingTable struct {
	filter   Filter
	settings tokenctl.JWTSettings
	brief    bool                         // only the columns of an owner that every list needs: see wholeOwner
	narrow   func(*Layout, *engine.Query) // adds further conditions to the query
}

func (t outstandingTable) query(l *Layout) (*engine.Query, error) {
	q, err := l.outstandingQuery(t.brief)
	if err == nil {
		err = t.filter.needsNames(l.Outstanding().Owner)
	}
	if err != nil {
		return nil, err
	}
	if t.filter.Used {
		q.Columns = append(q.Columns, l.Engine.Time(l.blacklistedAt("o.id")))
	}
	t.narrow(l, q)
	return q, t.filter.whereOutstanding(l, q)
}

func (outstandingTable) sorts(l *Layout, found string) map[string]string {
	id := l.Engine.Bytewise("o.jti")
	field := func(name string) string { return l.Engine.Bytewise(found + "." + name) }
	return map[string]string{"id": id, "kind": id, "user": l.Engine.Bytewise(l.Outstanding().Owner.nameOf("sorting")), "user_id": found + ".owner",
		"created": field("created"), "expires": field("expires"), "status": field("status"), "type": field("type")}
}

func (outstandingTable) users(l *Layout) *UserTable { return l.Outstanding().Owner }

func (t outstandingTable) scan(l *Layout, r *engine.Row) OutstandingToken {
	v := scanOutstanding(l, r, t.brief)
	if t.filter.Used {
		v.BlacklistedAt = r.Moment(django.DjangoTime, l.Outstanding().Table, "blacklisted_at")
	}
	return v
}

func (t outstandingTable) read(_ *Layout, v *OutstandingToken) { v.read(t.settings) }

func (t outstandingTable) findOwners(ctx context.Context, tx *Tx, page []OutstandingToken, o *ownerSearch) error {
	return tx.outstandingOwners(ctx, page, o, t.settings, t.brief)
}

func (outstandingTable) owner(v *OutstandingToken) *User { return &v.User }

func (outstandingTable) keyOf(v *OutstandingToken) any { return v.Row }
