package tokens

import (
	"context"
	"iter"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
)

// Where SESSION_ENGINE is cache or cached_db, and cache_url says where the cache is, sessions are
// in Redis. With cache they are there alone, and the rows of the table, which the application
// does not read, are no sessions. With cached_db a session is a row and mostly has a copy in
// Redis, which the application reads first.

// sessionRows yields the sessions that f selects by their owners, wherever they are, and those
// that decide selects. note is called for every session that was read.
func sessionRows(ctx context.Context, j *sessionJudge, store *db.Store, f db.Filter, note func(*db.Session), decide db.Classify[db.Session]) iter.Seq2[db.Session, error] {
	env := j.env
	if !env.Settings.Session.Cached() {
		return store.Sessions(ctx, f, note, decide)
	}
	return func(yield func(db.Session, error) bool) {
		c, err := env.Cache()
		if err != nil {
			yield(db.Session{}, err)
			return
		}
		list := &cachedList{env: env, judge: j, store: store, cache: c, filter: f, note: note, decide: decide, yield: yield}
		if !env.Settings.Session.CacheOnly() && !list.rows(ctx) {
			return
		}
		list.copies(ctx)
	}
}

// tableless is the error about sessions that are in a cache alone while the database has no table
// of sessions; nil where that is not so. tokenctl finds the model of their owners by that table.
func tableless(env Env, l *db.Layout) error {
	if !env.Settings.Session.CacheOnly() || Session.Present(l) {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the sessions in the cache were not looked at: the database has no table django_session",
		Hint: `add "django.contrib.sessions" to INSTALLED_APPS and run manage.py migrate: the table may stay empty`}
}

// cachedList is a list of sessions that a cache has.
type cachedList struct {
	env    Env
	judge  *sessionJudge
	store  *db.Store
	cache  *cache.Sessions
	filter db.Filter
	note   func(*db.Session)
	decide db.Classify[db.Session]
	yield  func(db.Session, error) bool
	down   error // why the cache gave no answer
}

// copyBatch is for how many rows the cache is asked at a time.
const copyBatch = 1000

// rows yields the sessions of the table, each with the copy that the cache has of it. It reports
// whether to go on.
func (l *cachedList) rows(ctx context.Context) bool {
	f := l.filter
	// What these say about an end is decided by that of the copy, too.
	f.ExpiresBefore, f.ExpiresAfter, f.Unexpired, f.Sort, f.Limit = nil, nil, nil, "", 0
	var page []db.Session
	emit := func() bool {
		err := l.store.Read(ctx, func(tx *db.Tx) error { return withCopies(ctx, l.env, tx, l.cache, page, &l.down) })
		if err != nil {
			l.yield(db.Session{}, err)
			return false
		}
		// Whom a copy lets in is for the list of copies to tell, if it is another one.
		page = slices.DeleteFunc(page, func(s db.Session) bool { return s.Key.IsZero() })
		going := l.emit(page)
		page = page[:0]
		return going
	}
	for s, err := range l.store.Sessions(ctx, f, l.note, nil) {
		if err != nil {
			l.yield(db.Session{}, err)
			return false
		}
		if page = append(page, s); len(page) == copyBatch && !emit() {
			return false
		}
	}
	return emit()
}

