package db

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"tokenctl/django"
)

// Session is a row of django.contrib.sessions' table. Its key is the secret.
type Session struct {
	Key     django.Secret
	Data    string // session_data; empty in a list when it is larger than anything that can be read
	Expires time.Time
	Login   django.SessionLogin
	UserID  string // whose it says it is, as a user's key is printed; empty: nobody's, or not readable
	User    User   // zero where there is no such user
	Problem error  // why the data cannot be read: ErrSessionCorrupt and its kin of package django
	Place   Place  // in a list for a change: where it stood
	Sum     int64  // and a hash of its data
}

// maxSessionData is longer than any session_data that [django.DecodeSession]
// reads, so that one beyond it need not travel.
const maxSessionData = 2 << 20

// sessions is the query for sessions, which have no column for their owner.
func (l *Layout) sessions() (*query, error) {
	t := l.Session()
	if t == nil {
		return nil, &django.Error{Code: django.CodeTableMissing, Message: "the database has no table django_session",
			Hint: `add "django.contrib.sessions" to INSTALLED_APPS and run manage.py migrate; for another schema give --schema`}
	}
	if _, err := l.Users(); err != nil {
		return nil, err
	}
	for _, name := range []string{"session_key", "session_data", "expire_date"} {
		if t.Column(name) == nil {
			return nil, &django.Error{Code: django.CodeLayoutUnsupported, Message: "the table django_session has no column " + name + ": its layout is not one that tokenctl knows"}
		}
	}
	return &query{columns: []string{"s.session_key", "s.session_data", l.time("s.expire_date")}, from: t.SQL() + " s", key: "s.session_key"}, nil
}

// brief leaves out the data of sessions that are too large to be read.
func (q *query) brief() *query {
	q.columns[1] = "case when octet_length(s.session_data) <= " + strconv.Itoa(maxSessionData) + " then s.session_data end"
	return q
}

