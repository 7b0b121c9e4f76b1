package server

// sessionAuthentication is SessionAuthentication of
// rest_framework/authentication.py (3.16.0). It has no authenticate_header: a view
// whose first class it is refuses with 403.
func (s *Server) sessionAuthentication() *authenticator {
	return &authenticator{name: "session", authenticate: func(r *request) (*identity, error) {
		user, err := r.sessionUser()
		if err != nil || user == nil || !user.Active() {
			return nil, err
		}
		if err := r.checkCSRF(); err != nil {
			return nil, err
		}
		return &identity{user: *user}, nil
	}}
}
