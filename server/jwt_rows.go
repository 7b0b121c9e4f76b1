package server

import (
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// What simplejwt's views do with rows: rest_framework_simplejwt/tokens.py, as 5.2.2,
// 5.4.0, 5.5.0 and 5.5.1 have it.

// issue is RefreshToken.for_user or SlidingToken.for_user, and get_token of a
// project that adds custom claims. Such a project's row holds the token without
// them: for_user writes it first.
func (r *jwtRequest) issue(tx *db.Tx, user db.User, typ string) (object, error) {
	owners, err := tx.JWTUsers(r.ctx, []db.User{user}, r.jwt.Settings())
	if err != nil {
		return nil, err
	}
	jti, err := django.NewJTI(r.server.Env.Random)
	if err != nil {
		return nil, err
	}
	r.log.credential = "jwt:" + jti
	build := r.jwt.NewRefresh
	if typ == "sliding" {
		build = r.jwt.NewSliding
	}
	plain, err := build(owners[0], tx.Now, jti, nil)
	if err != nil {
		return nil, err
	}
	if r.server.recordsJWT {
		if _, err := r.insert(tx, db.OutstandingToken{JTI: jti, Created: tx.Now, User: user}, plain); err != nil {
			return nil, err
		}
	}
	claims, err := build(owners[0], tx.Now, jti, r.server.Claims)
	if err != nil {
		return nil, err
	}
	secret, err := r.jwt.Encode(claims)
	if err != nil {
		return nil, err
	}
	if typ == "sliding" {
		return object{{"token", secret.Reveal()}}, nil
	}
	access, err := r.access(claims, tx.Now)
	return object{{"refresh", secret.Reveal()}, {"access", access.Reveal()}}, err
}

// access is RefreshToken.access_token.
func (r *jwtRequest) access(refresh django.JWTClaims, now time.Time) (tokenctl.Secret, error) {
	jti, err := django.NewJTI(r.server.Env.Random)
	if err != nil {
		return tokenctl.Secret{}, err
	}
	return r.jwt.Encode(r.jwt.AccessFromRefresh(refresh, now, jti))
}

// rotated is the token that takes the place of another.
func (r *jwtRequest) rotated(tx *db.Tx, refresh django.JWTClaims, recordsNew bool) (tokenctl.Secret, error) {
	jti, err := django.NewJTI(r.server.Env.Random)
	if err != nil {
		return tokenctl.Secret{}, err
	}
	claims := r.jwt.RotateRefresh(refresh, tx.Now, jti)
	switch {
	case recordsNew && r.server.recordsJWT:
		_, err = r.getOrCreateOutstanding(tx, claims, jti)
	case recordsNew && !r.server.peers.SimpleJWT.AtLeast("5.5.1"):
		err = uncaught("simplejwt 5.5.0 records rotated tokens also where it has no table (its issue 875)")
	}
	if err != nil {
		return tokenctl.Secret{}, err
	}
	return r.jwt.Encode(claims)
}

// blacklisted is what check_blacklist asks.
func (r *jwtRequest) blacklisted(tx *db.Tx, jti string) (bool, error) {
	if err := r.server.checkNUL(jti); err != nil {
		return false, err
	}
	found, err := tx.OutstandingToken(r.ctx, jti, r.jwt.Settings())
	return found != nil && found.Blacklisted, err
}

// addToBlacklist is blacklist(). fresh is false where the token was there already.
func (r *jwtRequest) addToBlacklist(tx *db.Tx, token *django.JWT) (fresh bool, err error) {
	if string(token.Claims.Get(r.jwt.Settings().JTIClaim)) == "null" {
		return false, uncaught("the id of a token may not be null")
	}
	row, err := r.getOrCreateOutstanding(tx, token.Claims, token.JTI)
	if err != nil {
		return false, err
	}
	return tx.BlacklistOutstanding(r.ctx, *row)
}

// getOrCreateOutstanding is the get_or_create of blacklist() and, since simplejwt 5.5, of outstand().
func (r *jwtRequest) getOrCreateOutstanding(tx *db.Tx, claims django.JWTClaims, jti string) (*db.OutstandingToken, error) {
	release, settings := r.server.peers.SimpleJWT, r.jwt.Settings()
	claim := claims.Get(settings.UserIDClaim)
	t := db.OutstandingToken{JTI: jti}
	if release.AtLeast("5.5.0") {
		user, err := tx.UserByClaim(r.ctx, claim, settings, r.server.peers.Django)
		if err != nil {
			return nil, err
		}
		if user != nil {
			t.User = *user
		}
	}
	if release.AtLeast("5.4.0") {
		t.Created = tx.Now
	}
	found, err := tx.OutstandingToken(r.ctx, jti, settings)
	if found != nil || err != nil {
		return found, err
	}
	if release.AtLeast("5.4.0") && !release.AtLeast("5.5.0") {
		// It takes the claim for the primary key.
		settings.UserIDField = "pk"
		user, err := tx.UserByClaim(r.ctx, claim, settings, r.server.peers.Django)
		switch {
		case err != nil:
			return nil, err
		case user != nil:
			t.User = *user
		case len(claim) > 0 && string(claim) != "null":
			return nil, uncaught("no user has the id that the token names: its row would break a foreign key")
		}
	}
	return r.insert(tx, t, claims)
}

// insert writes the row of a token, signed once more from its claims.
func (r *jwtRequest) insert(tx *db.Tx, t db.OutstandingToken, claims django.JWTClaims) (*db.OutstandingToken, error) {
	var err error
	if t.Text, err = r.jwt.Encode(claims); err != nil {
		return nil, err
	}
	token, err := django.DecodeUnverified(r.jwt.Settings(), t.Text.Reveal())
	if err != nil {
		return nil, err
	}
	t.Expires = token.Expires
	t, err = tx.InsertOutstanding(r.ctx, t)
	return &t, err
}

// checkOwner is what TokenRefreshSerializer asks about the user since 5.4.0. simplejwt does not handle a deleted
// user: get() raises DoesNotExist, and the answer is 500.
func (r *jwtRequest) checkOwner(tx *db.Tx, claims django.JWTClaims) error {
	claim := claims.Get(r.jwt.Settings().UserIDClaim)
	if !r.server.peers.SimpleJWT.AtLeast("5.4.0") || django.ClaimFalsy(claim) {
		return nil
	}
	user, err := tx.UserByClaim(r.ctx, claim, r.jwt.Settings(), r.server.peers.Django)
	switch {
	case err != nil:
		return err
	case user == nil:
		return uncaught("the user of the token is deleted")
	}
	r.log.user = user.Username
	if r.server.inactiveForJWT(user) {
		return authenticationFailed("No active account found for the given token.")
	}
	return nil
}
