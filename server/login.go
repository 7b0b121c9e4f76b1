package server

import (
	"crypto/subtle"
	"errors"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// login is authenticate of django/contrib/auth/__init__.py with ModelBackend of backends.py (4.2). It
// returns the user with this name and password, or nil if there is none who may log in. It hashes the
// password even if no user has the name, so that the time does not reveal this. No transaction is open
// while it hashes.
func (r *request) login(username, password string) (*db.User, error) {
	s := r.server
	if err := s.checkNUL(username); err != nil {
		return nil, err
	}
	var users []db.Match
	var hasher django.Hasher
	err := s.Store.Read(r.ctx, func(tx *db.Tx) (err error) {
		if hasher, _, err = tokens.PasswordHasher(r.ctx, s.Env.Settings, tx); err != nil {
			return err
		}
		users, _, err = tx.UsersNamed(r.ctx, []string{username})
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		_, err := r.encode(hasher, password)
		return nil, err
	}
	u := users[0].User
	// Only an existing name is logged: another text may be a password in the wrong field.
	r.log.user = u.Username
	if len(users) > 1 {
		return nil, uncaught("several users have the name") // MultipleObjectsReturned of get_by_natural_key
	}
	ok, update, err := r.verifyPassword(u, hasher, password)
	switch {
	case errors.Is(err, django.ErrPasswordEncoding):
		return nil, uncaught("the stored password is not one that Django writes")
	case !ok || err != nil:
		return nil, err
	}
	// check_password does this before Django checks is_active.
	if update && !s.ReadOnly {
		if u, err = r.upgradePassword(u, hasher, password); err != nil {
			return nil, err
		}
	}
	if !u.MayLogIn(s.peers.Django) {
		return nil, nil
	}
	return &u, nil
}

// unableToLogIn is the answer of DRF and of dj-rest-auth to a wrong password.
const unableToLogIn = "Unable to log in with provided credentials."

// logInWith is authenticate in a serializer: a failed login is a ValidationError.
func (r *request) logInWith(username, password string) (*db.User, error) {
	u, err := r.login(username, password)
	if u == nil && err == nil {
		r.log.failed, err = true, fieldFault(unableToLogIn, nonFieldErrors, unableToLogIn)
	}
	return u, err
}

// upgradePassword is the setter of AbstractBaseUser.check_password in django/contrib/auth/base_user.py
// (4.2): it encodes the same password with the application's present hasher. Unlike the peer it does not
// overwrite a password that was changed in the meantime.
func (r *request) upgradePassword(u db.User, hasher django.Hasher, password string) (db.User, error) {
	encoded, err := r.encode(hasher, password)
	if err != nil {
		return u, err
	}
	err = r.server.write(r.ctx, func(tx *db.Tx) error {
		u, err = tx.ReencodePassword(r.ctx, u, encoded)
		return err
	})
	return u, err
}

// logIn is login of django/contrib/auth/__init__.py (4.2), without the signal user_logged_in. Its only
// receiver is [db.Tx.SetLastLogin].
func (r *request) logIn(u db.User) error {
	v, err := r.loadSession()
	if err != nil {
		return err
	}
	keys, err := tokens.SigningKeys(r.env)
	if err != nil {
		return err
	}
	hash := u.SessionAuthHash(keys[0])
	if err := r.checkSessionOwner(); err != nil {
		return err
	}
	switch d := v.data; {
	case d.UserID == "":
		err = r.cycleSession()
	case d.UserID != u.ID || subtle.ConstantTimeCompare([]byte(d.AuthHash), []byte(hash)) == 0:
		v.flush() // a user must not get the items of another user's session
	}
	if err != nil {
		return err
	}
	v.set(django.LoginSession(u.ID, "", hash)...)
	v.user, v.userRead = &u, true
	r.rotateCSRF()
	return nil
}

// logOut is logout of the same file.
func (r *request) logOut() {
	v := r.sessionStore()
	v.flush()
	v.user, v.userRead = nil, true
}
