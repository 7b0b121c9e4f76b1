package tokens

import (
	"context"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// blacklistJWT does what blacklist() of rest_framework_simplejwt/tokens.py
// (5.5.1) does: the token's row if it has none, and the row that blacklists it.
func blacklistJWT(ctx context.Context, env Env, tx *db.Tx, c Credential) error {
	r := c.row.(jwtRow)
	switch {
	case c.Type == access:
		return &django.Error{Code: django.CodeKindUnsupported, Message: "access tokens cannot be blacklisted: the application never looks them up; this one lives until " + c.Expires.Format(time.RFC3339),
			Hint: "tokenctl user deactivate stops it, as does another signing key, or a changed password with CHECK_REVOKE_TOKEN; blacklist its refresh token so that no other follows"}
	case c.Signature == signatureUnchecked && !env.Unverified && !r.secret.IsZero() && (r.stored == nil || !r.stored.Text.Equal(r.secret)):
		e := keyMissing("no row holds this very token, and its signature cannot be checked").(*django.Error)
		e.Hint += "; --unverified blacklists what the token claims to be"
		return e
	case r.stored == nil && c.Type != refresh && c.Type != sliding:
		return &django.Error{Code: django.CodeInvalidValue, Message: "the token is of no type that can be blacklisted"}
	}
	var err error
	if r.stored == nil {
		if r.stored, err = record(ctx, tx, c); err != nil {
			return err
		}
	}
	fresh, err := tx.BlacklistOutstanding(ctx, *r.stored)
	if err == nil && !fresh {
		err = &django.Error{Code: django.CodeAlreadyExists, Message: c.ID + " is blacklisted already", Hint: "--ignore-missing makes that no fault"}
	}
	return err
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

func countExpiredJWT(ctx context.Context, env Env, tx *db.Tx, req PurgeRequest) (int64, error) {
	return tx.CountExpiredOutstanding(ctx, purgeBefore(env, tx, req), req.UserIDs, jwtSettings(env))
}

func purgeJWT(ctx context.Context, env Env, tx *db.Tx, req PurgeRequest) (int64, error) {
	return tx.PurgeOutstanding(ctx, purgeBefore(env, tx, req), req.UserIDs, req.Limit, jwtSettings(env))
}

// purgeBefore spares what LEEWAY keeps alive.
func purgeBefore(env Env, tx *db.Tx, req PurgeRequest) time.Time {
	latest := tx.Now.Add(-jwtSettings(env).Leeway.Duration)
	if !req.Before.IsZero() && req.Before.Before(latest) {
		return req.Before
	}
	return latest
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
