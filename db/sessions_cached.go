package db

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// A session that a cache has is a Session without Data: nobody signs it. Only its owner is in
// the database.

// CachedSession is a session that a cache has. The zero expiry is none.
func CachedSession(key tokenctl.Secret, login django.SessionLogin, problem error, expires time.Time) Session {
	return Session{Key: key, Login: login, Problem: problem, Expires: expires, Live: true, Cached: true}
}

// OwnSessions finds out whose the sessions are that a cache has.
func (tx *Tx) OwnSessions(ctx context.Context, list []Session) error {
	for i := range list {
		if list[i].Problem == nil {
			list[i].own(tx.Layout)
		}
	}
	return tx.owners(ctx, list)
}

// SelectSessions returns those of the sessions whose owners f selects. Of a session whose
// owner is not known no condition about owners is true.
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

// WithCopy is the session of a row and the copy that a cache has of it: the application reads
// the copy as long as it is there. Of both ends the earlier one counts; that of a row which has
// expired is none.
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
