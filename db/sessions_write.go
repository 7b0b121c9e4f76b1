package db

import (
	"context"
	"slices"
	"time"

	"tokenctl/django"
)

// InsertSession adds a session of a user.
func (tx *Tx) InsertSession(ctx context.Context, u User, key django.Secret, data string, expires time.Time) (Session, error) {
	l := tx.Layout
	if _, err := l.sessions(); err != nil {
		return Session{}, err
	}
	expires = expires.UTC().Truncate(time.Microsecond)
	err := tx.exec(ctx, "insert into "+l.Session().SQL()+" (session_key, session_data, expire_date) values ($1, $2, $3)",
		key.Reveal(), data, l.timeArg(expires))
	return Session{Key: key, Data: data, Expires: expires, UserID: u.ID, User: u}, err
}

// LockSession returns a session as it is now and keeps others from changing it,
// or fails with CodeChanged when it is gone or somebody else's. What an
// application keeps in a session may change with every request; that the key
// still lets the same user in is what makes it the one that was seen.
func (tx *Tx) LockSession(ctx context.Context, seen Session) (Session, error) {
	s, err := tx.lockSession(ctx, seen)
	if err != nil {
		return Session{}, err
	}
	page := []Session{*s}
	err = tx.owners(ctx, page)
	return page[0], err
}

func (tx *Tx) lockSession(ctx context.Context, seen Session) (*Session, error) {
	condition := "s.session_key = %s"
	if tx.Layout.Engine == PostgreSQL {
		condition += " for update"
	}
	s, err := tx.oneSession(ctx, condition, seen.Key)
	if err == nil && (s == nil || s.UserID != seen.UserID) {
		err = sessionChanged(seen)
	}
	return s, err
}

// ReplaceSession gives a session that LockSession returned a new key, as
// SessionBase.cycle_key does: the old key is dead at once. A Django worker that
// is about to save the session under its old key finds no row to update.
func (tx *Tx) ReplaceSession(ctx context.Context, old Session, key django.Secret, data string, expires time.Time) (Session, error) {
	expires = expires.UTC().Truncate(time.Microsecond)
	n, err := tx.execRows(ctx, "update "+tx.Layout.Session().SQL()+" set session_key = $1, session_data = $2, expire_date = $3 where session_key = $4",
		key.Reveal(), data, tx.Layout.timeArg(expires), old.Key.Reveal())
	if err == nil && n == 0 {
		err = sessionChanged(old)
	}
	old.Key, old.Data, old.Expires = key, data, expires
	return old, err
}

// DeleteSession removes a session, or fails with CodeChanged when it is no
// longer the one that was seen.
func (tx *Tx) DeleteSession(ctx context.Context, seen Session) error {
	if _, err := tx.lockSession(ctx, seen); err != nil {
		return err
	}
	n, err := tx.execRows(ctx, "delete from "+tx.Layout.Session().SQL()+" where session_key = $1", seen.Key.Reveal())
	if err == nil && n == 0 {
		err = sessionChanged(seen)
	}
	return err
}

func sessionChanged(s Session) error {
	whose := "a session that nobody is logged in with"
	if s.UserID != "" {
		whose = "a session of the user " + s.UserID
	}
	if s.User.Username != "" {
		whose = "a session of " + s.User.Username
	}
	return &django.Error{Code: django.CodeChanged, Message: whose + " was changed or deleted meanwhile",
		Hint: "nothing was done; look again with tokenctl list --kind session"}
}

// CountExpiredSessions counts the sessions that expired before a time; with
// userIDs, only those of these users.
func (tx *Tx) CountExpiredSessions(ctx context.Context, before time.Time, userIDs []string) (n int64, err error) {
	if userIDs != nil {
		err = tx.expiredOf(ctx, before, userIDs, 0, func(keys []any) error { n += int64(len(keys)); return nil })
		return n, err
	}
	q, err := tx.Layout.sessions()
	if err != nil {
		return 0, err
	}
	q.columns, q.key = []string{"count(*)"}, ""
	q.and("s.expire_date < %s", tx.Layout.timeArg(before))
	return n, tx.each(ctx, q, func(r row) error { return r.Scan(&n) })
}

// PurgeSessions deletes at most limit (0: all) of the sessions that
// CountExpiredSessions counts, in the order of their keys.
func (tx *Tx) PurgeSessions(ctx context.Context, before time.Time, userIDs []string, limit int) (int64, error) {
	l := tx.Layout
	q, err := l.sessions()
	if err != nil {
		return 0, err
	}
	if userIDs == nil {
		q.columns, q.limit = []string{"s.session_key"}, limit
		q.and("s.expire_date < %s", l.timeArg(before))
		if l.Engine == SQLite {
			return tx.execRows(ctx, "delete from "+l.Session().SQL()+" where session_key in ("+q.sql()+")", q.args...)
		}
		// A session that is renewed between the choice and the deletion stays.
		return tx.execRows(ctx, "delete from "+l.Session().SQL()+" where session_key in ("+q.sql()+") and expire_date < $1", q.args...)
	}
	var n int64
	err = tx.expiredOf(ctx, before, userIDs, limit, func(keys []any) error {
		arg, err := l.listArg(l.User, keys)
		if err != nil {
			return err
		}
		deleted, err := tx.execRows(ctx, "delete from "+l.Session().SQL()+" where "+l.anyOf("session_key", "$1")+" and expire_date < $2", arg, l.timeArg(before))
		n += deleted
		return err
	})
	return n, err
}

// expiredOf calls f with the keys of the users' sessions that expired before a
// time, a page at a time and at most limit (0: all) in total.
func (tx *Tx) expiredOf(ctx context.Context, before time.Time, userIDs []string, limit int, f func(keys []any) error) error {
	last, left := "", limit
	for {
		q, err := tx.Layout.sessions()
		if err != nil {
			return err
		}
		q.brief().limit = pageSize
		q.and("s.expire_date < %s", tx.Layout.timeArg(before))
		if last != "" {
			q.and("s.session_key > %s", last)
		}
		page, err := tx.readSessions(ctx, q)
		if err != nil {
			return err
		}
		var keys []any
		for _, s := range page {
			last = s.Key.Reveal()
			if slices.Contains(userIDs, s.User.ID) && (limit == 0 || left > 0) {
				keys = append(keys, last)
				left--
			}
		}
		if keys != nil {
			if err := f(keys); err != nil {
				return err
			}
		}
		if len(page) < pageSize || limit > 0 && left <= 0 {
			return nil
		}
	}
}
