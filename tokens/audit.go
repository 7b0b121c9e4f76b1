package tokens

import (
	"context"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
)

// What tokenctl audit asks of a credential and leaves to its kind.

// Orphan reports whether the credential's user does not exist: see Orphans.
func (c *Credential) Orphan() bool { return c.orphan }

// Over reports whether the credential has expired, whatever else is true of it, so that purge
// deletes its row.
func (c *Credential) Over(env Env, now time.Time) bool {
	if c.Kind == JWT.Name {
		now = now.Add(-jwtSettings(env).Leeway.Duration)
	}
	return !c.Expires.IsZero() && c.Expires.Before(now)
}

// knoxNeverUsed: with AUTO_REFRESH a use moves the expiry (knox/auth.py, 5.0), and that is where
// TOKEN_TTL has put it first. knox reads the clock once for each of the two.
func knoxNeverUsed(env Env, c *Credential) bool {
	k := env.Settings.Knox
	ttl, ends := k.TokenTTL.Duration()
	if !k.AutoRefresh || !ends || c.Created.IsZero() || c.Expires.IsZero() {
		return false
	}
	return c.Expires.Sub(c.Created.Add(ttl)).Abs() < time.Second
}

// jwtNeverUsed: with rotation and blacklisting a refresh token is blacklisted when it is used, and
// only then (TokenRefreshSerializer of rest_framework_simplejwt/serializers.py, 5.5).
func jwtNeverUsed(env Env, c *Credential) bool {
	s := env.Settings.SimpleJWT
	return s.RotateRefreshTokens && s.BlacklistAfterRotation && c.Type == refresh
}

// jwtRevivable: flushexpiredtokens goes by expires_at, which stays when a sliding token is
// refreshed (simplejwt 5.5).
func jwtRevivable(c *Credential, now time.Time) bool {
	return c.Status == Blacklisted && c.Type == sliding && !c.rowEnds.IsZero() && !c.rowEnds.After(now) && c.Expires.After(now)
}

// redactedSignature stands in a row for the signature that was there. simplejwt never reads the
// text of a row.
const redactedSignature = "redacted"

func isRedacted(text tokenctl.Secret) bool {
	return strings.HasSuffix(text.Reveal(), "."+redactedSignature)
}

// isWithheld reports whether a view shows a JWT without its signature.
func isWithheld(text tokenctl.Secret) bool { return strings.HasSuffix(text.Reveal(), "."+db.Withheld) }

// jwtWhole reports whether the row has the whole refresh token.
func jwtWhole(c *Credential) bool {
	return c.Type == refresh && strings.Count(c.secret.Reveal(), ".") == 2 && !isRedacted(c.secret)
}

// redactJWT replaces the signatures in the rows of JWTs. The claims stay.
func redactJWT(ctx context.Context, tx *db.Tx, refs []*Ref) (db.Outcomes, error) {
	return tx.RedactOutstanding(ctx, rowsOf(refs), redactedSignature)
}

// newestJWT returns the id of the newest token whose text is stored.
func newestJWT(ctx context.Context, tx *db.Tx) (string, error) {
	list, err := tx.NewestOutstanding(ctx, 1)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return jwtID(list[0].JTI), nil
}

// SecretsOf returns the secrets of credentials, in their order.
func SecretsOf(list []*Credential) []tokenctl.Secret {
	return tokenctl.Mapped(list, func(c *Credential) tokenctl.Secret { return c.secret })
}

// LoggedID returns the id of a credential whose secret stands in the admin log.
func LoggedID(s *db.LoggedSecret) string {
	if s.Kind == Session.Name {
		return SessionID(s.Key)
	}
	return s.Kind + ":" + s.Key.Reveal()
}
