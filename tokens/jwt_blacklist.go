package tokens

import (
	"context"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// blacklistJWT does what blacklist() of rest_framework_simplejwt/tokens.py
// (5.5.1) does: a token's row if it has none, and the row that blacklists it.
func blacklistJWT(ctx context.Context, env Env, tx *db.Tx, batch []Credential) (db.Refusals, error) {
	stored := make([]db.OutstandingToken, len(batch))
	for i, c := range batch {
		r := c.row.(jwtRow)
		switch {
		case c.Type == access:
			return nil, &django.Error{Code: django.CodeKindUnsupported, Message: "access tokens cannot be blacklisted: the application never looks them up; this one lives until " + c.Expires.Format(time.RFC3339),
				Hint: "tokenctl user deactivate stops it, as does another signing key, or a changed password with CHECK_REVOKE_TOKEN; blacklist its refresh token so that no other follows"}
		case c.Signature == signatureUnchecked && !env.Unverified && !r.secret.IsZero() && (r.stored == nil || !r.stored.Text.Equal(r.secret)):
			e := keyMissing("no row holds this very token, and its signature cannot be checked").(*django.Error)
			e.Hint += "; --unverified blacklists what the token claims to be"
			return nil, e
		case r.stored == nil && c.Type != refresh && c.Type != sliding:
			return nil, &django.Error{Code: django.CodeInvalidValue, Message: "the token is of no type that can be blacklisted"}
		}
		if r.stored == nil {
			row, err := record(ctx, tx, c)
			if err != nil {
				return nil, err
			}
			r.stored = row
		}
		stored[i] = *r.stored
	}
	return tx.BlacklistOutstandingTokens(ctx, stored)
}

// record adds the row of a token that the application never recorded, as
// simplejwt writes it since 5.5.
func record(ctx context.Context, tx *db.Tx, c Credential) (*db.OutstandingToken, error) {
	r := c.row.(jwtRow)
	if r.token.JTI == "" || r.token.Expires.IsZero() {
		return nil, &django.Error{Code: django.CodeInvalidValue, Message: "the token has no id or no expiry: simplejwt accepts no such token"}
	}
	t, err := tx.InsertOutstanding(ctx, db.OutstandingToken{JTI: r.token.JTI, Text: r.secret, Created: tx.Now, Expires: r.token.Expires, User: c.Owner})
	return &t, err
}

// unblacklistJWT undoes a mistake while that changes anything.
func unblacklistJWT(ctx context.Context, _ Env, tx *db.Tx, c Credential) error {
	r := c.row.(jwtRow)
	notListed := &django.Error{Code: django.CodeNotFound, Message: c.ID + " is not blacklisted"}
	switch {
	case !r.blacklisted():
		return notListed
	case !c.Expires.After(tx.Now):
		return &django.Error{Code: django.CodeInvalidValue, Message: c.ID + " expired at " + c.Expires.Format(time.RFC3339) + ": it would not work again", Hint: "make another with tokenctl mint --kind jwt"}
	}
	was, err := tx.UnblacklistOutstanding(ctx, *r.stored)
	if err == nil && !was {
		err = notListed
	}
	return err
}

// expiredJWT spares what LEEWAY keeps alive.
func expiredJWT(ctx context.Context, env Env, s *db.Store, req PurgeRequest) (*db.Expired, error) {
	settings := jwtSettings(env)
	before := s.Now().Add(-settings.Leeway.Duration)
	if !req.Before.IsZero() && req.Before.Before(before) {
		before = req.Before
	}
	return s.ExpiredOutstanding(ctx, before, req.UserIDs, settings)
}

// jwtAftermath: what a blacklisted refresh token has made lives on.
func jwtAftermath(env Env, c Credential) string {
	r := c.row.(jwtRow)
	s := jwtSettings(env)
	note := ""
	switch c.Type {
	case sliding:
		note = "it stays dead while its row is there: tokenctl purge keeps that until " + c.Expires.Format(time.RFC3339) +
			", but flushexpiredtokens of simplejwt may delete it earlier, and the token could be refreshed again"
	default:
		until := r.seen.Add(s.AccessTokenLifetime.Duration).Truncate(time.Second).Add(time.Second)
		note = "access tokens made from " + c.ID + " live on until " + until.Format(time.RFC3339) + " at the latest (ACCESS_TOKEN_LIFETIME " +
			s.AccessTokenLifetime.String() + "); tokenctl user deactivate stops them at once"
	}
	if !r.secret.IsZero() && c.Signature == signatureUnchecked {
		note += "; no key is configured: the signature was not checked"
	}
	return note
}
