package server

import (
	"net/http"
	"slices"
	"time"

	"tokenctl/django"
	"tokenctl/tokens"
)

// introspect answers RFC 7662. The caller must be a member of staff, by any authentication of the server, or a
// configured client. Every other caller gets 401. Section 2.3 demands this also for users without the right.
func (r *request) introspect(callers []*authenticator) (*response, error) {
	if !r.isClient() {
		who, err := r.caller(callers)
		if err != nil {
			return nil, err
		}
		if !isStaff(&who.user) {
			return nil, oauthError(http.StatusUnauthorized, "invalid_client", "Only staff may introspect tokens.")
		}
	}
	_, found, err := r.oauthToken()
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if _, err := c.DeniedBy(); err != nil {
			return nil, err
		}
	}
	// A secret can belong to several kinds. One kind that lets it in is enough.
	i := slices.IndexFunc(found, letsIn)
	if i < 0 {
		// The answer does not say why: section 2.2.
		return newResponse(http.StatusOK, object{{"active", false}}), nil
	}
	answer, err := r.introspected(found[i])
	return newResponse(http.StatusOK, answer), err
}

// letsIn reports whether the application would accept a credential for its owner now. It does not accept a
// signature that no key could check.
func letsIn(c *tokens.Credential) bool {
	return c.Status == tokens.Active && c.Reason == "" && c.CheckVerified() == nil && c.Owner.ID != "" && c.Owner.Active()
}

// introspected returns the response of section 2.2. It does not set scope and client_id, because the peers do
// not have them. kind, id, type and the claims of a JWT are additions of this server. A refresh token is
// active while it can be refreshed. It has no token_type, because it opens nothing by itself.
func (r *request) introspected(c *tokens.Credential) (dict, error) {
	settings := r.server.Env.Settings
	var answer, claims dict
	answer.Set("active", true)
	answer.Set("username", c.Owner.Username)
	if k := c.Of(); k.AuthType != nil {
		if scheme := k.AuthType(settings, c); scheme != "" {
			answer.Set("token_type", scheme)
		}
	}
	if c.Claims != nil {
		value, err := django.PythonJSON(c.Claims)
		if err != nil {
			return nil, err
		}
		claims, _ = value.(dict)
	}
	for _, m := range []struct {
		name string
		at   time.Time
	}{{"exp", c.Expires}, {"iat", c.Created}} {
		if value, ok := claims.Get(m.name); ok {
			answer.Set(m.name, value)
		} else if !m.at.IsZero() {
			answer.Set(m.name, m.at.Unix())
		}
	}
	answer.Set("sub", c.Owner.ID)
	jwt := settings.SimpleJWT.WithDefaults()
	for _, m := range []struct{ name, claim string }{{"sub", "sub"}, {"jti", jwt.JTIClaim}, {"aud", "aud"}, {"iss", "iss"}} {
		if value, ok := claims.Get(m.claim); ok {
			answer.Set(m.name, value)
		}
	}
	answer.Set("kind", c.Kind)
	answer.Set("id", c.ID)
	if c.Type != "" {
		answer.Set("type", c.Type)
	}
	for _, m := range claims {
		_, taken := answer.Get(m.Name)
		if !taken && m.Name != jwt.TokenTypeClaim && m.Name != jwt.RevokeTokenClaim {
			answer.Set(m.Name, m.Value)
		}
	}
	return answer, nil
}
