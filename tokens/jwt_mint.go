package tokens

import (
	"context"
	"slices"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

func checkMintJWT(_ Env, r MintRequest) error {
	switch r.Type {
	case "", refresh, sliding, access:
	default:
		return &django.Error{Code: django.CodeUsage, Message: "there is no token type " + r.Type, Hint: "the types are refresh (with its access token), access and sliding"}
	}
	return checkLifeJWT(r.Life)
}

func checkRotateJWT(_ Env, r RotateRequest) error {
	if err := noOverlap("jwt tokens", r); err != nil {
		return err
	}
	return checkLifeJWT(r.Life)
}

func checkLifeJWT(life Life) error {
	if life.Never {
		return &django.Error{Code: django.CodeUsage, Message: "jwt tokens always expire: simplejwt refuses one without exp", Hint: "give --ttl or --expires"}
	}
	return nil
}

// signer is what makes tokens of one type and life.
type signer struct {
	*django.JWTBackend
	env Env
	tx  *db.Tx
}

// keySamples is how many stored tokens the configured key is tried on.
const keySamples = 5

// newSigner returns what signs, once it is known to be what the application
// signs with: the key must verify one of the newest outstanding tokens, where
// there are any. life is that of a token of the given type.
func newSigner(ctx context.Context, env Env, tx *db.Tx, typ string, life Life, force bool) (*signer, error) {
	b, err := env.JWT()
	if err != nil {
		return nil, err
	}
	if !b.Keys().CanSign() {
		if b.Keys().CanVerify() {
			return nil, &django.Error{Code: django.CodeKeyMissing, Message: "the token cannot be signed: only the public key is configured", Hint: "name the private key's PEM file in signing_key_file under [simplejwt] of tokenctl.toml"}
		}
		return nil, keyMissing("the token cannot be signed")
	}
	var stored []django.Secret
	if tx.Layout.Outstanding() != nil {
		if stored, err = tx.NewestOutstanding(ctx, keySamples); err != nil {
			return nil, err
		}
	}
	if err := rightJWTKey(b, stored, tx.Now); err != nil && !force {
		return nil, err
	}
	s := b.Settings()
	lifetime := django.Duration{Duration: life.TTL}
	if !life.Expires.IsZero() {
		lifetime.Duration = life.Expires.Sub(tx.Now)
	}
	if lifetime.Duration > 0 {
		switch typ {
		case access:
			s.AccessTokenLifetime = lifetime
		case sliding:
			s.SlidingTokenRefreshLifetime = lifetime
			s.SlidingTokenLifetime.Duration = min(s.SlidingTokenLifetime.Duration, lifetime.Duration)
		default:
			s.RefreshTokenLifetime = lifetime
		}
	}
	simplejwt, pyjwt := b.Versions()
	if env.Settings.Peers.SimpleJWT == "" {
		if simplejwt = releaseOf(s, stored); simplejwt != "" {
			pyjwt = env.Settings.Peers.PyJWT
		}
	}
	if b, err = django.NewJWTBackend(s, b.Keys(), simplejwt, pyjwt); err != nil {
		return nil, err
	}
	return &signer{b, env, tx}, nil
}

// rightJWTKey returns a CodeWrongKey error when there are stored tokens and the
// key has signed none of them.
func rightJWTKey(b *django.JWTBackend, stored []django.Secret, now time.Time) error {
	tried := false
	for _, secret := range stored {
		if _, err := b.Settings().DecodeUnverified(secret.Reveal()); err != nil {
			continue
		}
		tried = true
		if signature, _ := checkSignature(b, secret, now); signature == signatureVerified {
			return nil
		}
	}
	if !tried {
		return nil
	}
	return &django.Error{Code: django.CodeWrongKey, Message: "the configured key did not sign the tokens that the application made last: it would refuse a new one",
		Hint: "configure the application's own SECRET_KEY or SIGNING_KEY, and its algorithm; --force signs all the same"}
}

// releaseOf tells from the newest stored token how this application's simplejwt
// writes tokens: iat since 5.0.0, the user's id as text since 5.5.1. It is empty,
// for the newest, where there is none to tell.
func releaseOf(s django.JWTSettings, stored []django.Secret) django.Version {
	for _, secret := range stored {
		t, err := s.DecodeUnverified(secret.Reveal())
		if err != nil {
			continue
		}
		id := t.Claims.Get(s.UserIDClaim)
		switch {
		case t.Claims.Get("iat") == nil:
			return "4.8.0"
		case len(id) > 0 && id[0] != '"':
			return "5.5.0"
		}
		return ""
	}
	return ""
}

// minted is the credential of a token just made.
func (s *signer) minted(secret django.Secret, owner db.User, stored *db.OutstandingToken) (Credential, *django.JWT, error) {
	token, err := s.Settings().DecodeUnverified(secret.Reveal())
	if err != nil {
		return Credential{}, nil, err
	}
	c := Credential{Kind: "jwt", Type: token.Type, ID: "jwt:" + token.JTI, Owner: owner, Created: token.IssuedAt, Expires: token.Expires, Signature: signatureVerified,
		secret: secret, row: jwtRow{stored: stored, token: token, secret: secret, seen: s.tx.Now}}
	if token.Type == sliding {
		c.Expires = token.RefreshExpires
	}
	if c.Created.IsZero() {
		c.Created = s.tx.Now
	}
	c.Claims, err = token.Claims.MarshalJSON()
	c.Status = jwtStatus(s.Settings(), c, s.tx.Now)
	return c, token, err
}

// issue signs a token of a type for a user, and records it as for_user does.
func (s *signer) issue(ctx context.Context, typ string, owner db.User, custom []django.JWTClaim) (Minted, error) {
	user, err := s.tx.JWTUser(ctx, owner, s.Settings())
	if err != nil {
		return Minted{}, err
	}
	jti, err := django.NewJTI(s.env.Random)
	if err != nil {
		return Minted{}, err
	}
	now := s.tx.Now
	build := s.NewRefresh
	if typ == sliding {
		build = s.NewSliding
	}
	claims, err := build(user, now, jti, custom)
	if err != nil {
		return Minted{}, err
	}
	var second django.Secret
	if typ != sliding {
		// An access token is what a refresh token makes, also without one.
		id, err := django.NewJTI(s.env.Random)
		if err != nil {
			return Minted{}, err
		}
		if second, err = s.Encode(s.AccessFromRefresh(claims, now, id)); err != nil {
			return Minted{}, err
		}
	}
	if typ == access {
		c, _, err := s.minted(second, owner, nil)
		return Minted{Credential: c, Secrets: []Named{{access, second}}}, err
	}
	secret, err := s.Encode(claims)
	if err != nil {
		return Minted{}, err
	}
	c, token, err := s.minted(secret, owner, nil)
	if err != nil {
		return Minted{}, err
	}
	row, err := s.tx.InsertOutstanding(ctx, db.OutstandingToken{JTI: jti, Text: secret, Created: now, Expires: token.Expires, User: owner})
	if err != nil {
		return Minted{}, err
	}
	c.row = jwtRow{stored: &row, token: token, secret: secret, seen: now}
	if typ == sliding {
		return Minted{Credential: c, Secrets: []Named{{"token", secret}}}, nil
	}
	return Minted{Credential: c, Secrets: []Named{{refresh, secret}, {access, second}}}, nil
}

func mintJWT(ctx context.Context, env Env, tx *db.Tx, req MintRequest) (Minted, error) {
	typ := req.Type
	if typ == "" {
		typ = refresh
	}
	if typ != access && tx.Layout.Outstanding() == nil {
		return Minted{}, &django.Error{Code: django.CodeTableMissing, Message: "the database has no table for " + typ + " tokens",
			Hint: `add "rest_framework_simplejwt.token_blacklist" to INSTALLED_APPS and run manage.py migrate; --type access makes a token that is never recorded`}
	}
	s, err := newSigner(ctx, env, tx, typ, req.Life, req.Force)
	if err != nil {
		return Minted{}, err
	}
	return s.issue(ctx, typ, req.User, req.Claims)
}

// rotateJWT blacklists a token and records another in its place, with the same
// custom claims. Of two at once, one gets CodeChanged.
func rotateJWT(ctx context.Context, env Env, tx *db.Tx, c Credential, req RotateRequest) (Minted, error) {
	r := c.row.(jwtRow)
	switch {
	case c.Type == access:
		return Minted{}, &django.Error{Code: django.CodeKindUnsupported, Message: "access tokens cannot be rotated: a refresh token makes them", Hint: "rotate the refresh token, or mint another pair"}
	case r.blacklisted():
		return Minted{}, &django.Error{Code: django.CodeChanged, Message: c.ID + " is blacklisted: there is nothing to replace", Hint: "make another with tokenctl mint --kind jwt"}
	case c.Status == Expired || !c.Expires.After(tx.Now):
		return Minted{}, &django.Error{Code: django.CodeChanged, Message: c.ID + " has expired: there is nothing to replace", Hint: "make another with tokenctl mint --kind jwt"}
	case c.Owner.ID == "":
		return Minted{}, &django.Error{Code: django.CodeUserNotFound, Message: c.ID + " belongs to nobody: there is nobody to make another for", Hint: "blacklist it"}
	}
	typ := c.Type
	if typ != sliding {
		typ = refresh
	}
	life := req.Life
	if life.Keep {
		life = Life{Expires: c.Expires}
	}
	s, err := newSigner(ctx, env, tx, typ, life, req.Force)
	if err != nil {
		return Minted{}, err
	}
	if r.token != nil && !req.Force {
		if err := rightJWTKey(s.JWTBackend, []django.Secret{c.secret}, tx.Now); err != nil {
			return Minted{}, err
		}
	}
	if r.stored == nil {
		if r.stored, err = record(ctx, tx, c); err != nil {
			return Minted{}, err
		}
	}
	fresh, err := tx.BlacklistOutstanding(ctx, *r.stored)
	if err == nil && !fresh {
		err = &django.Error{Code: django.CodeChanged, Message: c.ID + " was rotated or blacklisted meanwhile", Hint: "nothing was done; look again with tokenctl list --user"}
	}
	if err != nil {
		return Minted{}, err
	}
	m, err := s.issue(ctx, typ, c.Owner, customClaims(s.Settings(), r.token))
	m.Replaces = c.ID
	return m, err
}

// customClaims are those that simplejwt did not put there itself.
func customClaims(s django.JWTSettings, t *django.JWT) []django.JWTClaim {
	if t == nil {
		return nil
	}
	own := []string{"exp", "iat", "nbf", "aud", "iss", "jti", s.JTIClaim, s.TokenTypeClaim, s.UserIDClaim, s.SlidingTokenRefreshExpClaim, s.RevokeTokenClaim}
	return slices.DeleteFunc(slices.Clone([]django.JWTClaim(t.Claims)), func(c django.JWTClaim) bool { return slices.Contains(own, c.Name) })
}
