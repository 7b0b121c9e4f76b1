package tokens

import (
	"context"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// No peer has a record of uses. tokenctl finds the last use from values that a peer writes when somebody uses a
// credential.

// sessionUsed returns the time when Django last wrote the session. It reads this time from the signature.
func sessionUsed(s *db.Session) time.Time {
	data, err := django.DecodeSession(s.Data)
	if err != nil {
		return time.Time{}
	}
	return data.Signed
}

// knoxUsed returns the time of the use at which AUTO_REFRESH last moved a token's end: TOKEN_TTL before the end.
// It returns zero if AUTO_REFRESH_MAX_TTL limits the end, because such an end does not depend on the use.
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

// Use is the last use of a credential. It happened between From and To; Source names the proof.
type Use struct {
	From, To time.Time
	Source   string
}

// LastUse returns the last use of a credential, as far as its row proves it. If the row proves no use, ok is
// false and To is now. A credential of a list needs a list with [Selector.Used] and Detailed; for other
// credentials the caller must call [FindUse] first.
func (c *Credential) LastUse(env Env, now time.Time) (u Use, ok bool) {
	if k := c.Of(); k.lastUse != nil {
		u = k.lastUse(env, c)
	}
	if u.From.IsZero() || u.From.After(now) { // an end that somebody moved into the far future proves no use
		u = c.madeByLogin()
	}
	if u.To.IsZero() || u.To.After(now) {
		u.To = now
	}
	return u, !u.From.IsZero()
}

// madeByLogin returns the login that made the credential as its use. knox's LoginView, simplejwt with
// UPDATE_LAST_LOGIN, and dj-rest-auth with a session set last_login at the same time. It proves nothing about
// later uses.
func (c *Credential) madeByLogin() Use {
	if login := c.Owner.LastLogin; !login.IsZero() && !c.Created.IsZero() && login.Sub(c.Created).Abs() <= 2*time.Second {
		return Use{From: c.Created, Source: "last_login: a login made it"}
	}
	return Use{}
}

// FindUse reads when blacklisted JWTs were blacklisted, because [Credential.LastUse] needs these times. Lists
// read them anyway.
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

// knoxLastUse returns the last use of a knox token. knox moves the end only by more than MIN_REFRESH_INTERVAL
// (knox/auth.py, 5.0), so a further use within that time changes no row.
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

// sessionLastUse returns the last use of a session. Without SESSION_SAVE_EVERY_REQUEST, Django does not save a
// session at a use that changes nothing, so later uses are possible.
func sessionLastUse(env Env, c *Credential) Use {
	u := Use{From: c.Used, Source: "the session was saved"}
	if env.Settings.Session.SaveEveryRequest {
		u.To = c.Used
	}
	return u
}

// jwtLastUse returns the last use of a refresh token, if the application rotates and blacklists refresh tokens.
// Then a login, or the use of its predecessor, made a live token, and nobody has used it since. A blacklisted
// token was used when it was blacklisted, or somebody blacklisted it then; in both cases no use came later.
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
