package server

import (
	"context"
	"strings"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/tokens"
)

// tokenAuthentication is TokenAuthentication of rest_framework/authentication.py
// (3.16.0).
func (s *Server) tokenAuthentication() *authenticator {
	keyword := s.Env.Settings.TokenKeyword()
	return &authenticator{name: "token", challenge: keyword, authenticate: func(r *request) (*identity, error) {
		auth := words(r.header("Authorization"))
		if len(auth) == 0 || !isWord(auth[0], keyword) {
			return nil, nil
		}
		r.log.kind = tokens.DRF.Name
		key, err := tokenInHeader(auth)
		if err != nil {
			return nil, err
		}
		return r.authenticateKey(key, "Invalid token.")
	}}
}

// tokenInHeader returns the token of a header. DRF and knox check the header's form alike.
func tokenInHeader(auth []string) (string, error) {
	switch {
	case len(auth) == 1:
		return "", authenticationFailed("Invalid token header. No credentials provided.")
	case len(auth) > 2:
		return "", authenticationFailed("Invalid token header. Token string should not contain spaces.")
	case !utf8.ValidString(auth[1]):
		return "", authenticationFailed("Invalid token header. Token string should not contain invalid characters.")
	}
	return auth[1], nil
}

// authenticateKey is TokenAuthentication.authenticate_credentials. unknown is the answer to a
// key that does not exist.
func (r *request) authenticateKey(key string, unknown reason) (*identity, error) {
	if err := r.server.checkNUL(key); err != nil {
		return nil, err
	}
	found, err := r.server.lookups.get(r.ctx, tokenctl.NewSecret(key))
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, authenticationFailed(unknown)
	}
	r.log.credential, r.log.user = found.ID, found.Owner.Username
	if !found.Owner.Active() {
		return nil, authenticationFailed("User inactive or deleted.")
	}
	return &identity{user: found.Owner, credential: found}, nil
}

// findKeys finds the tokens of many keys. In a database without drf tokens it finds none.
func (s *Server) findKeys(ctx context.Context, keys []tokenctl.Secret) ([]*tokens.Credential, error) {
	return db.Read(ctx, s.Store, func(tx *db.Tx) ([]*tokens.Credential, error) {
		if !tokens.DRF.Present(tx.Layout) {
			return make([]*tokens.Credential, len(keys)), nil
		}
		return tokens.DRF.BySecrets(ctx, s.Env, tx, keys)
	})
}

// checkNUL returns an error for a text that the peer cannot send to the database: the peer ends with an
// exception.
func (s *Server) checkNUL(text string) error {
	if strings.ContainsRune(text, 0) && s.Store.Engine == engine.PostgreSQL {
		return uncaught("PostgreSQL text cannot hold NUL")
	}
	return nil
}

// customHeader is the header with a DRF key that some projects define themselves.
const customHeader = "X-Custom-Auth"

// customAuthentication is a project's own authentication class: a DRF key in the header
// X-Custom-Auth. It has no authenticate_header.
func (s *Server) customAuthentication() *authenticator {
	return &authenticator{name: "custom", authenticate: func(r *request) (*identity, error) {
		key := latin1(r.header(customHeader)) // WSGI decodes a header as Latin-1
		if key == "" {
			return nil, nil
		}
		r.log.kind = tokens.DRF.Name
		return r.authenticateKey(key, "No such user")
	}}
}
