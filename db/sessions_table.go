package db

import (
	"context"

	"tokenctl/db/engine"
)

// sessionTable is the [filteredTable] of Sessions.
type sessionTable struct {
	store  *Store
	filter Filter
}

func (t sessionTable) query(l *Layout) (*engine.Query, error) {
	f := &t.filter
	q, err := l.sessions(t.store.Now())
	if err == nil && f.UserIDs != nil {
		err = l.CheckOwner(l.Session())
	}
	if err == nil && l.Session().Owner != nil {
		err = f.needsNames(l.Session().Owner)
	}
	if err != nil {
		return nil, err
	}
	if f.AnyOrder && l.Session().Stored() {
		q.PageBy = l.pageKey("s.rowid") // in the order of the keys, the database would read pages at random
	}
	switch l.brief(q); {
	case l.Session().Masked() && f.Detailed:
		q.Columns = append(q.Columns, "s."+formColumn, "s."+halfColumn)
	case f.Compare:
		l.summed(q)
	}
	f.whereSession(l, q)
	return q, nil
}

// sorts implements filteredTable. An id is session: and the start of the key, so ids have the order of keys.
func (sessionTable) sorts(l *Layout, found string) map[string]string {
	key := l.Engine.Bytewise("s.session_key")
	return map[string]string{"id": key, "kind": key, "type": key, "created": key, "expires": l.Engine.KnownDate(l.Session().Column("expire_date"), "s.expire_date"),
		"user": l.Engine.Bytewise(l.Session().Owner.nameOf("sorting")), "user_id": found + ".owner", "status": l.Engine.Bytewise(found + ".status")}
}

func (sessionTable) users(l *Layout) *UserTable { return l.Session().Owner }

func (sessionTable) scan(l *Layout, r *engine.Row) Session { return scanSession(l, r) }

func (sessionTable) read(l *Layout, v *Session) { v.read(l) }

func (t sessionTable) findOwners(ctx context.Context, tx *Tx, page []Session, o *ownerSearch) error {
	return tx.sessionOwners(ctx, page, o, !t.filter.wholeOwner())
}

func (sessionTable) owner(v *Session) *User { return &v.User }

func (sessionTable) keyOf(v *Session) any {
	if v.bytes {
		return []byte(v.Key.Reveal())
	}
	return v.Key.Reveal()
}