// withCopies adds to rows the copies that the cache has of them. A row whose copy is another
// user's becomes the zero Session. That the cache cannot be asked is noted, and not asked again.
func withCopies(ctx context.Context, env Env, tx *db.Tx, c *cache.Sessions, rows []db.Session, down *error) error {
	if *down != nil || len(rows) == 0 {
		return nil
	}
	keys := make([]tokenctl.Secret, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	found, err := c.Get(ctx, keys)
	if err != nil {
		return missedCache(ctx, env, err, down)
	}
	var there []*cache.Session
	var of []int
	for i, v := range found {
		if v != nil {
			there, of = append(there, v), append(of, i)
		}
	}
	copies, err := ownedSessions(ctx, tx, there)
	for j, i := range of {
		noteUnreadable(env, &copies[j])
		if copies[j].Problem == nil && copies[j].UserID != rows[i].UserID {
			rows[i] = db.Session{}
		} else {
			rows[i] = rows[i].WithCopy(&copies[j], tx.Now)
		}
	}
	return err
}

// missedCache notes that the cache gave no answer to a question that the database answers in
// part; it is the error where the command is to end.
func missedCache(ctx context.Context, env Env, err error, down *error) error {
	if ctx.Err() != nil {
		return err
	}
	*down = err
	env.Missed(err)
	return nil
}

// copies yields the sessions that the cache has and no row tells of.
func (l *cachedList) copies(ctx context.Context) {
	rows := !l.env.Settings.Session.CacheOnly()
	if err := l.cache.Lists(); err != nil && !rows {
		l.env.Missed(err)
	}
	if l.down != nil || l.cache.Lists() != nil {
		return
	}
	for batch, err := range l.cache.All(ctx, "", nil) {
		if err != nil && (rows || l.env.KeepGoing) {
			err = missedCache(ctx, l.env, err, &l.down)
		}
		if err != nil {
			l.yield(db.Session{}, err)
		}
		if err != nil || l.down != nil {
			return
		}
		var page []db.Session
		err = l.store.Read(ctx, func(tx *db.Tx) error {
			if page, err = ownedSessions(ctx, tx, batch); err != nil {
				return err
			}
			l.judge.prove(page)
			page = slices.DeleteFunc(page, func(s db.Session) bool {
				noteUnreadable(l.env, &s)
				return s.Problem != nil // the application takes it for none
			})
			if rows {
				if page, err = withoutRows(ctx, tx, page); err != nil {
					return err
				}
			}
			page, err = tx.SelectSessions(ctx, page, l.filter)
			return err
		})
		if err != nil {
			l.yield(db.Session{}, err)
			return
		}
		if !l.emit(page) {
			return
		}
	}
}

// ownedSessions are sessions that a cache has, with their owners.
func ownedSessions(ctx context.Context, tx *db.Tx, list []*cache.Session) ([]db.Session, error) {
	owned := make([]db.Session, len(list))
	for i, v := range list {
		var expires time.Time
		if v.Lives >= 0 {
			expires = tx.Now.Add(v.Lives).UTC().Truncate(time.Microsecond)
		}
		owned[i] = db.CachedSession(v.Key, v.Login, v.Problem, expires)
	}
	return owned, tx.OwnSessions(ctx, owned)
}

// withoutRows leaves out the sessions that a row tells of. A row of another user tells of
// another session.
func withoutRows(ctx context.Context, tx *db.Tx, page []db.Session) ([]db.Session, error) {
	keys := make([]tokenctl.Secret, len(page))
	for i := range page {
		keys[i] = page[i].Key
	}
	rows, err := tx.SessionsWithKeys(ctx, keys)
	n := 0
	for i, row := range rows {
		if row == nil || row.UserID != page[i].UserID {
			page[n] = page[i]
			n++
		}
	}
	return page[:n], err
}

// noteUnreadable names a session whose value in the cache is none.
func noteUnreadable(env Env, s *db.Session) {
	if s.Problem != nil {
		env.Missed(&tokenctl.Error{Code: tokenctl.CodePartlyDone, Message: SessionID(s.Key) + " in the cache: " + s.Problem.Error(), Hint: "tokenctl blacklist takes its id"})
	}
}

// emit yields those of a page that decide selects. It reports whether to go on.
func (l *cachedList) emit(page []db.Session) bool {
	for i := range page {
		if l.decide != nil {
			if _, has := l.decide(&page[i]); !has {
				continue
			}
		}
		if !l.yield(page[i], nil) {
			return false
		}
	}
	return true
}
