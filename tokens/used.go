package tokens

import (
	"time"

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
