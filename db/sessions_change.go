package db

import (
	"context"
	"time"

	"tokenctl/django"
)

// LockSessions returns sessions as they are now, in their order, and keeps others
// from changing them. One that is gone or somebody else's is refused with
// CodeChanged. What an application keeps in a session may change with every
// request; that the key still lets the same user in is what makes it the one that
// was seen.
func (tx *Tx) LockSessions(ctx context.Context, seen []Session) ([]Session, Refusals, error) {
	q, err := tx.Layout.sessions()
	if err != nil {
		return nil, nil, err
	}
	places := make(map[string]int, len(seen))
	keys := make([]any, len(seen))
	for i, s := range seen {
		keys[i] = s.Key.Reveal()
		places[s.Key.Reveal()] = i
	}
	arg, err := tx.Layout.listArg(nil, keys)
	if err != nil {
		return nil, nil, err
	}
	lock := ""
	if tx.Layout.Engine == PostgreSQL {
		lock = " for update"
	}
	q.key = ""
	q.and(tx.Layout.anyOf("s.session_key", "%s")+lock, arg)
	now := make([]Session, len(seen))
	err = tx.each(ctx, q, func(r row) error {
		s := scanSession(&r)
		s.read(tx.Layout)
		if r.err == nil {
			now[places[s.Key.Reveal()]] = s
		}
		return r.err
	})
	if err != nil {
		return nil, nil, err
	}
	refused := Refusals{}
	for i := range now {
		if now[i].Key.IsZero() || now[i].UserID != seen[i].UserID {
			refused[i] = sessionChanged(seen[i])
		}
	}
	return now, refused, tx.owners(ctx, now, false)
}

// ReplaceSessions gives sessions that LockSessions returned new keys, as
// SessionBase.cycle_key does: the old keys are dead at once. A Django worker that
// is about to save a session under its old key finds no row to update. Where data
// is not nil it is the sessions' new data, and expires their new expiry.
func (tx *Tx) ReplaceSessions(ctx context.Context, old []Session, keys []django.Secret, data []string, expires time.Time) ([]Session, error) {
	t := tx.Layout.Session()
	list := make([]Session, len(old))
	seen := make([]django.Secret, len(old))
	for i, s := range old {
		seen[i], list[i] = s.Key, s
		list[i].Key = keys[i]
	}
	c := change{each: []given{{"fresh", t.Column("session_key"), revealed(keys)}, {"seen", t.Column("session_key"), revealed(seen)}}}
	set := "session_key = n.fresh"
	if data != nil {
		expires = expires.UTC().Truncate(time.Microsecond)
		texts := make([]any, len(data))
		for i, text := range data {
			texts[i] = text
			list[i].Data, list[i].Expires = text, expires
		}
		set += ", session_data = n.text, expire_date = n.all"
		c.same = tx.Layout.timeArg(expires)
		c.each = append(c.each, given{"text", t.Column("session_data"), texts})
	}
	c.text = "update " + t.SQL() + " as t set " + set + " from n where t.session_key = n.seen"
	refused, err := tx.changeEach(ctx, c, func(i int) error { return sessionChanged(old[i]) })
	return list, only(refused, err)
}

// DeleteSessions removes sessions. One that is no longer what was seen is refused
// with CodeChanged.
func (tx *Tx) DeleteSessions(ctx context.Context, seen []Session) (Refusals, error) {
	changed, err := tx.deleteUnchanged(ctx, seen)
	if err != nil || len(changed) == 0 {
		return nil, err
	}
	rest := make([]Session, len(changed))
	for i, place := range changed {
		rest[i] = seen[place]
	}
	_, missed, err := tx.LockSessions(ctx, rest)
	if err != nil {
		return nil, err
	}
	var keys []any
	refused := Refusals{}
	for i, s := range rest {
		if missed[i] == nil {
			keys = append(keys, s.Key.Reveal())
		} else {
			refused[changed[i]] = missed[i]
		}
	}
	arg, err := tx.Layout.listArg(nil, keys)
	if err != nil {
		return nil, err
	}
	return refused, tx.exec(ctx, "delete from "+tx.Layout.Session().SQL()+" where "+tx.Layout.anyOf("session_key", "$1"), arg)
}

// deleteUnchanged removes those of the sessions that stand where they stood with
// the data that they had, so that nobody need read the data again, and returns the
// places of the others in the list.
func (tx *Tx) deleteUnchanged(ctx context.Context, seen []Session) (changed []int, err error) {
	places := knownPlaces(seen, func(s *Session) Place { return s.Place })
	keys, sums := make([]any, len(seen)), make([]any, len(seen))
	for i, s := range seen {
		keys[i], sums[i] = s.Key.Reveal(), s.Sum
		changed = append(changed, i)
	}
	if places == nil {
		return changed, nil
	}
	t := tx.Layout.Session()
	return tx.changeFound(ctx, change{text: "delete from " + t.SQL() + " as t using n where t.session_key = n.seen and " + sessionSum("t") + " = n.sum",
		each: []given{{"seen", t.Column("session_key"), keys}, {"sum", &Column{Type: "int8"}, sums}}, places: places})
}

// sessionSum is PostgreSQL's hash of a session's data.
func sessionSum(table string) string { return "hashtextextended(" + table + ".session_data, 0)" }

// DeleteSession is DeleteSessions for one.
func (tx *Tx) DeleteSession(ctx context.Context, seen Session) error {
	return only(tx.DeleteSessions(ctx, []Session{seen}))
}
