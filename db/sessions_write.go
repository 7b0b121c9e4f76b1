package db

import (
	"context"
	"slices"
	"time"

	"tokenctl/django"
)

// InsertSessions adds a session for each of the users.
func (tx *Tx) InsertSessions(ctx context.Context, users []User, keys []django.Secret, data []string, expires time.Time) ([]Session, error) {
	l := tx.Layout
	if _, err := l.sessions(); err != nil {
		return nil, err
	}
	expires = expires.UTC().Truncate(time.Microsecond)
	list, texts := make([]Session, len(users)), make([]any, len(users))
	for i, u := range users {
		texts[i] = data[i]
		list[i] = Session{Key: keys[i], Data: data[i], Expires: expires, UserID: u.ID, User: u}
	}
	return list, tx.insertAll(ctx, len(list), l.Session(), values{column: "session_key", each: revealed(keys)},
		values{column: "session_data", each: texts}, values{column: "expire_date", same: l.timeArg(expires)})
}

// UpdateSession gives the session with this key other contents, whoever had it,
// and reports whether there was one: SessionStore.save of
// django/contrib/sessions/backends/db.py (4.2) without must_create.
func (tx *Tx) UpdateSession(ctx context.Context, key django.Secret, data string, expires time.Time) (found bool, err error) {
	l := tx.Layout
	if _, err := l.sessions(); err != nil {
		return false, err
	}
	n, err := tx.execRows(ctx, "update "+l.Session().SQL()+" set session_data = $1, expire_date = $2 where session_key = $3",
		data, l.timeArg(expires), key.Reveal())
	return n > 0, err
}

// DropSession deletes the session with this key, if there is one:
// SessionStore.delete of the same file.
func (tx *Tx) DropSession(ctx context.Context, key django.Secret) error {
	if _, err := tx.Layout.sessions(); err != nil {
		return err
	}
	return tx.exec(ctx, "delete from "+tx.Layout.Session().SQL()+" where session_key = $1", key.Reveal())
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

// ExpiredSessions finds the sessions that expired before a time; with userIDs,
// only those of these users, which only the sessions' data tell.
func (s *Store) ExpiredSessions(ctx context.Context, before time.Time, userIDs []string) (*Expired, error) {
	l, err := s.Layout(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := l.sessions(); err != nil {
		return nil, err
	}
	condition := new(query)
	condition.and("expire_date < %s", l.timeArg(before))
	if userIDs == nil {
		return s.expired(ctx, l.Session(), condition)
	}
	e, err := s.expiredAt(ctx, func(l *Layout) (*query, error) {
		q, err := l.sessions()
		if err != nil {
			return nil, err
		}
		q.brief()
		q.columns = append([]string{l.place("s")}, q.columns...)
		q.where, q.args = condition.where, condition.args
		q.pageBy(l, "s")
		return q, nil
	}, func(l *Layout, r *row) (Place, bool) {
		place, session := r.place(), scanSession(r)
		session.read(l)
		return place, slices.Contains(userIDs, session.UserID)
	})
	if err == nil {
		e.table, e.condition = l.Session(), condition
	}
	return e, err
}
