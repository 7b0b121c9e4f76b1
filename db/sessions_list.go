package db

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// SessionRead is what a list of sessions needs to know besides its filter, and
// what it tells besides its rows.
type SessionRead struct {
	Status     func(*Session) string // decides about Filter.Statuses, and the order by status
	Unreadable *int                  // if given, counts the rows whose data cannot be read, selected or not
}

// sessionList is a list of sessions while it is read. Only the session's data
// tells its owner, so whatever depends on the owner is decided here, a page at a
// time, and never by the database alone.
type sessionList struct {
	store   *Store
	filter  Filter
	read    SessionRead
	owners  map[string]bool // the filter's UserIDs
	yield   func(Session) error
	left    int // of the limit
	filling bool
}

// Sessions yields the sessions that f selects, by key where f neither sorts nor wants
// places.
func (s *Store) Sessions(ctx context.Context, f Filter, read SessionRead) iter.Seq2[Session, error] {
	// Here it is choose that looks at the owner's rights.
	f.Brief = f.Brief && f.Staff == nil && f.Superuser == nil
	return func(yield func(Session, error) bool) {
		stopped := false
		l := &sessionList{store: s, filter: f, read: read, left: f.Limit, owners: map[string]bool{}}
		for _, id := range f.UserIDs {
			l.owners[id] = true
		}
		l.yield = func(v Session) error {
			l.left--
			if stopped = !yield(v, nil) || l.left == 0; stopped {
				return errStop
			}
			return nil
		}
		run := l.postgres
		if s.Engine == SQLite {
			run = l.sqlite
		}
		if err := run(ctx); err != nil && !stopped {
			yield(Session{}, err)
		}
	}
}

// query is the select of the rows that may be of interest.
func (l *sessionList) query(layout *Layout) (*query, error) {
	q, err := layout.sessions()
	if err != nil {
		return nil, err
	}
	q.brief()
	l.placed(layout, q)
	l.filter.whereSession(layout, q)
	if l.byOwner() {
		return q, nil // sorted later
	}
	return q, l.sort(layout, q)
}

// whereSession adds those of a filter's conditions that the database can decide.
func (f *Filter) whereSession(layout *Layout, q *query) {
	if !f.ExpiresBefore.IsZero() {
		q.and("s.expire_date < %s", layout.timeArg(f.ExpiresBefore))
	}
	if !f.ExpiresAfter.IsZero() {
		q.and("s.expire_date > %s", layout.timeArg(f.ExpiresAfter))
	}
}

// placed selects what DeleteSessions finds unchanged rows by.
func (l *sessionList) placed(layout *Layout, q *query) {
	if l.filter.Places && layout.Engine == PostgreSQL {
		q.placed(layout, "s")
		q.columns = append(q.columns, sessionSum("s"))
		q.key = "" // see KnoxTokens
	}
}

func (l *sessionList) sort(layout *Layout, q *query) error {
	// An id is session:KEY… with the start of the key, so the key orders as it.
	key := layout.bytewise("s.session_key")
	return l.filter.sortBy(layout, q, key, map[string]string{"id": key, "kind": key, "type": key, "created": key, "expires": "s.expire_date",
		"user": layout.bytewise("u." + quote(layout.User.Username)), "user_id": "o.owner", "status": "o.status"})
}

// byOwner reports whether the order depends on what only the data tells.
func (l *sessionList) byOwner() bool {
	return slices.Contains([]string{"user", "user_id", "status"}, l.filter.Sort)
}

// sorted is the query for the rows whose owners stand in the temporary table.
func (l *sessionList) sorted(layout *Layout, table string) (*query, error) {
	q, err := layout.sessions()
	if err != nil {
		return nil, err
	}
	u := layout.User
	q.brief().from = table + " o join " + q.from + " on s.session_key = o.session_key left join " + u.SQL() + " u on u." + quote(u.Key) + " = o.owner"
	l.placed(layout, q)
	return q, l.sort(layout, q)
}

// choose keeps of a page what the filter selects.
func (l *sessionList) choose(page []Session) []Session {
	n := 0
	for i := range page {
		if !l.wants(&page[i]) {
			continue
		}
		if n < i {
			page[n] = page[i]
		}
		n++
	}
	return page[:n]
}

