package server

import (
	"net/http"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// changePassword is PasswordChangeView.post of dj_rest_auth/views.py (7.1.1). The user's tokens and the
// request's session stay valid. Like dj-rest-auth it makes a session if the request has none.
func (s *Server) changePassword(r *request) (*response, error) {
	values, err := r.valid(passwordChangeSerializer)
	if err != nil {
		return nil, err
	}
	u, password := r.identity.user, values.Text("new_password1")
	if password != values.Text("new_password2") {
		return nil, fieldFault("the passwords differ", "new_password2", "The two password fields didn’t match.")
	}
	var hasher django.Hasher
	var like django.UserAttributes
	err = s.Store.Read(r.ctx, func(tx *db.Tx) (err error) {
		like = u.Attributes(tx.Layout)
		hasher, _, err = tokens.PasswordHasher(r.ctx, s.Env.Settings, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	// SetPasswordForm.clean_new_password2 of django/contrib/auth/forms.py (4.2)
	if problems := s.Passwords.Validate(password, like); problems != nil {
		messages := tokenctl.Mapped(problems, func(p django.PasswordProblem) string { return p.Message })
		return nil, fieldFault("the password is not good enough", "new_password2", messages...)
	}
	encoded, err := r.encode(hasher, password)
	if err != nil {
		return nil, err
	}
	err = s.write(r.ctx, func(tx *db.Tx) error {
		if err := tx.SetPassword(r.ctx, u, encoded); err != nil {
			return err
		}
		changed, err := tx.UserByID(r.ctx, u.ID)
		if err == nil {
			u = changed
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.keepSession(u); err != nil {
		return nil, err
	}
	return newResponse(http.StatusOK, object{{"detail", "New password has been saved."}}), nil
}

// keepSession is update_session_auth_hash of django/contrib/auth/__init__.py (4.2).
func (r *request) keepSession(u db.User) error {
	if !r.server.HasKey {
		return nil // without SECRET_KEY there are no sessions
	}
	keys, err := tokens.SigningKeys(r.env)
	if err != nil {
		return err
	}
	if err := r.cycleSession(); err != nil {
		return err
	}
	r.session.set(django.AuthHashItem(u.SessionAuthHash(keys[0])))
	return nil
}
