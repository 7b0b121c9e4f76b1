package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// jwtAuthentication returns JWTAuthentication of rest_framework_simplejwt/authentication.py (5.5.0). It
// compares keywords exactly, and DRF ignores their case.
func (s *Server) jwtAuthentication() *authenticator {
	settings := s.Env.Settings.SimpleJWT.WithDefaults()
	header := metaHeader(settings.AuthHeaderName)
	return &authenticator{name: "jwt", challenge: s.jwtChallenge(), authenticate: func(r *request) (*identity, error) {
		parts := words(r.header(header))
		if len(parts) == 0 || !slices.Contains(settings.AuthHeaderTypes, parts[0]) {
			return nil, nil
		}
		r.log.kind = tokens.JWT.Name
		if len(parts) != 2 {
			return nil, jwtFailed("Authorization header must contain two space-delimited values", "bad_authorization_header")
		}
		return r.authenticateJWT(tokenctl.NewSecret(parts[1]))
	}}
}

// metaHeader returns the header behind a name in request.META. It returns an empty text, which no request has
// as a header, if WSGI puts no header under this name.
func metaHeader(name string) string {
	rest, ok := strings.CutPrefix(name, "HTTP_")
	if !ok && name != "CONTENT_TYPE" && name != "CONTENT_LENGTH" {
		return ""
	}
	return http.CanonicalHeaderKey(strings.ReplaceAll(rest, "_", "-"))
}

// jwtChallenge returns authenticate_header of the class and of simplejwt's views.
func (s *Server) jwtChallenge() string {
	return s.Env.Settings.SimpleJWT.WithDefaults().AuthHeaderTypes[0] + ` realm="api"`
}

// jwtFailed returns AuthenticationFailed of rest_framework_simplejwt/exceptions.py.
func jwtFailed(text reason, code string) *apiError { return jwtDetailed(text, string(text), code) }

// jwtNotValid returns InvalidToken of the same file.
func jwtNotValid(why reason, text string, more ...member) *apiError {
	return jwtDetailed(why, text, "token_not_valid", more...)
}

// jwtDetailed returns AuthenticationFailed with the body of DetailDictMixin of the same file.
func jwtDetailed(why reason, text, code string, more ...member) *apiError {
	e := authenticationFailed(why)
	e.body = append(object{{"detail", text}, {"code", code}}, more...)
	return e
}

// tokenError returns the reason and the text of the TokenError that simplejwt raises for a token. An exception
// that simplejwt does not catch, and an error that is not about the token, remain an error.
func (s *Server) tokenError(err error) (why reason, text string, _ error) {
	var e *django.JWTError
	if !errors.As(err, &e) {
		return "", "", err
	}
	if e.Reason == django.JWTServerError {
		return "", "", uncaught("simplejwt ends with an exception")
	}
	return jwtReason(e), e.Message(s.peers.SimpleJWT), nil
}

// authenticateJWT does the work of get_validated_token and get_user. AUTH_TOKEN_CLASSES has its default value,
// access tokens alone.
func (r *request) authenticateJWT(secret tokenctl.Secret) (*identity, error) {
	s := r.server
	b, err := r.env.JWT()
	if err != nil {
		return nil, err
	}
	token, err := b.Verify(secret, django.JWTCheck{Now: s.Now(), Type: "access"})
	if err != nil {
		why, text, err := s.tokenError(err)
		if err != nil {
			return nil, err
		}
		return nil, invalidAccess(why, text)
	}
	r.log.credential = "jwt:" + token.JTI
	settings := b.Settings()
	if void, err := r.denied(settings, token); err != nil {
		return nil, err
	} else if void {
		return nil, invalidAccess("Token is blacklisted", "Token is blacklisted")
	}
	if token.Claims.Get(settings.UserIDClaim) == nil {
		const text = "Token contained no recognizable user identification"
		return nil, jwtNotValid(text, text)
	}
	user, err := db.Read(r.ctx, s.Store, func(tx *db.Tx) (*db.User, error) {
		return tx.UserByClaim(r.ctx, token.Claims.Get(settings.UserIDClaim), settings, s.peers.Django)
	})
	release := s.peers.SimpleJWT
	switch {
	case err != nil:
		return nil, nameUserClaim(err)
	case user == nil:
		return nil, jwtFailed("User not found", "user_not_found")
	case s.inactiveForJWT(user):
		return nil, jwtFailed("User is inactive", "user_inactive")
	case settings.CheckRevokeToken && release.AtLeast("5.3.0"):
		if held, _ := token.Claims.Text(settings.RevokeTokenClaim); held != user.PasswordClaim() {
			return nil, jwtFailed("The user's password has been changed.", "password_changed")
		}
	}
	return &identity{user: *user}, nil
}

// invalidAccess returns the error that get_validated_token raises if no class of AUTH_TOKEN_CLASSES accepts
// the token.
func invalidAccess(why reason, text string) *apiError {
	return jwtNotValid(why, "Given token not valid for any token type", member{"messages", []any{
		object{{"token_class", "AccessToken"}, {"token_type", "access"}, {"message", text}}}})
}

// denied reports whether the denylist makes a token void. It returns an error if the denylist does not answer,
// because an application that asks the denylist then accepts no token.
func (r *request) denied(s tokenctl.JWTSettings, token *django.JWT) (bool, error) {
	if r.env.Denylist == nil {
		return false, nil
	}
	by, err := r.env.Denylist.Denied(r.ctx, s, []*django.JWT{token})
	return err == nil && by[0] != "", err
}

// inactiveForJWT reports whether a user is inactive and simplejwt checks that. Releases before 5.4 have no
// CHECK_USER_IS_ACTIVE and always check it.
func (s *Server) inactiveForJWT(user *db.User) bool {
	settings := s.Env.Settings.SimpleJWT.WithDefaults()
	return !user.Active() && (*settings.CheckUserIsActive || !s.peers.SimpleJWT.AtLeast("5.4.0"))
}

// nameUserClaim returns the error of the server for an exception in the look-up of the user.
func nameUserClaim(err error) error {
	var e *db.KeyError
	if errors.As(err, &e) {
		return uncaught("the token names its user in a way that no key is written")
	}
	return err
}
