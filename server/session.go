package server

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// sessionState is request.session: SessionStore of
// django/contrib/sessions/backends/db.py and base.py (4.2). The row is read at the first use. All
// changes are written after the view, in one transaction. Django's cycle_key inserts the new
// row and deletes the old one immediately, so an interrupted request leaves both rows, or an
// empty one.
type sessionState struct {
	begun    bool // the cookie has been read
	accessed bool
	modified bool

	key    tokenctl.Secret   // zero: the session has none yet
	stored bool              // the key has a row
	ended  []tokenctl.Secret // keys of the rows to delete

	data  *django.Session // nil: not loaded
	owner db.User         // of the loaded row

	user     *db.User // the logged-in user
	userRead bool
}

// minSessionKey is the length of the shortest key that Django looks up
// (SessionBase._validate_session_key).
const minSessionKey = 8

// sessionStore is SessionMiddleware.process_request of
// django/contrib/sessions/middleware.py (4.2). It reads the cookie at the first call.
func (r *request) sessionStore() *sessionState {
	v := &r.session
	if !v.begun {
		v.begun = true
		if key, _ := r.cookie(r.server.Env.Settings.Session.Cookie()); utf8.RuneCountInString(key) >= minSessionKey {
			v.key = tokenctl.NewSecret(key)
		}
	}
	return v
}

