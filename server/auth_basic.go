package server

import (
	"strings"
	"unicode/utf8"

	"tokenctl/django"
)

// basicAuthentication is BasicAuthentication of rest_framework/authentication.py
// (3.16.0).
func (s *Server) basicAuthentication() *authenticator {
	return &authenticator{name: "basic", challenge: `Basic realm="api"`, authenticate: func(r *request) (*identity, error) {
		auth := words(r.header("Authorization"))
		if len(auth) == 0 || !isWord(auth[0], "basic") {
			return nil, nil
		}
		r.log.kind = "basic"
		username, password, err := r.basicCredentials(auth)
		if err != nil {
			return nil, err
		}
		user, err := r.login(username, password)
		switch {
		case err != nil:
			return nil, err
		case user == nil:
			return nil, authenticationFailed("Invalid username/password.")
		case !user.Active(): // before 4.2 a user whose is_active is null may log in to Django
			return nil, authenticationFailed("User inactive or deleted.")
		}
		return &identity{user: *user}, nil
	}}
}

// basicCredentials splits the header's credentials. Up to DRF 3.14 a text without a colon is
// a username without a password.
func (r *request) basicCredentials(auth []string) (username, password string, err error) {
	switch {
	case len(auth) == 1:
		return "", "", authenticationFailed("Invalid basic header. No credentials provided.")
	case len(auth) > 2:
		return "", "", authenticationFailed("Invalid basic header. Credentials string should not contain spaces.")
	}
	decoded, ok := django.DecodeBase64([]byte(auth[1]))
	text := string(decoded)
	if !utf8.ValidString(text) {
		text = latin1(text)
	}
	username, password, found := strings.Cut(text, ":")
	if !ok || !found && r.server.peers.DRF.AtLeast("3.15") {
		return "", "", authenticationFailed("Invalid basic header. Credentials not correctly base64 encoded.")
	}
	return username, password, nil
}
