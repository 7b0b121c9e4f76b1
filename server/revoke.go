package server

import (
	"net/http"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// revoke answers RFC 7009: it deletes or blacklists the token's rows. Users may revoke their own tokens, and
// members of staff may revoke the tokens of everybody. The answer about an unknown or ended token is the same
// as after a revocation.
func (r *request) revoke(callers []*authenticator) (*response, error) {
	who, err := r.caller(callers)
	if err != nil {
		return nil, err
	}
	secret, found, err := r.oauthToken()
	if err != nil {
		return nil, err
	}
	layout, err := r.server.Store.Layout(r.ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if over(c) {
			continue
		}
		if c.CheckVerified() == nil { // otherwise the client may have chosen the id
			r.log.credential = c.ID
		}
		if c.Owner.ID != who.user.ID && !isStaff(&who.user) {
			return nil, oauthError(http.StatusBadRequest, "unauthorized_client", "The token belongs to somebody else.")
		}
		if k := c.Of(); k.NeverRead != nil && k.NeverRead(r.env, layout, c) {
			return nil, oauthError(http.StatusBadRequest, "unsupported_token_type", "The application never looks this token up: it lives until it expires.")
		}
		if err := r.blacklistNow(c.Of(), secret); err != nil {
			return nil, err
		}
	}
	return newResponse(http.StatusOK, nil), nil
}

// over reports whether there is nothing to revoke, because nobody can use the credential. If the revocation of
// a kind adds a row and does not delete one, this includes expired and forged credentials.
func over(c *tokens.Credential) bool {
	return c.NothingToDo("blacklist") || c.Of().Can("unblacklist") && (c.Status == tokens.Expired || c.Signature == "bad_signature")
}

// blacklistNow blacklists a secret, unless somebody else has already done so.
func (r *request) blacklistNow(kind *tokens.Kind, secret tokenctl.Secret) error {
	return r.server.writeAgain(r.ctx, func(tx *db.Tx) error {
		found, err := kind.BySecrets(r.ctx, r.env, tx, []tokenctl.Secret{secret})
		if err != nil || found[0] == nil || over(found[0]) {
			return err
		}
		_, err = tokens.BlacklistOne(r.ctx, r.env, tx, *found[0]) // a row that did not change does not exist any more
		return err
	})
}