func (l *sessionList) wants(s *Session) bool {
	f := &l.filter
	if s.Problem != nil && l.read.Unreadable != nil && (l.filling || !l.byOwner()) {
		*l.read.Unreadable++
	}
	u := &s.User
	is := func(flag, want *bool) bool { return want == nil || *want == (flag != nil && *flag) }
	switch {
	case f.UserIDs != nil && !l.owners[u.ID]:
	case u.ID == "" && (f.Active != nil || f.Staff != nil || f.Superuser != nil || f.Prefix != ""):
	case f.Active != nil && *f.Active != u.Active():
	case !is(u.IsStaff, f.Staff) || !is(u.IsSuperuser, f.Superuser) || !strings.HasPrefix(u.Username, f.Prefix):
	case f.Statuses != nil && !slices.Contains(f.Statuses, l.read.Status(s)):
	default:
		return true
	}
	return false
}

func (l *sessionList) emit(page []Session) error {
	page = l.choose(page)
	for i := range page {
		if err := l.yield(page[i]); err != nil {
			return err
		}
	}
	return nil
}

// fill notes the owners of the selected sessions of a page in the temporary
// table.
func (l *sessionList) fill(ctx context.Context, tx *Tx, table string, page []Session) error {
	l.filling = true
	defer func() { l.filling = false }()
	var keys, statuses []string
	var owners []*string
	var rows [][3]any
	for _, s := range l.choose(page) {
		status := l.read.Status(&s)
		arg, ok := tx.Layout.sessionOwner(s.UserID)
		if tx.Layout.Engine == SQLite {
			if !ok {
				arg = nil
			}
			rows = append(rows, [3]any{s.Key.Reveal(), arg, status})
			continue
		}
		var owner *string
		if ok {
			owner = &s.UserID
		}
		keys, owners, statuses = append(keys, s.Key.Reveal()), append(owners, owner), append(statuses, status)
	}
	if tx.Layout.Engine == SQLite {
		text, err := json.Marshal(rows)
		if err != nil || rows == nil {
			return err
		}
		return tx.exec(ctx, "insert into "+table+" select value ->> 0, value ->> 1, value ->> 2 from json_each($1)", string(text))
	}
	key := map[KeyType]string{KeyInteger: "bigint", KeyUUID: "uuid", KeyText: "text"}[tx.Layout.User.KeyType]
	return tx.exec(ctx, "insert into "+table+" select k, cast(o as "+key+"), s from unnest($1::text[], $2::text[], $3::text[]) as x (k, o, s)", keys, owners, statuses)
}

// postgres reads through a cursor: the rows' owners are looked up on the one
// connection that the transaction has. An order that depends on the owners
// takes a temporary table, which a read-only transaction cannot make.
func (l *sessionList) postgres(ctx context.Context) error {
	return l.store.transact(ctx, mode{readOnly: !l.byOwner(), unlimited: true}, func(tx *Tx) error {
		q, err := l.query(tx.Layout)
		if err != nil {
			return err
		}
		if l.byOwner() {
			const table = "pg_temp.tokenctl_owners"
			u := tx.Layout.User
			err := tx.exec(ctx, "create temporary table tokenctl_owners on commit drop as select s.session_key, u."+quote(u.Key)+" as owner, cast('' as text) as status from "+
				tx.Layout.Session().SQL()+" s, "+u.SQL()+" u with no data")
			if err != nil {
				return err
			}
			if err := l.cursor(ctx, tx, q, func(page []Session) error { return l.fill(ctx, tx, table, page) }); err != nil {
				return err
			}
			if err := tx.exec(ctx, "close tokenctl_sessions"); err != nil {
				return err
			}
			if q, err = l.sorted(tx.Layout, table); err != nil {
				return err
			}
		}
		return l.cursor(ctx, tx, q, l.emit)
	})
}

// cursor calls f for the result of q, a page at a time. Whatever the server works
// on, the data of the page before are decoded here meanwhile.
func (l *sessionList) cursor(ctx context.Context, tx *Tx, q *query, f func(page []Session) error) error {
	if err := tx.exec(ctx, "declare tokenctl_sessions no scroll cursor for "+q.sql(), q.args...); err != nil {
		return err
	}
	fetch := &query{text: "fetch " + strconv.Itoa(pageSize) + " from tokenctl_sessions"}
	var owners ownerSearch
	var next []Session
	page, err := tx.fetchSessions(ctx, fetch, nil, nil)
	wait := tx.decode(page)
	defer func() { wait() }()
	for err == nil && len(page) > 0 {
		if next = next[:0]; len(page) == pageSize {
			if next, err = tx.fetchSessions(ctx, fetch, next, nil); err != nil {
				return err
			}
		}
		wait()
		wait = tx.decode(next)
		if err := owners.find(ctx, tx, page, l.filter.Brief); err != nil {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		page, next = next, page
	}
	return err
}
