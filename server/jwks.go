package server

import "net/http"

// jwks answers with the JWK set (RFC 7517, section 5) of the key that verifies the application's JWTs. The
// set is empty for HS*, whose key is secret. Clients may cache it for only five minutes, because the key
// may change.
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
