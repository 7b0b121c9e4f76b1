package server

import "net/http"

// jwks is the JWK set (RFC 7517, section 5) of the key that verifies the
// application's JWTs; empty for HS*, whose key is secret. Clients may keep it for
// five minutes, so that a changed key is soon known.
func (s *Server) jwks(r *request) (*response, error) {
	b, err := r.env.JWT()
	if err != nil {
		return nil, err
	}
	body, err := b.Keys().JWKS()
	if err != nil {
		return nil, err
	}
	w := &response{status: http.StatusOK, rendered: true, contentType: "application/jwk-set+json", body: body}
	w.set("Cache-Control", "public, max-age=300")
	return w, nil
}