func scanSession(r *row) Session {
	s := Session{Key: django.NewSecret(r.text())}
	data, ok := r.maybe()
	s.Expires = r.moment(django.DjangoTime)
	if s.Data = data; !ok {
		s.Problem = django.ErrSessionTooLarge
	}
	if len(r.columns) > 0 { // see sessionList.query
		s.Place, s.Sum = r.place(), r.integer()
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
	if arg, ok := l.sessionOwner(s.UserID); ok {
		s.UserID = keyString(l.User, arg)
	}
}

// sessionOwner is keyArg for the _auth_user_id of a session, which may be any
// text at all.
func (l *Layout) sessionOwner(id string) (arg any, ok bool) {
	if id == "" || !utf8.ValidString(id) {
		return nil, false
	}
	return l.User.keyArg(l.Engine, id)
}

// decode finds out whose the sessions are, on all processors; wait waits for it.
func (tx *Tx) decode(page []Session) (wait func()) {
	var group sync.WaitGroup
	for part := range slices.Chunk(page, len(page)/runtime.GOMAXPROCS(0)+1) {
		group.Go(func() {
			for i := range part {
				part[i].read(tx.Layout)
			}
		})
	}
	return group.Wait
}

// owners looks up whose the sessions of a page are.
func (tx *Tx) owners(ctx context.Context, page []Session, brief bool) error {
	return new(ownerSearch).find(ctx, tx, page, brief)
}

// ownerSearch looks for the owners of page after page in the same memory.
type ownerSearch struct {
	users  []User
	places map[string]int // in users, by key
	keys   []any
}

func (o *ownerSearch) find(ctx context.Context, tx *Tx, page []Session, brief bool) error {
	l := tx.Layout
	if o.places == nil {
		o.places = map[string]int{}
	}
	clear(o.places)
	o.keys = o.keys[:0]
	for i := range page {
		if arg, ok := l.sessionOwner(page[i].UserID); ok {
			if _, seen := o.places[page[i].UserID]; !seen {
				o.places[page[i].UserID] = len(o.keys)
				o.keys = append(o.keys, arg)
			}
		}
	}
	if len(o.keys) == 0 {
		return nil
	}
	arg, err := l.listArg(l.User, o.keys)
	if err != nil {
		return err
	}
	// The auth hash of a session is made of its owner's password.
	columns := l.ownerColumns(brief)
	if brief {
		columns = append(columns, "u.password")
	}
	q := &query{columns: columns, from: l.User.SQL() + " u"}
	q.and(l.anyOf("u."+quote(l.User.Key), "%s"), arg)
	o.users = slices.Grow(o.users[:0], len(o.keys))[:len(o.keys)]
	clear(o.users)
	err = tx.each(ctx, q, func(r row) error {
		u := scanOwner(l, &r, brief)
		if brief {
			u.password, _ = r.maybe()
		}
		if place, asked := o.places[u.ID]; asked {
			o.users[place] = u
		}
		return r.err
	})
	for i := range page {
		if place, ok := o.places[page[i].UserID]; ok {
			page[i].User = o.users[place]
		}
	}
	return err
}

// fetchSessions appends what q finds to a page, without looking into it; last, if
// given, gets the last row's column behind those of a session, on SQLite.
func (tx *Tx) fetchSessions(ctx context.Context, q *query, page []Session, last *any) ([]Session, error) {
	err := tx.each(ctx, q, func(r row) error {
		page = append(page, scanSession(&r))
		if last != nil {
			*last = r.nextSQLite()
		}
		return r.err
	})
	return page, err
}

// readSessions is fetchSessions with the owners.
func (tx *Tx) readSessions(ctx context.Context, q *query, last *any, brief bool) ([]Session, error) {
	page, err := tx.fetchSessions(ctx, q, nil, last)
	if err != nil {
		return nil, err
	}
	tx.decode(page)()
	return page, tx.owners(ctx, page, brief)
}

// oneSession returns the session that the condition on its key finds, or nil,
// without its owner.
func (tx *Tx) oneSession(ctx context.Context, condition string, key django.Secret) (found *Session, err error) {
	q, err := tx.Layout.sessions()
	if err != nil {
		return nil, err
	}
	q.key = ""
	q.and(condition, key.Reveal())
	err = tx.each(ctx, q, func(r row) error {
		s := scanSession(&r)
		if s.Key.Equal(key) {
			s.read(tx.Layout)
			found = &s
		}
		return r.err
	})
	return found, err
}

// SessionWithKey returns the session whose key is the secret, or nil.
func (tx *Tx) SessionWithKey(ctx context.Context, key django.Secret) (*Session, error) {
	s, err := tx.oneSession(ctx, "s.session_key = %s", key)
	if s == nil || err != nil {
		return nil, err
	}
	page := []Session{*s}
	return &page[0], tx.owners(ctx, page, false)
}

// SessionsWithPrefix returns the sessions whose keys start with prefix, found
// by an index.
func (tx *Tx) SessionsWithPrefix(ctx context.Context, prefix string) ([]Session, error) {
	q, err := tx.Layout.sessions()
	if err != nil {
		return nil, err
	}
	// Keys are ASCII, so none goes on with a character behind DEL.
	q.between(tx.Layout.Engine, "s.session_key", prefix, prefix+"\x7f")
	return tx.readSessions(ctx, q.brief(), nil, false)
}

// NewestSessions returns the n sessions that expire last.
func (tx *Tx) NewestSessions(ctx context.Context, n int) ([]Session, error) {
	q, err := tx.Layout.sessions()
	if err != nil {
		return nil, err
	}
	q.order, q.limit = []string{"s.expire_date desc"}, n
	return tx.readSessions(ctx, q.brief(), nil, false)
}

// SessionAuthHash is the _auth_user_hash of a new session of the user.
func (u *User) SessionAuthHash(key django.Secret) string {
	return django.SessionAuthHash(key, u.password)
}

// MatchSessionAuthHash tells with which key a session's _auth_user_hash belongs
// to the user's password.
func (u *User) MatchSessionAuthHash(hash string, keys *django.SessionKeys) django.KeyMatch {
	return keys.MatchAuthHash(hash, u.password)
}
