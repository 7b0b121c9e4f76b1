package server

import (
	"net/http"
	"unicode/utf8"

	"tokenctl/db"
)

// userDetails is UserDetailsView of dj_rest_auth/views.py (7.1.1).
func (s *Server) userDetails(l *db.Layout) *view {
	v := &view{name: "User Details", permission: isAuthenticated, description: userDetailsDescription}
	// The answer to OPTIONS does not depend on the names of other users.
	v.serializer = userFields(l, func(string) bool { return false })
	v.handlers = map[string]handler{
		http.MethodGet: func(r *request) (*response, error) {
			return newResponse(http.StatusOK, v.serializer.represent(l, r.identity.user)), nil
		},
		http.MethodPut:   s.updateUser,
		http.MethodPatch: s.updateUser,
	}
	return v
}

// userFields is UserDetailsSerializer for the application's user model. A project's own model may not have
// all fields of Django's, or another name for the username.
func userFields(l *db.Layout, taken func(string) bool) *serializer {
	own := userDetailsSerializer(taken)
	var fields []field
	for _, f := range own.fields {
		switch column := l.User.Column(l.User.Username); {
		case f.name == "username" && l.User.Username == "email":
			continue // the field email follows
		case f.name == "username" && l.User.Username != "username":
			f.name, f.help, f.maxLength, f.checks = l.User.Username, "", column.Length, f.checks[1:]
		case f.name != "pk" && l.User.Column(f.name) == nil:
			continue
		}
		fields = append(fields, f)
	}
	return &serializer{fields: fields}
}

// represent is Serializer.data for a user.
func (s *serializer) represent(l *db.Layout, u db.User) object {
	text := func(s *string) any {
		if s == nil {
			return nil
		}
		return *s
	}
	var o object
	for _, f := range s.fields {
		var value any
		switch {
		case f.name == "pk" && l.User.KeyType == db.KeyInteger:
			value = pyInt(u.ID)
		case f.name == "pk":
			value = u.ID
		case f.name == l.User.Username:
			value = u.Username
		case f.name == "email":
			value = text(u.Email)
		case f.name == "first_name":
			value = text(u.FirstName)
		case f.name == "last_name":
			value = text(u.LastName)
		}
		o = append(o, member{f.name, value})
	}
	return o
}

// updateUser is UserDetailsView.put and patch. Unlike the peer it writes only the fields of the request.
func (s *Server) updateUser(r *request) (*response, error) {
	u := r.identity.user
	layout, err := s.Store.Layout(r.ctx)
	if err != nil {
		return nil, err
	}
	var failure error
	fields := userFields(layout, func(name string) bool {
		// If the database refuses to search for a name, UniqueValidator treats the name as free (qs_exists of
		// rest_framework/validators.py, 3.16.0).
		if !utf8.ValidString(name) {
			return false
		}
		others := 0
		err := s.Store.Read(r.ctx, func(tx *db.Tx) error {
			users, _, err := tx.UsersNamed(r.ctx, []string{name})
			for _, other := range users {
				if other.User.ID != u.ID {
					others++
				}
			}
			return err
		})
		if err != nil {
			failure = err
		}
		return others > 0
	})
	fields.partial = r.method == http.MethodPatch
	values, err := r.valid(fields)
	switch {
	case failure != nil:
		return nil, failure
	case err != nil:
		return nil, err
	}
	if values != nil {
		changes := map[string]string{}
		for _, m := range values {
			changes[m.Name] = values.Text(m.Name)
		}
		if err := s.write(r.ctx, func(tx *db.Tx) error {
			u, err = tx.UpdateUser(r.ctx, u, changes)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return newResponse(http.StatusOK, fields.represent(layout, u)), nil
}
