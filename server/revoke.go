package server

import (
	"net/http"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// revoke is RFC 7009: the token's rows are deleted or blacklisted. One's own tokens
// are anybody's to revoke, those of others take a member of staff. A token that is
// unknown or over is as good as revoked.
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
		if c.CheckVerified() == nil { // or the id is what the client wrote
			r.log.credential = c.ID
		}
		if c.Owner.ID != who.user.ID && !isStaff(&who.user) {
			return nil, oauthError(http.StatusBadRequest, "unauthorized_client", "The token belongs to somebody else.")
		}
		if k := c.Of(); k.NeverRead != nil && k.NeverRead(layout, c) {
			return nil, oauthError(http.StatusBadRequest, "unsupported_token_type", "The application never looks this token up: it lives until it expires.")
		}
		if err := r.blacklistNow(c.Of(), secret); err != nil {
			return nil, err
		}
	}
	return newResponse(http.StatusOK, nil), nil
}

// over reports whether a credential cannot be used anyway: there is nothing to
// revoke. Where revoking adds a row instead of deleting one, that holds for expired and
// forged ones, too.
func over(c *tokens.Credential) bool {
	return c.Settled("blacklist") || c.Of().Can("unblacklist") && (c.Status == tokens.Expired || c.Signature == "bad_signature")
}

// blacklistNow makes a secret stop working, if nobody else has done so meanwhile.
func (r *request) blacklistNow(kind *tokens.Kind, secret tokenctl.Secret) error {
	return r.server.writeAgain(r.ctx, func(tx *db.Tx) error {
		found, err := kind.BySecrets(r.ctx, r.env, tx, []tokenctl.Secret{secret})
		if err != nil || found[0] == nil || over(found[0]) {
			return err
		}
		_, err = tokens.BlacklistOne(r.ctx, r.env, tx, *found[0]) // one that is left is gone
		return err
	})
}
