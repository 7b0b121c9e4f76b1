package db

import (
	"context"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
)

// The application may change the data of a session with every request. For a change a session is still the same if it
// has the same key and the same user.

// LockSessions locks the sessions of the references until the transaction ends, and returns them as they are now, in
// the order of the references. The outcomes are of those that are gone or have another owner.
func (tx *Tx) LockSessions(ctx context.Context, refs []Ref) ([]Session, Outcomes, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, nil, err
	}
	q.Among(tx.Layout.Engine, "s.session_key", "text", keyValues(refs))
	if tx.Layout.Engine == engine.PostgreSQL {
		q = &engine.Query{Text: q.SQL() + " for update", Args: q.Args}
	}
	indexes := make(map[string]int, len(refs))
	for i := range refs {
		indexes[refs[i].Key.Reveal()] = i
	}
	now := make([]Session, len(refs))
	err = tx.Each(ctx, q, func(r engine.Row) error {
		s := scanSession(tx.Layout, &r)
		s.read(tx.Layout)
		if index, asked := indexes[s.Key.Reveal()]; asked && r.Err == nil {
			now[index] = s
		}
		return r.Err
	})
	if err != nil {
		return nil, nil, err
	}
	outcomes := Outcomes{}
	var missing []any
	for i := range now {
		switch {
		case now[i].Key.IsZero():
			outcomes[i] = Gone
			missing = append(missing, refs[i].Key.Reveal())
		case now[i].UserID != refs[i].Owner:
			outcomes[i] = ChangedMeanwhile
		}
	}
	if missing != nil {
		// Row security can hide from a lock what it shows.
		t := tx.Layout.Session()
		if err := tx.noKeyKept(ctx, t, &engine.Query{From: t.SQL() + " s"}, "s.session_key", columnValues{"key", textColumn, missing}); err != nil {
			return nil, nil, err
		}
	}
	return now, outcomes, tx.owners(ctx, now)
}

// ReplaceSessions gives new keys to sessions that LockSessions returned, as SessionBase.cycle_key does. The old keys
// are dead at once: a Django worker that saves a session under its old key finds no row to update. If data is not
// nil, the sessions also get this data and the expiry expires.
func (tx *Tx) ReplaceSessions(ctx context.Context, old []Session, keys []tokenctl.Secret, data []string, expires time.Time) ([]Session, error) {
	t := tx.Layout.Session()
	list := make([]Session, len(old))
	refs := make([]Ref, len(old))
	for i, s := range old {
		refs[i].Key, list[i] = s.Key, s
		list[i].Key = keys[i]
	}
	c := change{table: t, each: []columnValues{{"key", t.Column("session_key"), keyValues(refs)}, {"fresh", t.Column("session_key"), revealed(keys)}},
		changed: "t.session_key = n.fresh"}
	set := "session_key = n.fresh"
	if data != nil {
		expires = expires.UTC().Truncate(time.Microsecond)
		for i, text := range data {
			list[i].Data, list[i].Expires = text, expires
		}
		set += ", session_data = n.text, expire_date = n.all"
		c.same = tx.Layout.timeArg(expires)
		c.each = append(c.each, columnValues{"text", t.Column("session_data"), engine.Anys(data)})
	}
	c.text = "update " + t.SQL() + " as t set " + set + " from n where t.session_key = n.key"
	return list, tx.runAll(ctx, c)
}

// ExpireSessions gives another expiry to sessions that LockSessions returned, and new data to those whose data is not
// empty. It returns the expiry of each session: if tokenctl made the session, the expiry is a marked time.
func (tx *Tx) ExpireSessions(ctx context.Context, old []Session, data []string, end time.Time) ([]time.Time, error) {
	if len(old) == 0 {
		return nil, nil
	}
	t := tx.Layout.Session()
	refs := make([]Ref, len(old))
	ends := make([]time.Time, len(old))
	until := make([]any, len(old))
	for i := range old {
		refs[i].Key = old[i].Key
		if ends[i] = end.UTC().Truncate(time.Microsecond); old[i].Marked() {
			ends[i] = markedTime(ends[i])
		}
		until[i] = tx.Layout.timeText(ends[i])
	}
	return ends, tx.runAll(ctx, change{table: t, text: "update " + t.SQL() + " as t set expire_date = " + tx.until(t.Column("expire_date")) +
		", session_data = coalesce(nullif(n.text, ''), t.session_data) from n where t.session_key = n.key",
		each: []columnValues{{"key", t.Column("session_key"), keyValues(refs)}, {"until", textColumn, until}, {"text", textColumn, engine.Anys(data)}}})
}