// loadSession is SessionBase._get_session.
func (r *request) loadSession() (*sessionState, error) {
	v := r.sessionStore()
	v.accessed = true
	if v.data != nil {
		return v, nil
	}
	v.data = new(django.Session)
	if v.key.IsZero() {
		return v, nil
	}
	s := r.server
	if err := s.checkNUL(v.key.Reveal()); err != nil {
		return nil, err
	}
	var row *db.Session
	err := s.Store.Read(r.ctx, func(tx *db.Tx) error {
		found, err := tx.SessionsWithKeys(r.ctx, []tokenctl.Secret{v.key})
		if err == nil && found[0] != nil && found[0].Live {
			row = found[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if row == nil {
		v.key = tokenctl.Secret{}
		return v, nil
	}
	keys, err := tokens.SigningKeys(r.env)
	if err != nil {
		return nil, err
	}
	v.stored, v.owner = true, row.User
	r.log.kind, r.log.credential = tokens.Session.Name, tokens.SessionID(v.key)
	// Django treats data with another signature, and data that it cannot read, as an empty session.
	if !django.VerifySession(row.Data, keys).AcceptedBy(string(s.peers.Django)) {
		r.log.reason = "none of the configured keys signed the session"
		return v, nil
	}
	if data, err := django.DecodeSession(row.Data); err == nil {
		v.data = data
	}
	return v, nil
}

// empty is SessionBase.is_empty: a session with a key is not empty, even if its row has not been read.
func (v *sessionState) empty() bool {
	return v.key.IsZero() && (v.data == nil || len(v.data.Items) == 0)
}

// set sets items, in their order.
func (v *sessionState) set(items ...django.SessionItem) {
	v.data.Set(items...)
	v.modified = true
}

// flush is SessionBase.flush.
func (v *sessionState) flush() {
	v.end()
	v.data, v.accessed, v.key = new(django.Session), true, tokenctl.Secret{}
}

// end removes the key, and marks its row for deletion.
func (v *sessionState) end() {
	if !v.key.IsZero() {
		v.ended = append(v.ended, v.key)
	}
	v.stored, v.modified = false, true
}

// cycleSession is SessionBase.cycle_key: the same contents under a new key.
func (r *request) cycleSession() error {
	v, err := r.loadSession()
	if err != nil {
		return err
	}
	v.end()
	v.key, err = django.NewSessionKey(r.server.Env.Random)
	return err
}

// errSessionInterrupted is SessionInterrupted of
// django/contrib/sessions/exceptions.py (4.2).
var errSessionInterrupted = &djangoError{status: http.StatusBadRequest, reason: "the session was deleted before the request was completed"}

// saveSession is SessionMiddleware.process_response.
func (s *Server) saveSession(r *request, w *response) *response {
	v := r.sessionStore()
	name, settings := s.Env.Settings.Session.Cookie(), s.Env.Settings.Session
	_, sent := r.cookie(name)
	save := (v.modified || settings.SaveEveryRequest && !s.ReadOnly) && !v.empty() && w.status < http.StatusInternalServerError
	switch {
	case sent && v.empty():
		w.deleteCookie(name)
		w.varyOn("Cookie")
	case v.accessed, save && variesOnSave(s.peers.Django):
		w.varyOn("Cookie")
	}
	if err := s.writeSession(r, w, save); err != nil {
		return s.exception(r, err)
	}
	return w
}

// variesOnSave reports whether a release of Django sends "Vary: Cookie" if the session was only saved
// (CVE-2026-35192).
func variesOnSave(v tokenctl.Version) bool {
	return v.AtLeast("6.0.5") || v.AtLeast("5.2.14") && !v.AtLeast("6.0")
}

// writeSession writes the request's changes of its session to the database, and sets the cookie.
func (s *Server) writeSession(r *request, w *response, save bool) error {
	v, settings := r.sessionStore(), s.Env.Settings.Session
	if !save && len(v.ended) == 0 {
		return nil
	}
	var keys django.SecretKeys
	if save {
		if _, err := r.loadSession(); err != nil {
			return err
		}
		if v.key.IsZero() {
			if err := r.cycleSession(); err != nil {
				return err
			}
		}
		var err error
		if keys, err = tokens.SigningKeys(r.env); err != nil {
			return err
		}
	}
	now := s.Now()
	err := s.write(r.ctx, func(tx *db.Tx) error {
		for _, key := range v.ended {
			if err := tx.DropSession(r.ctx, key); err != nil {
				return err
			}
		}
		if !save {
			return nil
		}
		data, err := django.EncodeSession(v.data.Items, keys[0], now)
		if err != nil {
			return err
		}
		expires := v.data.Expiry.ExpireDate(now, settings)
		if !v.stored {
			_, err = tx.InsertSessions(r.ctx, []db.User{{}}, []tokenctl.Secret{v.key}, []string{data}, expires, nil)
			return err
		}
		found, err := tx.UpdateSession(r.ctx, v.key, data, expires)
		if err == nil && !found {
			err = errSessionInterrupted
		}
		return err
	})
	if err != nil || !save {
		return err
	}
	cookie := http.Cookie{Name: settings.Cookie(), Value: v.key.Reveal()}
	if !v.data.Expiry.AtBrowserClose(settings) {
		cookie = lasting(cookie.Name, cookie.Value, v.data.Expiry.ExpireDate(now, settings).Sub(now), now)
	}
	cookie.HttpOnly = true
	w.setCookie(cookie)
	return nil
}

// sessionUser is get_user of django/contrib/auth/__init__.py (4.2). It returns the logged-in user of the
// session, or nil.
func (r *request) sessionUser() (*db.User, error) {
	v, err := r.loadSession()
	if err != nil {
		return nil, err
	}
	if v.userRead {
		return v.user, nil
	}
	v.userRead = true
	if err := r.checkSessionOwner(); err != nil {
		return nil, err
	}
	d := v.data
	if d.UserID == "" || d.Backend != tokenctl.ModelBackend || v.owner.ID == "" || !v.owner.MayLogIn(r.server.peers.Django) {
		return nil, nil
	}
	keys, err := tokens.SigningKeys(r.env)
	if err != nil {
		return nil, err
	}
	match := v.owner.MatchSessionAuthHash(d.AuthHash, django.NewSessionKeys(keys))
	switch readOnly := r.server.ReadOnly; {
	case !match.AcceptedBy(string(r.server.peers.Django)):
		r.log.reason = "the session's auth hash is not that of the user's password"
		v.flush()
		if readOnly {
			v.ended = nil
		}
		return nil, nil
	case match.Index > 0 && !readOnly:
		// The hash fits one of SECRET_KEY_FALLBACKS: Django makes a new one with SECRET_KEY.
		if err := r.cycleSession(); err != nil {
			return nil, err
		}
		v.set(django.AuthHashItem(v.owner.SessionAuthHash(keys[0])))
	}
	v.user = &v.owner
	return v.user, nil
}

// checkSessionOwner returns an error if _get_user_session_key of the same file raises an exception for the
// session's user id.
func (r *request) checkSessionOwner() error {
	v := &r.session
	if v.data.UserID == "" || v.owner.ID != "" {
		return nil
	}
	claim, err := json.Marshal(v.data.UserID)
	if err != nil {
		return err
	}
	return nameUserClaim(r.server.Store.Read(r.ctx, func(tx *db.Tx) error {
		_, err := tx.UserByClaim(r.ctx, claim, tokenctl.JWTSettings{UserIDField: tx.Layout.User.Key}, r.server.peers.Django)
		return err
	}))
}
