package server

import (
	"errors"
	"net/http"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// addJWT adds the views of rest_framework_simplejwt/views.py (5.5.0). It adds them also without the
// token_blacklist app.
func (s *Server) addJWT(views map[string]*view, l *db.Layout) {
	s.recordsJWT = tokens.JWT.Present(l) && l.Blacklisted() != nil
	username := "username"
	if l.User != nil {
		username = l.User.Username
	}
	obtain := func(typ string) func(*jwtRequest, dict) (object, error) {
		return func(r *jwtRequest, values dict) (object, error) {
			return r.obtain(values.Text(username), values.Text("password"), typ)
		}
	}
	pair := s.jwtView("Token Obtain Pair", "Takes a set of user credentials and returns an access and refresh JSON web\ntoken pair to prove the authentication of those credentials.",
		tokenObtainSerializer(username), obtain("refresh"))
	sliding := s.jwtView("Token Obtain Sliding", "Takes a set of user credentials and returns a sliding JSON web token to\nprove the authentication of those credentials.",
		tokenObtainSerializer(username), obtain("sliding"))
	pair.password, sliding.password = true, true
	views["/api/token/"], views["/api/token/sliding/"] = pair, sliding
	views["/api/token/refresh/"] = s.jwtView("Token Refresh", "Takes a refresh type JSON web token and returns an access type JSON web\ntoken if the refresh token is valid.",
		tokenRefreshSerializer, (*jwtRequest).refresh)
	views["/api/token/sliding/refresh/"] = s.jwtView("Token Refresh Sliding", "Takes a sliding JSON web token and returns a new, refreshed version if the\ntoken's refresh period has not expired.",
		tokenSerializer, (*jwtRequest).refreshSliding)
	views["/api/token/verify/"] = s.jwtView("Token Verify", "Takes a token and indicates if it is valid.  This view provides no\ninformation about a token's fitness for a particular use.",
		tokenSerializer, (*jwtRequest).verify)
	views["/api/token/blacklist/"] = s.jwtView("Token Blacklist", "Takes a token and blacklists it. Must be used with the\n`rest_framework_simplejwt.token_blacklist` app installed.",
		tokenBlacklistSerializer, (*jwtRequest).blacklist)
}

// jwtRequest is a request to one of simplejwt's views.
type jwtRequest struct {
	*request
	jwt *django.JWTBackend
}

// jwtView returns a TokenViewBase. validate is the method of the serializer with that name.
func (s *Server) jwtView(name, description string, fields *serializer, validate func(*jwtRequest, dict) (object, error)) *view {
	post := func(r *request) (*response, error) {
		values, err := r.valid(fields)
		if err != nil {
			return nil, err
		}
		r.log.kind = tokens.JWT.Name
		b, err := r.env.JWT()
		if err != nil {
			return nil, err
		}
		answer, err := validate(&jwtRequest{r, b}, values)
		if err != nil {
			return nil, s.jwtViewError(r, err)
		}
		return newResponse(http.StatusOK, answer), nil
	}
	return &view{name: name, description: description, serializer: fields, challenge: s.jwtChallenge(),
		handlers: map[string]handler{http.MethodPost: post}}
}

// jwtViewError returns the answer to an exception in a serializer. A TokenError becomes InvalidToken. A
// ValidationError, also one of Django's ORM, becomes 400.
func (s *Server) jwtViewError(r *request, err error) error {
	var invalid *django.JWTError
	var key *db.KeyError
	switch {
	case errors.As(err, &invalid):
		why, text, err := s.tokenError(err)
		if err != nil {
			return err
		}
		r.log.failed = true
		return jwtNotValid(why, text)
	case errors.As(err, &key) && key.Invalid != "":
		return invalidNonField(key.Invalid)
	}
	return nameUserClaim(err)
}

// transact runs a transaction. The transaction is read-only if writes is false.
func (r *jwtRequest) transact(writes bool, f func(*db.Tx) error) error {
	if !writes {
		return r.server.Store.Read(r.ctx, f)
	}
	return r.server.writeAgain(r.ctx, f)
}

// verified does the work of Token(token) for a token of a type. It asks the blacklist if the database has one.
func (r *jwtRequest) verified(tx *db.Tx, secret tokenctl.Secret, typ string) (*django.JWT, error) {
	check := django.JWTCheck{Now: tx.Now, Type: typ}
	if r.server.recordsJWT {
		check.Blacklisted = func(jti string) (bool, error) { return r.blacklisted(tx, jti) }
	}
	token, err := r.jwt.Verify(secret, check)
	if token != nil {
		r.log.credential = "jwt:" + token.JTI
	}
	return token, err
}

// obtain does the work of TokenObtainPairSerializer and TokenObtainSlidingSerializer.
func (r *jwtRequest) obtain(username, password, typ string) (answer object, err error) {
	s, settings := r.server, r.jwt.Settings()
	user, err := r.login(username, password)
	if err != nil {
		return nil, err
	}
	if user == nil || s.inactiveForJWT(user) {
		r.log.failed = true
		return nil, authenticationFailed("No active account found with the given credentials")
	}
	r.log.user = user.Username
	dated := settings.UpdateLastLogin && !s.ReadOnly
	err = r.transact(s.recordsJWT || dated, func(tx *db.Tx) error {
		if answer, err = r.issue(tx, *user, typ); err != nil || !dated {
			return err
		}
		return tx.SetLastLogin(r.ctx, *user)
	})
	return answer, err
}

// refresh does the work of TokenRefreshSerializer. It decodes the token, and looks up its user and its rows, as often
// as simplejwt does: each error then comes from the same call. With BLACKLIST_AFTER_ROTATION one transaction blacklists
// the old token and makes the new one. If two clients send the same token, one client gets a new token. The
// other client gets the answer that it would get a moment later. simplejwt gives a new token to both (its
// issue 985).
func (r *jwtRequest) refresh(values dict) (answer object, err error) {
	s, settings := r.server, r.jwt.Settings()
	secret := tokenctl.NewSecret(values.Text("refresh"))
	if _, err := r.jwt.Decode(secret, s.Now()); err != nil {
		return nil, err // 401 before the transaction, for which a read-only server answers 503
	}
	blacklist := settings.RotateRefreshTokens && settings.BlacklistAfterRotation && s.recordsJWT
	// simplejwt before 5.5.0 does not record the token that rotation makes (its issue 25).
	recordsNew := settings.RotateRefreshTokens && s.peers.SimpleJWT.AtLeast("5.5.0")
	err = r.transact(s.recordsJWT && (blacklist || recordsNew), func(tx *db.Tx) error {
		token, err := r.verified(tx, secret, "refresh")
		if err != nil {
			return err
		}
		if err := r.checkOwner(tx, token.Claims); err != nil {
			return err
		}
		access, err := r.access(token.Claims, tx.Now)
		if err != nil {
			return err
		}
		answer = object{{"access", access.Reveal()}}
		if !settings.RotateRefreshTokens {
			return nil
		}
		if blacklist {
			fresh, err := r.addToBlacklist(tx, token)
			if err == nil && !fresh {
				err = &django.JWTError{Reason: django.JWTBlacklisted}
			}
			if err != nil {
				return err
			}
		}
		rotated, err := r.rotated(tx, token.Claims, recordsNew)
		answer = append(answer, member{"refresh", rotated.Reveal()})
		return err
	})
	return answer, err
}

// refreshSliding does the work of TokenRefreshSlidingSerializer.
func (r *jwtRequest) refreshSliding(values dict) (answer object, err error) {
	secret := tokenctl.NewSecret(values.Text("token"))
	err = r.transact(false, func(tx *db.Tx) error {
		token, err := r.verified(tx, secret, "sliding")
		if err != nil {
			return err
		}
		if err := r.jwt.CheckExpiry(token, r.jwt.Settings().SlidingTokenRefreshExpClaim, tx.Now); err != nil {
			return err
		}
		renewed, err := r.jwt.Encode(r.jwt.RefreshSliding(token.Claims, tx.Now))
		answer = object{{"token", renewed.Reveal()}}
		return err
	})
	return answer, err
}

// verify does the work of TokenVerifySerializer. It asks the blacklist only with BLACKLIST_AFTER_ROTATION.
func (r *jwtRequest) verify(values dict) (object, error) {
	token, err := r.jwt.Verify(tokenctl.NewSecret(values.Text("token")), django.JWTCheck{Now: r.server.Now()})
	if err != nil {
		return nil, err
	}
	r.log.credential = "jwt:" + token.JTI
	if token.Type != "refresh" {
		if void, err := r.denied(r.jwt.Settings(), token); err != nil {
			return nil, err
		} else if void {
			return nil, invalidNonField("Token is blacklisted")
		}
	}
	if !r.jwt.Settings().BlacklistAfterRotation || !r.server.recordsJWT {
		return object{}, nil
	}
	return object{}, r.transact(false, func(tx *db.Tx) error {
		listed, err := r.blacklisted(tx, token.JTI)
		if err == nil && listed {
			err = invalidNonField("Token is blacklisted")
		}
		return err
	})
}

// blacklist does the work of TokenBlacklistSerializer. Without the token_blacklist app it changes nothing.
func (r *jwtRequest) blacklist(values dict) (object, error) {
	secret := tokenctl.NewSecret(values.Text("refresh"))
	if _, err := r.jwt.Decode(secret, r.server.Now()); err != nil {
		return nil, err // 401 before the transaction, for which a read-only server answers 503
	}
	return object{}, r.transact(r.server.recordsJWT, func(tx *db.Tx) error {
		token, err := r.verified(tx, secret, "refresh")
		if err != nil || !r.server.recordsJWT {
			return err
		}
		_, err = r.addToBlacklist(tx, token)
		return err
	})
}
