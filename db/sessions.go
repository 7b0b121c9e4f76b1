package db

import (
	"context"
	"iter"
	"strconv"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Session is a row of the table of django.contrib.sessions, or a session of a cache. Its key is the secret.
type Session struct {
	Key       tokenctl.Secret
	Data      string // session_data; in a list, empty if the data is too large to be read
	Expires   time.Time
	Live      bool // Django's query finds the row, even if tokenctl cannot read its expire_date
	Login     django.SessionLogin
	UserID    string // the owner's key, from the data, as a user's key is printed; empty: no owner, or unreadable
	User      User   // zero: the owner does not exist
	Problem   error  // the reason why the data cannot be read: one of the errors ErrSession… of package django
	BadValues []engine.BadValue
	Cached    bool       // the session is in a cache, and tokenctl knows no row
	Copy      *Session   // the row's copy in a cache; if it can be read, Login, UserID and User are from it
	Masked    *MaskedKey // nil: Key is the whole key, or the query did not read its form
	bytes     bool       // the key is stored as bytes
	Sum       int64      // on PostgreSQL, a hash of the data; see Filter.Compare
}

// Ref returns a reference to the row.
func (s *Session) Ref() Ref { return Ref{Key: s.Key, Row: s.Sum, Owner: s.UserID} }

// maxSessionData is larger than any session_data that [django.DecodeSession] reads. A list does not read larger
// data from the database.
const maxSessionData = 2 << 20

// sessions returns the query for sessions. The table has no column for the owner; now decides whether a session
// is live.
func (l *Layout) sessions(now time.Time) (*engine.Query, error) {
	t, err := l.usableTable("session")
	if err != nil {
		return nil, err
	}
	q := &engine.Query{From: t.SQL() + " s", PageBy: "s.session_key"}
	live := "false"
	if l.Engine.Dates(t.Column("expire_date")) {
		live = q.Expr("s.expire_date > %s", l.timeArg(now))
	}
	q.Columns = []string{"s.session_key", "coalesce(s.session_data, '')", l.Engine.Time("s.expire_date"), live}
	return q, nil
}

// brief makes a query return null instead of data that is too large to be read.
func (l *Layout) brief(q *engine.Query) *engine.Query {
	limit := strconv.Itoa(maxSessionData)
	data := "case when octet_length(coalesce(s.session_data, '')) <= " + limit + " then coalesce(s.session_data, '') end"
	if l.Engine == engine.PostgreSQL && l.Session().Column("session_data").Type == "text" {
		// PostgreSQL's planner assumes 32 bytes for a text of unknown length. It would then sort the whole table
		// instead of reading the index of the keys, and a list would begin late.
		data = "cast(" + data + " as varchar(" + limit + "))"
	}
	q.Columns[1] = data
	return q
}

// summed adds the hash of the data to a query on PostgreSQL.
func (l *Layout) summed(q *engine.Query) {
	if l.Engine == engine.PostgreSQL {
		q.Columns = append(q.Columns, sessionSum("s"))
	}
}

func scanSession(l *Layout, r *engine.Row) Session {
	t := l.Session()
	s := Session{bytes: r.IsBytes()}
	s.Key = tokenctl.NewSecret(r.Stored(t, "session_key"))
	bytes := r.IsBytes()
	data, ok := r.TextOrNull()
	s.Expires = r.Moment(django.DjangoTime, t, "expire_date")
	if live := r.Flag(); live != nil {
		s.Live = *live
	}
	s.BadValues = r.BadValues
	if s.Data = data; !ok {
		s.Problem = django.ErrSessionTooLarge
	}
	if bytes && data != "" {
		s.Problem = django.ErrSessionCorrupt // signing.loads does not accept bytes
	}
	switch {
	case t.Masked(): // nobody can change a row of a view, so the query has no hash
		if r.Left() > 1 {
			s.Masked = scanMasked(r)
		}
	case l.Engine == engine.PostgreSQL && r.Left() > 0: // see summed
		s.Sum = r.Integer()
	}
	return s
}

// read sets the login and the user id from the data.
func (s *Session) read(l *Layout) {
	if s.Problem != nil {
		return
	}
	s.Login, s.Problem = django.ReadSessionLogin(s.Data)
	s.own(l)
}

// own sets the user id from the login, in the form of the keys in the table of users.
func (s *Session) own(l *Layout) {
	s.UserID = s.Login.UserID
	if s.Problem == nil && s.UserID != "" && l.Session().Owner == nil {
		s.Problem = l.userProblem
	}
	if arg, ok := l.sessionOwner(s.UserID); ok {
		s.UserID = keyString(l.Session().Owner, arg)
	}
}

// sessionOwner is keyArg for the _auth_user_id of a session, which may be any text.
func (l *Layout) sessionOwner(id string) (arg any, ok bool) {
	u := l.Session().Owner
	if id == "" || u == nil {
		return nil, false
	}
	return u.keyArg(l.Engine, id)
}

// Sessions yields the sessions that f and decide select, sorted as in f, or by key. It calls note for each row
// that it reads, also for rows that f does not select.
func (s *Store) Sessions(ctx context.Context, f Filter, note func(*Session), decide Classify[Session]) iter.Seq2[Session, error] {
	d := &filteredList[Session]{store: s, filter: f, classify: decide, note: note,
		table: sessionTable{s, f}, name: "sessions", key: "s.session_key", goSorts: []string{"user", "user_id", "status"}}
	return d.rows(ctx)
}

// whereSession adds the conditions of a filter that the database can check.
func (f *Filter) whereSession(l *Layout, q *engine.Query) {
	c := l.Session().Column("expire_date")
	l.between(q, c, "s.expire_date", f.ExpiresAfter, f.ExpiresBefore)
	if f.Unexpired != nil {
		q.And(l.Engine.Unexpired(c, "s.expire_date"), l.timeArg(*f.Unexpired))
	}
}

// owners sets the owners of sessions.
func (tx *Tx) owners(ctx context.Context, page []Session) error {
	return tx.sessionOwners(ctx, page, new(ownerSearch), false)
}

func (tx *Tx) sessionOwners(ctx context.Context, page []Session, o *ownerSearch, brief bool) error {
	users := tx.Layout.Session().Owner
	if users == nil {
		return nil // own has set Problem
	}
	o.ask(len(page), func(i int) string { return page[i].UserID })
	// Judging a session takes the hash of the owner's password: Django makes the auth hash from it.
	if err := o.find(ctx, tx, users, users, brief, true); err != nil {
		return err
	}
	for i := range page {
		page[i].User, _ = o.user(page[i].UserID)
	}
	return nil
}

// readSessions returns the sessions of a query, with their owners.
func (tx *Tx) readSessions(ctx context.Context, q *engine.Query) ([]Session, error) {
	list, err := engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) Session {
		s := scanSession(tx.Layout, r)
		s.read(tx.Layout)
		return s
	})
	if err != nil {
		return nil, err
	}
	return list, tx.owners(ctx, list)
}

