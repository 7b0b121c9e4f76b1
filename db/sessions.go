package db

import (
	"context"
	"iter"
	"strconv"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// Session is a row of django.contrib.sessions' table. Its key is the secret.
type Session struct {
	Key     tokenctl.Secret
	Data    string // session_data; empty in a list when it is larger than anything that can be read
	Expires time.Time
	Live    bool // Django finds it: by a comparison in SQL, whatever the column holds
	Login   django.SessionLogin
	UserID  string // whose it says it is, as a user's key is printed; empty: nobody's, or not readable
	User    User   // zero where there is no such user
	Problem error  // why the data cannot be read: ErrSessionCorrupt and its kin of package django
	Unread  []Unread
	bytes   bool  // its key is stored as bytes
	Sum     int64 // on PostgreSQL, a hash of its data; see Filter.Compare
}

// Ref names the row.
func (s *Session) Ref() Ref { return Ref{Key: s.Key, Row: s.Sum, Owner: s.UserID} }

// maxSessionData is longer than any session_data that [django.DecodeSession]
// reads, so that one beyond it need not travel.
const maxSessionData = 2 << 20

// sessions is the query for sessions as things are now, which have no column for their
// owner.
func (l *Layout) sessions(now time.Time) (*query, error) {
	t, err := l.credentials("session")
	if err != nil {
		return nil, err
	}
	q := &query{from: t.SQL() + " s", key: "s.session_key"}
	live := "false"
	if l.dates(t.Column("expire_date")) {
		live = q.expr("s.expire_date > %s", l.timeArg(now))
	}
	q.columns = []string{"s.session_key", "coalesce(s.session_data, '')", l.time("s.expire_date"), live}
	return q, nil
}

// brief leaves out the data of sessions that are too large to be read.
func (q *query) brief() *query {
	q.columns[1] = "case when octet_length(coalesce(s.session_data, '')) <= " + strconv.Itoa(maxSessionData) + " then coalesce(s.session_data, '') end"
	return q
}

// summed also selects the hash of the data, on PostgreSQL.
func (q *query) summed(l *Layout) {
	if l.Engine == PostgreSQL {
		q.columns = append(q.columns, sessionSum("s"))
	}
}

func scanSession(l *Layout, r *row) Session {
	t := l.Session()
	s := Session{bytes: r.isBytes()}
	s.Key = tokenctl.NewSecret(r.stored(t, "session_key"))
	bytes := r.isBytes()
	data, ok := r.maybe()
	s.Expires = r.moment(django.DjangoTime, t, "expire_date")
	if live := r.flag(); live != nil {
		s.Live = *live
	}
	s.Unread = r.unread
	if s.Data = data; !ok {
		s.Problem = django.ErrSessionTooLarge
	}
	if bytes && data != "" {
		s.Problem = django.ErrSessionCorrupt // signing.loads takes no bytes
	}
	if len(r.columns) > 0 { // see summed
		s.Sum = r.integer()
	}
	return s
}

// read finds out whose the session says it is.
func (s *Session) read(l *Layout) {
	if s.Problem != nil {
		return
	}
	s.Login, s.Problem = django.ReadSessionLogin(s.Data)
	s.UserID = s.Login.UserID
	if s.Problem == nil && s.UserID != "" && l.Session().Owner == nil {
		s.Problem = l.userProblem
	}
	if arg, ok := l.sessionOwner(s.UserID); ok {
		s.UserID = keyString(l.Session().Owner, arg)
	}
}

// sessionOwner is keyArg for the _auth_user_id of a session, which may be any
// text at all.
func (l *Layout) sessionOwner(id string) (arg any, ok bool) {
	u := l.Session().Owner
	if id == "" || u == nil {
		return nil, false
	}
	return u.keyArg(l.Engine, id)
}

// Sessions yields the sessions that f selects, by key where f does not sort. note is
// called for each that was read, whether f selects it or not.
func (s *Store) Sessions(ctx context.Context, f Filter, note func(*Session), decide Decide[Session]) iter.Seq2[Session, error] {
	d := &decided[Session]{store: s, name: "sessions", filter: f, sorts: []string{"user", "user_id", "status"}, key: "s.session_key", note: note, decide: decide,
		query: func(l *Layout) (*query, error) {
			q, err := l.sessions(s.Now())
			if err == nil && f.UserIDs != nil {
				err = l.named(l.Session())
			}
			if err == nil && l.Session().Owner != nil {
				err = f.needsNames(l.Session().Owner)
			}
			if err != nil {
				return nil, err
			}
			if q.brief(); f.Compare {
				q.summed(l)
			}
			f.whereSession(l, q)
			return q, nil
		},
		scan:  scanSession,
		read:  func(l *Layout, v *Session) { v.read(l) },
		owner: func(v *Session) *User { return &v.User },
		users: func(l *Layout) *UserTable { return l.Session().Owner },
		keyOf: func(v *Session) any {
			if v.bytes {
				return []byte(v.Key.Reveal())
			}
			return v.Key.Reveal()
		},
		owners: func(ctx context.Context, tx *Tx, page []Session, o *ownerSearch) error {
			return tx.sessionOwners(ctx, page, o, f.Staff == nil && f.Superuser == nil)
		},
		// An id is session:KEY… with the start of the key, so the key orders as the id.
		sort: func(l *Layout, found string) map[string]string {
			key := l.bytewise("s.session_key")
			return map[string]string{"id": key, "kind": key, "type": key, "created": key, "expires": l.knownDate(l.Session().Column("expire_date"), "s.expire_date"),
				"user": l.bytewise(l.Session().Owner.nameOf("sorting")), "user_id": found + ".owner", "status": l.bytewise(found + ".status")}
		}}
	return d.rows(ctx)
}

// whereSession adds those of a filter's conditions that the database can decide.
func (f *Filter) whereSession(l *Layout, q *query) {
	c := l.Session().Column("expire_date")
	if f.ExpiresBefore != nil {
		q.and(l.dated(c, "s.expire_date", "<", "%s"), l.timeArg(*f.ExpiresBefore))
	}
	if f.ExpiresAfter != nil {
		q.and(l.dated(c, "s.expire_date", ">", "%s"), l.timeArg(*f.ExpiresAfter))
	}
	if f.Unexpired != nil {
		q.and(l.unexpired(c, "s.expire_date"), l.timeArg(*f.Unexpired))
	}
}

// owners looks up whose the sessions are.
func (tx *Tx) owners(ctx context.Context, page []Session) error {
	return tx.sessionOwners(ctx, page, new(ownerSearch), false)
}

func (tx *Tx) sessionOwners(ctx context.Context, page []Session, o *ownerSearch, brief bool) error {
	users := tx.Layout.Session().Owner
	if users == nil {
		return nil // see read
	}
	o.begin()
	for i := range page {
		o.want(page[i].UserID)
	}
	// The auth hash of a session is made of its owner's password.
	if err := o.find(ctx, tx, users, users, brief, true); err != nil {
		return err
	}
	for i := range page {
		page[i].User, _ = o.user(page[i].UserID)
	}
	return nil
}

// readSessions returns what q finds, with the owners.
func (tx *Tx) readSessions(ctx context.Context, q *query) ([]Session, error) {
	list := make([]Session, 0, q.most)
	err := tx.each(ctx, q, func(r row) error {
		s := scanSession(tx.Layout, &r)
		s.read(tx.Layout)
		list = append(list, s)
		return r.err
	})
	if err != nil {
		return nil, err
	}
	return list, tx.owners(ctx, list)
}

// SessionsWithKeys returns the sessions whose keys are among the secrets, in their
// order; nil where a key is nobody's.
func (tx *Tx) SessionsWithKeys(ctx context.Context, secrets []tokenctl.Secret) ([]*Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	q.summed(tx.Layout)
	return exactly(tx, q, "s.session_key", secrets, func(q *query) ([]Session, error) { return tx.readSessions(ctx, q) },
		func(s *Session) tokenctl.Secret { return s.Key })
}

// SessionsWithPrefixes returns for each prefix the sessions whose keys start with it,
// found by an index. Keys are ASCII, so none goes on with a character behind DEL.
func (tx *Tx) SessionsWithPrefixes(ctx context.Context, prefixes []string) ([][]Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	q.brief().summed(tx.Layout)
	if err := q.startingWith(tx.Layout, "s.session_key", prefixes, "\x7f"); err != nil {
		return nil, err
	}
	var list []Session
	var places []int
	err = tx.each(ctx, q, func(r row) error {
		places = append(places, int(r.integer()))
		s := scanSession(tx.Layout, &r)
		s.read(tx.Layout)
		list = append(list, s)
		return r.err
	})
	if err == nil {
		err = tx.owners(ctx, list)
	}
	found := make([][]Session, len(prefixes))
	for i, place := range places {
		found[place] = append(found[place], list[i])
	}
	return found, err
}

// Own reports whether tokenctl made the session, and the application did not save it since.
func (s *Session) Own() bool { return isOwn(s.Expires) }

// NewestSessions returns the n sessions that expire last.
func (tx *Tx) NewestSessions(ctx context.Context, n int) ([]Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	if c := tx.Layout.Session().Column("expire_date"); tx.Layout.dates(c) {
		q.where = append(q.where, tx.Layout.isDate("s.expire_date"))
	}
	q.order, q.limit = []string{"s.expire_date desc"}, n
	return tx.readSessions(ctx, q.brief())
}

// SessionAuthHash is the _auth_user_hash of a new session of the user.
func (u *User) SessionAuthHash(key tokenctl.Secret) string {
	return django.SessionAuthHash(key, u.password)
}

// MatchSessionAuthHash tells with which key a session's _auth_user_hash belongs
// to the user's password.
func (u *User) MatchSessionAuthHash(hash string, keys *django.SessionKeys) django.KeyMatch {
	return keys.MatchAuthHash(hash, u.password)
}
