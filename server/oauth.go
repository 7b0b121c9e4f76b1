package server

import (
	"cmp"
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

// The peers do not have these endpoints. A gateway or a single-page application uses them to
// introspect and revoke tokens. They follow RFC 7662, RFC 7009 and RFC 7517, and work for
// every kind.

// Client is a resource server that may introspect tokens: RFC 7662, section 2.1.
type Client struct {
	ID     string
	Secret tokenctl.Secret
}

// addOAuth adds these endpoints. Their paths have no slash at the end, as in the
// RFCs' examples. callers authenticate the caller.
func (s *Server) addOAuth(views map[string]*view, callers ...*authenticator) {
	endpoint := func(name, description string, method string, answer handler) *view {
		return &view{name: name, description: description, notDRF: true, jsonOnly: true, parsers: []string{formType},
			challenge: `Basic realm="api"`, noStore: method == http.MethodPost, handlers: map[string]handler{method: answer}}
	}
	views["/introspect"] = endpoint("Introspect", "Tells whether a token is active, and who owns it (RFC 7662).", http.MethodPost,
		func(r *request) (*response, error) { return r.introspect(callers) })
	views["/revoke"] = endpoint("Revoke", "Makes a token stop working (RFC 7009).", http.MethodPost,
		func(r *request) (*response, error) { return r.revoke(callers) })
	views["/.well-known/jwks.json"] = endpoint("JWK Set", "The keys that verify the application's JWTs (RFC 7517).", http.MethodGet, s.jwks)
}

// oauthError is the error response of RFC 6749, section 5.2.
func oauthError(status int, code string, description reason) *apiError {
	return &apiError{status: status, reason: description, unauthenticated: status == http.StatusUnauthorized,
		body: object{{"error", code}, {"error_description", string(description)}}}
}

// caller returns the caller: the user of the first authenticator that accepts the request. If one
// authenticator refuses a header, another may accept it, because DRF and knox share a keyword.
func (r *request) caller(callers []*authenticator) (*identity, error) {
	var why reason
	for _, a := range callers {
		who, err := a.authenticate(r)
		var failure *apiError
		switch {
		case errors.As(err, &failure):
			why = cmp.Or(why, failure.reason)
		case err != nil:
			return nil, err
		case who != nil:
			who.scheme = a.name
			r.identity, r.log.user = who, who.user.Username
			return who, nil
		}
	}
	return nil, oauthError(http.StatusUnauthorized, "invalid_client", cmp.Or(why, notAuthenticated().reason))
}

// isClient reports whether HTTP Basic has the id and secret of a configured client. By RFC 6749, section
// 2.3.1, a client encodes both as in a form first, but not every client does. It compares in constant
// time.
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

// oauthToken returns the token of a request and its credentials, those of the hint's kind first. The hint
// is one of RFC 7009, or the name of a kind. If the hint is wrong, the token may be of another kind
// (RFC 7662, section 2.1).
func (r *request) oauthToken() (secret tokenctl.Secret, found []*tokens.Credential, err error) {
	body, err := r.parseBody()
	var failure *apiError
	if errors.As(err, &failure) {
		return secret, nil, oauthError(http.StatusBadRequest, "invalid_request", failure.reason)
	}
	if err != nil {
		return secret, nil, err
	}
	values, _ := body.value.(dict)
	text, hint := values.Text("token"), values.Text("token_type_hint")
	switch {
	case text == "":
		return secret, nil, oauthError(http.StatusBadRequest, "invalid_request", "The parameter token is missing.")
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		return secret, nil, nil
	}
	if hint == "refresh_token" {
		for _, k := range tokens.Kinds() {
			if slices.Contains(k.SecretNames(""), "refresh") {
				hint = k.Name
			}
		}
	}
	secret = tokenctl.NewSecret(text)
	found, err = db.Read(r.ctx, r.server.Store, func(tx *db.Tx) ([]*tokens.Credential, error) { return tokens.BySecret(r.ctx, r.env, tx, secret) })
	if tokenctl.CodeOf(err) == tokenctl.CodeTableMissing {
		return secret, nil, nil
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
	return secret, found, err
}
