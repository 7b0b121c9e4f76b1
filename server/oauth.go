package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// What is not the peers': the endpoints by which a gateway or a single-page
// application asks about tokens and gives them back. They follow RFC 7662, RFC 7009
// and RFC 7517, and know every kind.

// Client is a resource server that may introspect tokens: RFC 7662, section 2.1.
type Client struct {
	ID     string
	Secret tokenctl.Secret
}

// addOAuth adds these endpoints. Their paths have no slash at the end, as in the
// RFCs' examples. callers are the ways to say who asks.
func (s *Server) addOAuth(views map[string]*view, callers ...*authenticator) {
	endpoint := func(name, description string, method string, answer handler) *view {
		return &view{name: name, description: description, plain: true, jsonOnly: true, parsers: []string{formType},
			handlers: map[string]handler{method: answer}}
	}
	views["/introspect"] = endpoint("Introspect", "Tells whether a token is active, and whose it is (RFC 7662).", http.MethodPost,
		func(r *request) (*response, error) { return r.introspect(callers) })
	views["/revoke"] = endpoint("Revoke", "Makes a token stop working (RFC 7009).", http.MethodPost,
		func(r *request) (*response, error) { return r.revoke(callers) })
	views["/.well-known/jwks.json"] = endpoint("JWK Set", "The keys that verify the application's JWTs (RFC 7517).", http.MethodGet, s.jwks)
}

// unstored forbids caches to keep an answer about a token.
func unstored(w *response) *response {
	w.set("Cache-Control", "no-store")
	w.set("Pragma", "no-cache")
	return w
}

// oauthError is the error response of RFC 6749, section 5.2.
func (r *request) oauthError(status int, code string, description reason) *response {
	r.log.reason = description
	w := unstored(respond(status, object{{"error", code}, {"error_description", string(description)}}))
	if status == http.StatusUnauthorized {
		r.log.failed = true
		w.set("Www-Authenticate", `Basic realm="api"`)
	}
	return w
}

// caller is who asks: the first of the authenticators that knows a user. A header
// that one of them refuses may be meant for another: DRF and knox share a keyword.
// The response is the refusal where nobody is known.
func (r *request) caller(callers []*authenticator) (*identity, *response, error) {
	var why reason
	for _, a := range callers {
		who, err := a.authenticate(r)
		var refused *apiError
		switch {
		case errors.As(err, &refused):
			if why == "" {
				why = refused.reason
			}
		case err != nil:
			return nil, nil, err
		case who != nil:
			who.scheme = a.name
			r.identity, r.log.user = who, who.user.Username
			return who, nil, nil
		}
	}
	if why == "" {
		why = notAuthenticated().reason
	}
	return nil, r.oauthError(http.StatusUnauthorized, "invalid_client", why), nil
}

// isClient reports whether HTTP Basic names a configured client: RFC 6749, section
// 2.3.1, where both parts are encoded as in a form before. Both comparisons take
// the time of any other.
func (r *request) isClient() bool {
	id, secret, ok := r.BasicAuth()
	same := func(sent, own string) bool {
		a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(own))
		return subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	known := false
	for _, c := range r.server.Clients {
		for _, decode := range []func(string) (string, error){
			func(text string) (string, error) { return text, nil }, url.QueryUnescape} {
			sentID, err := decode(id)
			sentSecret, err2 := decode(secret)
			match := same(sentID, c.ID) && same(sentSecret, c.Secret.Reveal())
			known = known || ok && err == nil && err2 == nil && match
		}
	}
	return known
}

// isStaff is DRF's IsAdminUser.
func isStaff(u *db.User) bool { return u.IsStaff != nil && *u.IsStaff }

// oauthToken is the token that a request is about, and the hint where to look for
// it. The response is the refusal of a request that has none.
func (r *request) oauthToken() (secret tokenctl.Secret, hint string, refusal *response, err error) {
	sent, err := r.data()
	var refused *apiError
	if errors.As(err, &refused) {
		return secret, "", r.oauthError(http.StatusBadRequest, "invalid_request", refused.reason), nil
	}
	if err != nil {
		return secret, "", nil, err
	}
	form, _ := sent.value.(*dict)
	secret = tokenctl.NewSecret(form.text("token"))
	if secret.IsZero() {
		refusal = r.oauthError(http.StatusBadRequest, "invalid_request", "The parameter token is missing.")
	}
	return secret, form.text("token_type_hint"), refusal, nil
}

// find returns what a secret is, the kind that the hint names first. The hints of
// RFC 7009 are known, and the names of kinds; RFC 7662 says to look further where
// the hint is wrong.
func (r *request) find(secret tokenctl.Secret, hint string) (found []*tokens.Credential, err error) {
	if text := secret.Reveal(); strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return nil, nil
	}
	for _, k := range tokens.Kinds() {
		if hint == "refresh_token" && slices.Contains(k.SecretNames(""), "refresh") {
			hint = k.Name
		}
	}
	err = r.server.Store.Read(r.ctx, func(tx *db.Tx) error {
		found, err = tokens.BySecret(r.ctx, r.env, tx, secret)
		return err
	})
	if tokenctl.CodeOf(err) == tokenctl.CodeTableMissing {
		return nil, nil
	}
	slices.SortStableFunc(found, func(a, b *tokens.Credential) int {
		switch hint {
		case a.Kind:
			return -1
		case b.Kind:
			return 1
		}
		return 0
	})
	return found, err
}
