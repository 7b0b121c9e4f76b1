package server

import (
	"errors"
	"net/http"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// addKnox adds the views of knox/views.py (5.0.2). Login accepts HTTP Basic, as knox's documentation
// recommends.
func (s *Server) addKnox(views map[string]*view, basic, knox *authenticator) {
	post := func(name, description string, by *authenticator, h handler) *view {
		return &view{name: name, description: description, authenticators: []*authenticator{by}, permission: isAuthenticated,
			handlers: map[string]handler{http.MethodPost: h}}
	}
	login := post("Login", "", basic, s.knoxLogin)
	login.password = true
	views["/knox/login/"] = login
	views["/knox/logout/"] = post("Logout", "", knox, s.knoxLogout)
	views["/knox/logoutall/"] = post("Logout All", "Log the user out of all sessions\nI.E. deletes all auth tokens for the user", knox, s.knoxLogoutAll)
}

// errKnoxLimit is the error for a login beyond TOKEN_LIMIT_PER_USER.
var errKnoxLimit = errors.New("TOKEN_LIMIT_PER_USER is reached")

// knoxLogin is LoginView.post. It checks the limit and makes the token in one transaction, so concurrent
// logins cannot exceed the limit. In knox they can.
func (s *Server) knoxLogin(r *request) (*response, error) {
	var minted tokens.Minted
	err := s.write(r.ctx, func(tx *db.Tx) error {
		var err error
		minted, err = tokens.Knox.Mint(r.ctx, r.env, tx, tokens.MintRequest{User: r.identity.user})
		if tokenctl.CodeOf(err) == tokenctl.CodeTokenExists {
			return errKnoxLimit
		}
		if err != nil {
			return err
		}
		// update_last_login receives the signal user_logged_in (django/contrib/auth/apps.py, 4.2).
		return tx.SetLastLogin(r.ctx, r.identity.user)
	})
	if errors.Is(err, errKnoxLimit) {
		r.log.reason = "TOKEN_LIMIT_PER_USER is reached"
		return newResponse(http.StatusForbidden, object{{"error", "Maximum amount of tokens allowed per user exceeded."}}), nil
	}
	if err != nil {
		return nil, err
	}
	r.log.credential = minted.ID
	var expiry any
	if !minted.Expires.IsZero() {
		expiry = django.Representation(s.Env.Settings.Time, minted.Expires)
	}
	return newResponse(http.StatusOK, object{{"expiry", expiry}, {"token", minted.Secrets[0].Secret.Reveal()}}), nil
}

// knoxLogout is LogoutView.post. If the token does not exist any more, the user is logged out already.
func (s *Server) knoxLogout(r *request) (*response, error) {
	return s.deleteKnox(r, func(*db.Tx) ([]db.KnoxToken, error) { return []db.KnoxToken{*r.identity.knox}, nil })
}

// knoxLogoutAll is LogoutAllView.post.
func (s *Server) knoxLogoutAll(r *request) (*response, error) {
	return s.deleteKnox(r, func(tx *db.Tx) ([]db.KnoxToken, error) { return tx.KnoxTokensOf(r.ctx, r.identity.user) })
}

func (s *Server) deleteKnox(r *request, which func(*db.Tx) ([]db.KnoxToken, error)) (*response, error) {
	err := s.write(r.ctx, func(tx *db.Tx) error {
		rows, err := which(tx)
		if err != nil || len(rows) == 0 {
			return err
		}
		refs := tokenctl.Mapped(rows, func(t db.KnoxToken) db.Ref { return t.Ref() })
		_, err = tx.DeleteKnoxTokens(r.ctx, refs)
		return err
	})
	if err != nil {
		return nil, err
	}
	return newResponse(http.StatusNoContent, nil), nil
}
