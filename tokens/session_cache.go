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

// If SESSION_ENGINE is cache or cached_db, and cache_url is set, the application has sessions in a cache. With
// cache, all sessions are in the cache; the application does not read the table, so its rows are no sessions.
// With cached_db, a session is a row, and the cache mostly has a copy of it; the application reads the copy
// first.

// sessionRows yields the sessions that both f and decide select, from the table and from the cache. It calls
// note for each row that it reads.
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

// sessionsOnlyCached returns an error if all sessions are in a cache and the database has no table of sessions. tokenctl
// needs that table to find the model of the owners.
func sessionsOnlyCached(env Env, l *db.Layout) error {
	if !env.Settings.Session.CacheOnly() || Session.Present(l) {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the sessions in the cache were not looked at: the database has no table django_session",
		Hint: `add "django.contrib.sessions" to INSTALLED_APPS and run manage.py migrate: the table may stay empty`}
}

// cachedList is a list of sessions from a table and a cache, or from a cache alone.
type cachedList struct {
	env    Env
	judge  *sessionJudge
	store  *db.Store
	cache  *cache.Sessions
	filter db.Filter
	note   func(*db.Session)
	decide db.Classify[db.Session]
	yield  func(db.Session, error) bool
	down   error // the reason why the cache did not answer; nil: it has answered so far
}

// copyBatch is the number of rows whose copies are read at a time.
const copyBatch = 1000

// rows yields the sessions of the table, each with its copy. It reports whether to go on.
func (l *cachedList) rows(ctx context.Context) bool {
	f := l.filter
	// A copy may end at another time than its row, so the database must not filter by the end, sort or limit.
	f.ExpiresBefore, f.ExpiresAfter, f.Unexpired, f.Sort, f.Limit = nil, nil, nil, "", 0
	var page []db.Session
	emit := func() bool {
		err := l.store.Read(ctx, func(tx *db.Tx) error { return withCopies(ctx, l.env, tx, l.cache, page, &l.down) })
		if err != nil {
			l.yield(db.Session{}, err)
			return false
		}
		// If the copy belongs to another user than the row, the function copies yields it.
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

// withCopies adds to each row its copy. It replaces a row by the zero Session if the copy belongs to another
// user. If the cache does not answer, withCopies stores the error in down, and later calls return at once.
func withCopies(ctx context.Context, env Env, tx *db.Tx, c *cache.Sessions, rows []db.Session, down *error) error {
	if *down != nil || len(rows) == 0 {
		return nil
	}
	copies, failed, err := copiesOf(ctx, tx, c, sessionKeys(rows))
	if failed != nil {
		return missedCache(ctx, env, failed, down)
	}
	for i, v := range copies {
		switch {
		case v == nil:
			continue
		case v.Problem == nil && v.UserID != rows[i].UserID:
			rows[i] = db.Session{}
		default:
			rows[i] = rows[i].WithCopy(v, tx.Now)
		}
		noteUnreadable(env, v)
	}
	return err
}

// missedCache reports an error of the cache and stores it in down, so that the command goes on without the
// cache. It returns the error if the context has ended.
func missedCache(ctx context.Context, env Env, err error, down *error) error {
	if ctx.Err() != nil {
		return err
	}
	*down = err
	env.Missed(err)
	return nil
}

// copies yields the sessions of the cache, without those that rows has yielded.
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
				return s.Problem != nil // the application does not accept it as a session
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

// ownedSessions returns the sessions of a cache with their owners.
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

// withoutRows removes the sessions that have a row from a page. A row of another user is another session.
func withoutRows(ctx context.Context, tx *db.Tx, page []db.Session) ([]db.Session, error) {
	rows, err := tx.SessionsWithKeys(ctx, sessionKeys(page))
	n := 0
	for i, row := range rows {
		if row == nil || row.UserID != page[i].UserID {
			page[n] = page[i]
			n++
		}
	}
	return page[:n], err
}

// noteUnreadable reports a session whose value cannot be read.
func noteUnreadable(env Env, s *db.Session) {
	if s.Problem != nil {
		env.Missed(&tokenctl.Error{Code: tokenctl.CodePartlyDone, Message: SessionID(s.Key) + " in the cache: " + s.Problem.Error(), Hint: "tokenctl blacklist takes its id"})
	}
}

// emit yields the sessions of a page that decide selects. It reports whether to go on.
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