// DeleteSessions deletes sessions. On PostgreSQL it first deletes those whose data is unchanged, by its hash. It
// locks and reads the others, because only their data shows whether they still belong to the same user.
func (tx *Tx) DeleteSessions(ctx context.Context, refs []Ref) (Outcomes, error) {
	t := tx.Layout.Session()
	text := "delete from " + t.SQL() + " as t using n where t.session_key = n.key"
	rest := make([]int, len(refs))
	for i := range rest {
		rest[i] = i
	}
	var err error
	if tx.Layout.Engine == engine.PostgreSQL {
		if rest, err = tx.run(ctx, change{table: t, text: text + " and " + sessionSum("t") + " = n.sum",
			each: []columnValues{{"key", t.Column("session_key"), keyValues(refs)}, {"sum", &engine.Column{Type: "int8"}, rowValues(refs)}}}); err != nil || rest == nil {
			return nil, err
		}
	}
	now, outcomes, err := tx.LockSessions(ctx, Subset(refs, rest))
	if err != nil {
		return nil, err
	}
	list := Outcomes{}
	var theirs []Ref
	for i, index := range rest {
		if outcomes[i] != Changed {
			list[index] = outcomes[i]
		} else {
			theirs = append(theirs, Ref{Key: now[i].Key})
		}
	}
	if theirs == nil {
		return list, nil
	}
	return list, tx.runAll(ctx, change{table: t, text: text, each: []columnValues{{"key", t.Column("session_key"), keyValues(theirs)}}})
}

// sessionSum is PostgreSQL's hash of a session's data.
func sessionSum(table string) string {
	return "hashtextextended(coalesce(" + table + ".session_data, ''), 0)"
}

// DeleteSessionsWhere deletes the sessions that f selects by their expiry, and returns their number. f must not have
// conditions on owners, whom the database does not know.
func (tx *Tx) DeleteSessionsWhere(ctx context.Context, f Filter) (int64, error) {
	t, err := tx.Layout.usableTable("session")
	if err != nil {
		return 0, err
	}
	q := &engine.Query{From: t.SQL() + " s"}
	f.whereSession(tx.Layout, q)
	return tx.changeWhere(ctx, t, "delete from "+t.SQL()+" as s where "+q.Condition(), "s.session_key", q, "s.session_key")
}

// InsertSessions adds a session for each user. The zero User stands for a session without an owner, which is
// possible because the table has no column for the owner.
func (tx *Tx) InsertSessions(ctx context.Context, users []User, keys []tokenctl.Secret, data []string, expires time.Time, further Further) ([]Session, error) {
	l := tx.Layout
	values, err := l.newValues("session", users, further)
	if err != nil {
		return nil, err
	}
	expires = markedTime(expires.UTC())
	list := make([]Session, len(users))
	for i, u := range users {
		list[i] = Session{Key: keys[i], Data: data[i], Expires: expires, UserID: u.ID, User: u}
	}
	values = append(values, engine.Values{Column: "session_key", Each: revealed(keys)},
		engine.Values{Column: "session_data", Each: engine.Anys(data)}, engine.Values{Column: "expire_date", Same: l.timeArg(expires)})
	return list, l.Session().furtherError(tx.InsertAll(ctx, len(list), l.Session().Table, values...), further)
}

// UpdateSession writes new data and a new expiry into the session with this key, whoever its owner is. It reports
// whether the session exists. Django does the same in SessionStore.save without must_create
// (django/contrib/sessions/backends/db.py, 4.2).
func (tx *Tx) UpdateSession(ctx context.Context, key tokenctl.Secret, data string, expires time.Time) (found bool, err error) {
	l := tx.Layout
	if _, err := l.usableTable("session"); err != nil {
		return false, err
	}
	n, err := tx.ExecRows(ctx, "update "+l.Session().SQL()+" set session_data = $1, expire_date = $2 where session_key = $3",
		data, l.timeArg(expires), key.Reveal())
	return n > 0, err
}

// DropSession deletes the session with this key, if it exists. Django does the same in SessionStore.delete
// (django/contrib/sessions/backends/db.py, 4.2).
func (tx *Tx) DropSession(ctx context.Context, key tokenctl.Secret) error {
	if _, err := tx.Layout.usableTable("session"); err != nil {
		return err
	}
	return tx.Exec(ctx, "delete from "+tx.Layout.Session().SQL()+" where session_key = $1", key.Reveal())
}
