package server

import (
	"net/http"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// addAuthToken adds ObtainAuthToken of rest_framework/authtoken/views.py (3.16.0).
func (s *Server) addAuthToken(views map[string]*view, token *authenticator) {
	v := &view{name: "Obtain Auth Token", authenticators: []*authenticator{token}, unthrottled: true, password: true, jsonOnly: true,
		parsers: []string{formType, multipartType, jsonType}, serializer: authTokenSerializer}
	v.handlers = map[string]handler{http.MethodPost: func(r *request) (*response, error) {
		values, err := r.valid(v.serializer)
		if err != nil {
			return nil, err
		}
		u, err := r.logInWith(values.Text("username"), values.Text("password"))
		if err != nil {
			return nil, err
		}
		key, err := r.getOrCreateToken(*u)
		if err != nil {
			return nil, err
		}
		return newResponse(http.StatusOK, object{{"token", key.Reveal()}}), nil
	}}
	views["/api-token-auth/"] = v
}

// getOrCreateToken is Token.objects.get_or_create(user=user).
func (r *request) getOrCreateToken(u db.User) (key tokenctl.Secret, err error) {
	find := func(tx *db.Tx) error {
		held, err := tx.TokensOf(r.ctx, []string{u.ID})
		if len(held) > 0 {
			key = held[0].Key
		}
		return err
	}
	if err := r.server.Store.Read(r.ctx, find); !key.IsZero() || err != nil {
		return key, err
	}
	err = r.server.write(r.ctx, func(tx *db.Tx) error {
		minted, err := tokens.DRF.Mint(r.ctx, r.env, tx, tokens.MintRequest{User: u})
		switch {
		case tokenctl.CodeOf(err) == tokenctl.CodeTokenExists:
			return find(tx) // another request has made the token in the meantime
		case err != nil:
			return err
		}
		key = minted.Secrets[0].Secret
		return nil
	})
	return key, err
}
