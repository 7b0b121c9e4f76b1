package db

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// A session of a cache is a Session without Data, because Django does not sign it. The database only has the
// owner.

// CachedSession returns a session of a cache. Zero expires means that the session has no end.
func CachedSession(key tokenctl.Secret, login django.SessionLogin, problem error, expires time.Time) Session {
	return Session{Key: key, Login: login, Problem: problem, Expires: expires, Live: true, Cached: true}
}

// OwnSessions sets the owners of the sessions of a cache.
func (tx *Tx) OwnSessions(ctx context.Context, list []Session) error {
	for i := range list {
		if list[i].Problem == nil {
			list[i].own(tx.Layout)
		}
	}
	return tx.owners(ctx, list)
}

// SelectSessions returns the sessions whose owners f selects. For a session whose owner is unknown, every
// condition on owners is false.
func (tx *Tx) SelectSessions(ctx context.Context, list []Session, f Filter) ([]Session, error) {
	if f.NoFactor {
		users := make([]User, len(list))
		for i := range list {
			users[i] = list[i].User
		}
		with, err := tx.UsersWithFactor(ctx, users)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].User.hasFactor = with[list[i].User.ID]
		}
	}
	return slices.DeleteFunc(list, func(s Session) bool { return !f.wantsOwner(&s.User) }), nil
}

// WithCopy returns the session of a row and its copy in a cache. The application reads the copy as long as the
// cache has it. The session ends at the earlier of both ends; the end of an expired row does not count.
func (s Session) WithCopy(c *Session, now time.Time) Session {
	s.Copy = c
	if c.Problem != nil {
		return s
	}
	s.Login, s.UserID, s.User, s.Problem = c.Login, c.UserID, c.User, nil
	over := !s.Expires.IsZero() && !s.Expires.After(now)
	if !s.Live || over || s.Expires.IsZero() || !c.Expires.IsZero() && c.Expires.Before(s.Expires) {
		s.Expires = c.Expires
	}
	s.Live = true
	return s
}