// SessionsWithKeys returns the sessions with these keys, in the order of the keys; nil for a key without a
// session.
func (tx *Tx) SessionsWithKeys(ctx context.Context, secrets []tokenctl.Secret) ([]*Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	tx.Layout.summed(q)
	if tx.Layout.Session().Masked() {
		secrets = standIns(secrets, func(key string) string { return key[:min(8, len(key)/4)] + "-" })
	}
	return exactly(tx, q, "s.session_key", secrets, func(q *engine.Query) ([]Session, error) { return tx.readSessions(ctx, q) },
		func(s *Session) tokenctl.Secret { return s.Key })
}

// SessionsWithPrefixes returns for each prefix the sessions whose keys begin with the prefix. It searches a range
// of the index that ends at the prefix and DEL: keys are ASCII, so no character of a key is greater.
func (tx *Tx) SessionsWithPrefixes(ctx context.Context, prefixes []string) ([][]Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	tx.Layout.summed(tx.Layout.brief(q))
	q.StartingWith(tx.Layout.Engine, "s.session_key", prefixes, "\x7f")
	var list []Session
	var indexes []int
	err = tx.Each(ctx, q, func(r engine.Row) error {
		indexes = append(indexes, int(r.Integer()))
		s := scanSession(tx.Layout, &r)
		s.read(tx.Layout)
		list = append(list, s)
		return r.Err
	})
	if err == nil {
		err = tx.owners(ctx, list)
	}
	found := make([][]Session, len(prefixes))
	for i, index := range indexes {
		found[index] = append(found[index], list[i])
	}
	return found, err
}

// Marked reports whether tokenctl made the session and the application has not saved it since then. The expiry
// of such a session is a marked time.
func (s *Session) Marked() bool { return isMarked(s.Expires) }

// NewestSessions returns the n sessions that expire last.
func (tx *Tx) NewestSessions(ctx context.Context, n int) ([]Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	if c := tx.Layout.Session().Column("expire_date"); tx.Layout.Engine.Dates(c) {
		q.Where = append(q.Where, tx.Layout.Engine.IsDate("s.expire_date"))
	}
	q.Order, q.Limit = []string{"s.expire_date desc"}, n
	return tx.readSessions(ctx, tx.Layout.brief(q))
}

// SessionAuthHash returns the _auth_user_hash of a new session of the user.
func (u *User) SessionAuthHash(key tokenctl.Secret) string {
	return django.SessionAuthHash(key, u.password)
}

// MatchSessionAuthHash returns the key that makes a session's _auth_user_hash from the user's password.
func (u *User) MatchSessionAuthHash(hash string, keys *django.SessionKeys) django.KeyMatch {
	return keys.MatchAuthHash(hash, u.password)
}
