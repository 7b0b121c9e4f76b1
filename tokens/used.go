package tokens

import (
	"context"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// No peer records when a credential is used. What it writes on use tells.

// sessionUsed is when Django wrote the session last: its signature has the time.
func sessionUsed(s *db.Session) time.Time {
	data, err := django.DecodeSession(s.Data)
	if err != nil {
		return time.Time{}
	}
	return data.Signed
}

// knoxUsed is when AUTO_REFRESH moved the end of a token for the last time: to TOKEN_TTL after
// that use. An end that AUTO_REFRESH_MAX_TTL limits does not tell.
func knoxUsed(env Env, c *Credential) time.Time {
	k := env.Settings.Knox
	ttl, ends := k.TokenTTL.Duration()
	limit := k.AutoRefreshMaxTTL.Duration
	if !k.AutoRefresh || !ends || !k.TokenTTL.IsSet() || c.Expires.IsZero() || limit != 0 && !c.Expires.Before(c.Created.Add(limit)) {
		return time.Time{}
	}
	if used := c.Expires.Add(-ttl); used.After(c.Created.Add(time.Second)) {
		return used
	}
	return time.Time{}
}

// Use is when a credential was used last: at some time from From to To, as Source tells.
type Use struct {
	From, To time.Time
	Source   string
}

// LastUse is when a credential was used last, as far as its row proves that; ok is false where it
// proves nothing, and then To is now. Of a credential from a list, the list must have been asked for
// it ([Selector.Used] and Detailed); of others see [FindUse].
func (c *Credential) LastUse(env Env, now time.Time) (u Use, ok bool) {
	if k := c.Of(); k.lastUse != nil {
		u = k.lastUse(env, c)
	}
	if u.From.IsZero() || u.From.After(now) { // no use moved an expiry so far
		u = c.madeByLogin()
	}
	if u.To.IsZero() || u.To.After(now) {
		u.To = now
	}
	return u, !u.From.IsZero()
}

// madeByLogin is the use at a login that made the credential: knox's LoginView, simplejwt with
// UPDATE_LAST_LOGIN and dj-rest-auth with a session set last_login then. It proves nothing about later
// uses.
func (c *Credential) madeByLogin() Use {
	if login := c.Owner.LastLogin; !login.IsZero() && !c.Created.IsZero() && login.Sub(c.Created).Abs() <= 2*time.Second {
		return Use{From: c.Created, Source: "last_login: a login made it"}
	}
	return Use{}
}

// FindUse reads what the rows of credentials that were named do not tell about their last use: when
// JWTs were blacklisted.
func FindUse(ctx context.Context, tx *db.Tx, list []*Credential) error {
	var rows []db.Ref
	var of []*Credential
	for _, c := range list {
		if c.Kind == JWT.Name && c.Status == Blacklisted && c.Stored() {
			rows, of = append(rows, c.row), append(of, c)
		}
	}
	if rows == nil {
		return nil
	}
	at, err := tx.BlacklistedAt(ctx, rows)
	for i, c := range of {
		c.blacklistedAt = at[i]
	}
	return err
}

// knoxLastUse: knox writes a move only if it is longer than MIN_REFRESH_INTERVAL (knox/auth.py,
// 5.0), so further uses within that time leave no trace.
func knoxLastUse(env Env, c *Credential) Use {
	used := knoxUsed(env, c)
	if used.IsZero() {
		return Use{}
	}
	interval := tokenctl.DefaultMinRefreshInterval
	if set := env.Settings.Knox.MinRefreshInterval; set != nil {
		interval = set.Duration
	}
	return Use{From: used, To: used.Add(interval), Source: "AUTO_REFRESH moved its expiry"}
}

// sessionLastUse: without SESSION_SAVE_EVERY_REQUEST a use that changes nothing leaves no trace.
func sessionLastUse(env Env, c *Credential) Use {
	u := Use{From: c.Used, Source: "the session was saved"}
	if env.Settings.Session.SaveEveryRequest {
		u.To = c.Used
	}
	return u
}

// jwtLastUse: with rotation and blacklisting, a refresh token that is live was made by a login or
// by the use of its predecessor, and nobody has used it since. One that is blacklisted was used then,
// or blacklisted by somebody and not used later.
func jwtLastUse(env Env, c *Credential) Use {
	switch {
	case !jwtNeverUsed(env, c):
	case c.Status == Active:
		return Use{From: c.Created, To: c.Created, Source: "a login or a rotation made it, and it has not been used since"}
	case c.Status == Blacklisted && !c.blacklistedAt.IsZero():
		return Use{From: c.Created, To: c.blacklistedAt, Source: "a rotation, or somebody, blacklisted it then"}
	}
	return Use{}
}
