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
	Unread  []engine.Unread
	Cached  bool       // a cache has it, and no row is known
	Copy    *Session   // what a cache has of the row: Login, UserID and User are the copy's where it can be read
	Masked  *MaskedKey // nil: Key is the key, or nobody asked for its form
	bytes   bool       // its key is stored as bytes
	Sum     int64      // on PostgreSQL, a hash of its data; see Filter.Compare
}

// Ref names the row.
func (s *Session) Ref() Ref { return Ref{Key: s.Key, Row: s.Sum, Owner: s.UserID} }

// maxSessionData is longer than any session_data that [django.DecodeSession]
// reads, so that one beyond it need not travel.
const maxSessionData = 2 << 20

// sessions is the query for sessions as things are now, which have no column for their
// owner.
func (l *Layout) sessions(now time.Time) (*engine.Query, error) {
	t, err := l.credentials("session")
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

// brief leaves out the data of sessions that are too large to be read.
func brief(q *engine.Query) *engine.Query {
	q.Columns[1] = "case when octet_length(coalesce(s.session_data, '')) <= " + strconv.Itoa(maxSessionData) + " then coalesce(s.session_data, '') end"
	return q
}

// summed also selects the hash of the data, on PostgreSQL.
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
	data, ok := r.Maybe()
	s.Expires = r.Moment(django.DjangoTime, t, "expire_date")
	if live := r.Flag(); live != nil {
		s.Live = *live
	}
	s.Unread = r.Unread
	if s.Data = data; !ok {
		s.Problem = django.ErrSessionTooLarge
	}
	if bytes && data != "" {
		s.Problem = django.ErrSessionCorrupt // signing.loads takes no bytes
	}
	switch {
	case t.Masked(): // nobody can change it
		if r.Left() > 1 {
			s.Masked = scanMasked(r)
		}
	case l.Engine == engine.PostgreSQL && r.Left() > 0: // see summed
		s.Sum = r.Integer()
	}
	return s
}

// read finds out whose the session says it is.
func (s *Session) read(l *Layout) {
	if s.Problem != nil {
		return
	}
	s.Login, s.Problem = django.ReadSessionLogin(s.Data)
	s.own(l)
}

// own finds out whose key in the table of users the login names.
func (s *Session) own(l *Layout) {
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
func (s *Store) Sessions(ctx context.Context, f Filter, note func(*Session), decide Classify[Session]) iter.Seq2[Session, error] {
	d := &filteredList[Session]{store: s, name: "sessions", filter: f, sorts: []string{"user", "user_id", "status"}, key: "s.session_key", note: note, classify: decide,
		query: func(l *Layout) (*engine.Query, error) {
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
			if f.AnyOrder && l.Session().Stored() {
				q.PageBy = l.pageKey("s.rowid") // in the order of the keys, the rows lie apart from each other
			}
			switch brief(q); {
			case l.Session().Masked() && f.Detailed:
				q.Columns = append(q.Columns, "s."+formColumn, "s."+halfColumn)
			case f.Compare:
				l.summed(q)
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
			return tx.sessionOwners(ctx, page, o, !f.wholeOwner())
		},
		// An id is session:KEY… with the start of the key, so the key orders as the id.
		sort: func(l *Layout, found string) map[string]string {
			key := l.Engine.Bytewise("s.session_key")
			return map[string]string{"id": key, "kind": key, "type": key, "created": key, "expires": l.Engine.KnownDate(l.Session().Column("expire_date"), "s.expire_date"),
				"user": l.Engine.Bytewise(l.Session().Owner.nameOf("sorting")), "user_id": found + ".owner", "status": l.Engine.Bytewise(found + ".status")}
		}}
	return d.rows(ctx)
}

// whereSession adds those of a filter's conditions that the database can decide.
func (f *Filter) whereSession(l *Layout, q *engine.Query) {
	c := l.Session().Column("expire_date")
	if f.ExpiresBefore != nil {
		q.And(l.Engine.Dated(c, "s.expire_date", "<", "%s"), l.timeArg(*f.ExpiresBefore))
	}
	if f.ExpiresAfter != nil {
		q.And(l.Engine.Dated(c, "s.expire_date", ">", "%s"), l.timeArg(*f.ExpiresAfter))
	}
	if f.Unexpired != nil {
		q.And(l.Engine.Unexpired(c, "s.expire_date"), l.timeArg(*f.Unexpired))
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
	o.ask(len(page), func(i int) string { return page[i].UserID })
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

// SessionsWithKeys returns the sessions whose keys are among the secrets, in their
// order; nil where a key is nobody's.
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

// SessionsWithPrefixes returns for each prefix the sessions whose keys start with it,
// found by an index. Keys are ASCII, so none goes on with a character behind DEL.
func (tx *Tx) SessionsWithPrefixes(ctx context.Context, prefixes []string) ([][]Session, error) {
	q, err := tx.Layout.sessions(tx.Now)
	if err != nil {
		return nil, err
	}
	tx.Layout.summed(brief(q))
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

// Marked reports whether tokenctl made the session and the application has not saved it since;
// the expiry then carries the mark of tokenctl.
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
	return tx.readSessions(ctx, brief(q))
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

// InsertSessions adds a session for each of the users. The zero User is nobody: a session has
// no column for its owner.
func (tx *Tx) InsertSessions(ctx context.Context, users []User, keys []tokenctl.Secret, data []string, expires time.Time, further Further) ([]Session, error) {
	l := tx.Layout
	if err := l.Mintable("session", further); err != nil {
		return nil, err
	}
	if err := l.named(l.Session()); err != nil {
		return nil, err
	}
	values, err := l.furtherValues("session", further)
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

// UpdateSession gives the session with this key other contents, whoever had it,
// and reports whether there was one: SessionStore.save of
// django/contrib/sessions/backends/db.py (4.2) without must_create.
func (tx *Tx) UpdateSession(ctx context.Context, key tokenctl.Secret, data string, expires time.Time) (found bool, err error) {
	l := tx.Layout
	if _, err := l.credentials("session"); err != nil {
		return false, err
	}
	n, err := tx.ExecRows(ctx, "update "+l.Session().SQL()+" set session_data = $1, expire_date = $2 where session_key = $3",
		data, l.timeArg(expires), key.Reveal())
	return n > 0, err
}

// DropSession deletes the session with this key, if there is one:
// SessionStore.delete of the same file.
func (tx *Tx) DropSession(ctx context.Context, key tokenctl.Secret) error {
	if _, err := tx.Layout.credentials("session"); err != nil {
		return err
	}
	return tx.Exec(ctx, "delete from "+tx.Layout.Session().SQL()+" where session_key = $1", key.Reveal())
}
