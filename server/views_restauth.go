package server

import (
	"net/http"

	"tokenctl/db"
	"tokenctl/tokens"
)

// addRestAuth adds the views of dj_rest_auth/views.py (7.1.1) in token mode.
func (s *Server) addRestAuth(views map[string]*view, l *db.Layout, token *authenticator) {
	add := func(path string, v *view) {
		v.authenticators = []*authenticator{token}
		// dj_rest_auth/urls.py ends its patterns with "/?$".
		views["/rest-auth/"+path], views["/rest-auth/"+path+"/"] = v, v
	}
	add("login", &view{name: "Login", password: true, serializer: loginSerializer(s.peers.Django), description: loginDescription,
		handlers: map[string]handler{http.MethodPost: s.restLogin}})
	add("logout", &view{name: "Logout", description: logoutDescription, handlers: map[string]handler{
		http.MethodPost: s.restLogout,
		// The Allow header has GET, but it works only with ACCOUNT_LOGOUT_ON_GET.
		http.MethodGet: func(r *request) (*response, error) { return nil, methodNotAllowed(r.method) },
	}})
	add("user", s.userDetails(l))
	add("password/change", &view{name: "Password Change", permission: isAuthenticated, serializer: passwordChangeSerializer,
		description: passwordChangeDescription, handlers: map[string]handler{http.MethodPost: s.changePassword}})
}

// The views' documentation, as OPTIONS shows it.
const (
	loginDescription = `Check the credentials and return the REST Token
if the credentials are valid and authenticated.
Calls Django Auth login method to register User ID
in Django session framework

Accept the following POST parameters: username, password
Return the REST Framework Token Object's key.`
	logoutDescription = `Calls Django logout method and delete the Token object
assigned to the current User object.

Accepts/Returns nothing.`
	userDetailsDescription = `Reads and updates UserModel fields
Accepts GET, PUT, PATCH methods.

Default accepted fields: username, first_name, last_name
Default display fields: pk, username, email, first_name, last_name
Read-only fields: pk, email

Returns UserModel fields.`
	passwordChangeDescription = `Calls Django Auth SetPasswordForm save method.

Accepts the following POST parameters: new_password1, new_password2
Returns the success/fail message.`
)

// restLogin is LoginView.post.
func (s *Server) restLogin(r *request) (*response, error) {
	values, err := r.valid(loginSerializer(r.server.peers.Django))
	if err != nil {
		return nil, err
	}
	username, err := r.usernameFor(values.Text("username"), values.Text("email"))
	if err != nil {
		return nil, err
	}
	if username == "" {
		return nil, fieldFault(unableToLogIn, nonFieldErrors, unableToLogIn)
	}
	u, err := r.logInWith(username, values.Text("password"))
	if err != nil {
		return nil, err
	}
	key, err := r.getOrCreateToken(*u)
	if err != nil {
		return nil, err
	}
	if s.SessionLogin {
		if err := r.logIn(*u); err != nil {
			return nil, err
		}
		if err := s.write(r.ctx, func(tx *db.Tx) error { return tx.SetLastLogin(r.ctx, *u) }); err != nil {
			return nil, err
		}
	}
	return newResponse(http.StatusOK, object{{"key", key.Reveal()}}), nil
}

// usernameFor is LoginSerializer.get_auth_user_using_orm: it returns the name of the user with an e-mail
// address, or username without such a user. Several users are a 500.
func (r *request) usernameFor(username, email string) (string, error) {
	if email == "" {
		return username, nil
	}
	err := r.server.Store.Read(r.ctx, func(tx *db.Tx) error {
		users, err := tx.UsersWithEmail(r.ctx, email)
		switch {
		case err != nil:
			return err
		case len(users) > 1:
			return uncaught("several users have the e-mail address")
		case len(users) == 1:
			username = users[0].Username
		}
		return nil
	})
	return username, err
}

// restLogout is LogoutView.logout.
func (s *Server) restLogout(r *request) (*response, error) {
	if r.identity == nil && !s.SessionLogin {
		return newResponse(http.StatusBadRequest, object{{"detail", "You should be logged in to logout. Check whether the token is passed."}}), nil
	}
	if r.identity != nil {
		err := s.write(r.ctx, func(tx *db.Tx) error {
			// If the row was not changed, it does not exist any more.
			_, err := tokens.BlacklistOne(r.ctx, r.env, tx, *r.identity.credential)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if s.SessionLogin {
		r.logOut()
	}
	return newResponse(http.StatusOK, object{{"detail", "Successfully logged out."}}), nil
}
