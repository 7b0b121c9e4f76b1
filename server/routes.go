package server

import (
	"net/http"

	"tokenctl/db"
	"tokenctl/tokens"
)

// views returns the views by path. It leaves out the views of kinds that the database does not have, like an
// application without these kinds.
func (s *Server) views(l *db.Layout) map[string]*view {
	token, basic, session, jwt, knox, custom := s.tokenAuthentication(), s.basicAuthentication(), s.sessionAuthentication(),
		s.jwtAuthentication(), s.knoxAuthentication(), s.customAuthentication()
	views := map[string]*view{
		"/test_auth/":         hello("Test Auth", token),
		"/test_auth/token/":   hello("Test Auth Token", token),
		"/test_auth/basic/":   hello("Test Auth Basic", basic),
		"/test_auth/session/": hello("Test Auth Session", session),
		"/test_auth/jwt/":     hello("Test Auth Jwt", jwt),
		"/test_auth/knox/":    hello("Test Auth Knox", knox),
		"/test_auth/custom/":  hello("Test Auth Custom", custom),
		"/api/secure-data/":   secureData(token, jwt, basic, session),
	}
	s.addJWT(views, l)
	s.addOAuth(views, token, knox, jwt, basic, session)
	if tokens.DRF.Present(l) {
		s.addAuthToken(views, token)
		s.addRestAuth(views, l, token)
	}
	if tokens.Knox.Present(l) {
		s.addKnox(views, basic, knox)
	}
	return views
}

// hello returns a view that greets the user whom an authentication accepts.
func hello(name string, a *authenticator) *view {
	greet := func(r *request, more string) (*response, error) {
		return newResponse(http.StatusOK, "Hello "+r.identity.user.Username+"!"+more), nil
	}
	return &view{name: name, authenticators: []*authenticator{a}, permission: isAuthenticated, handlers: map[string]handler{
		http.MethodGet:  func(r *request) (*response, error) { return greet(r, "") },
		http.MethodPost: func(r *request) (*response, error) { return greet(r, " Posted!") },
	}}
}

// secureData returns a view that accepts every kind of credential in a header, and sessions.
func secureData(authenticators ...*authenticator) *view {
	return &view{name: "Secure Data", authenticators: authenticators, permission: isAuthenticated, handlers: map[string]handler{
		http.MethodGet: func(*request) (*response, error) {
			return newResponse(http.StatusOK, object{{"message", "This is protected data!"}}), nil
		},
	}}
}
