package tokens

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// newestSessions is the number of sessions that are compared: those that expire last.
const newestSessions = 50

// checkSessions compares a new session with the sessions of the application that expire last: the key, the backend
// and the auth hash. It returns the number of compared sessions.
func checkSessions(ctx context.Context, env Env, tx *db.Tx, keys django.SecretKeys) (int, error) {
	if env.Settings.Session.CacheOnly() {
		return checkCachedSessions(ctx, env, tx, django.NewSessionKeys(keys))
	}
	stored, err := tx.NewestSessions(ctx, newestSessions)
	if err != nil {
		return 0, err
	}
	stored = slices.DeleteFunc(stored, func(s db.Session) bool {
		_, err := django.ReadSessionLogin(s.Data)
		return err == django.ErrSessionCorrupt
	})
	ready := django.NewSessionKeys(keys)
	signed := slices.DeleteFunc(slices.Clone(stored), func(s db.Session) bool { return !ready.Verify(s.Data).OK })
	if len(stored) > 0 && len(signed) == 0 {
		return 0, &tokenctl.Error{Code: tokenctl.CodeWrongKey, Message: "the configured SECRET_KEY signed none of the stored sessions: it is not the application's",
			Hint: env.orForce("correct the key")}
	}
	return wrongLogins(env, ready, slices.DeleteFunc(signed, func(s db.Session) bool { return s.Marked() }))
}

// wrongLogins compares the login of a new session with the logins in the application's sessions. It returns the
// number of compared sessions.
func wrongLogins(env Env, keys *django.SessionKeys, made []db.Session) (int, error) {
	backend := env.Settings.Auth.Backend()
	var backends, owners []string
	form, hashes, fit := "", 0, 0
	compared := 0
	for i := range made {
		login := made[i].Login
		if made[i].Problem != nil || login.UserID == "" || login.Backend == "" {
			continue // of nobody, or nothing that can be read
		}
		if compared++; !slices.Contains(backends, login.Backend) {
			backends = append(backends, login.Backend)
		}
		if made[i].User.ID == "" || slices.Contains(owners, made[i].User.ID) {
			continue
		}
		// An owner's last session has the hash of the password of today.
		owners = append(owners, made[i].User.ID)
		if hashes++; made[i].User.MatchSessionAuthHash(login.AuthHash, keys).OK {
			fit++
		}
		if form == "" {
			form = hashForm(login.AuthHash)
		}
	}
	switch own := hashForm(django.SessionAuthHash(tokenctl.NewSecret("any"), "")); {
	case compared == 0:
	case !slices.Contains(backends, backend):
		for i, name := range backends {
			backends[i] = strconv.Quote(name)
		}
		return compared, &tokenctl.Error{Code: tokenctl.CodeWrongClaims,
			Message: "none of the newest sessions that the application made is of the backend " + backend + ", but of " + strings.Join(backends, " and ") + ": it may refuse a new one ([auth] authentication_backends)",
			Hint:    env.orForce("in tokenctl.toml, under [auth]: authentication_backends = [" + strings.Join(backends, ", ") + "], if those are the application's AUTHENTICATION_BACKENDS today")}
	case form != "" && form != own:
		return compared, &tokenctl.Error{Code: tokenctl.CodeWrongClaims,
			Message: "the auth hash in the newest session that the application made has " + form + ", that of a new one would have " + own + ": the application may refuse it",
			Hint:    env.orForce("its user model or its Django makes another get_session_auth_hash, for which there is no setting: make the session in manage.py shell")}
	case hashes > 2 && fit == 0: // one or two may have changed their passwords since
		return compared, &tokenctl.Error{Code: tokenctl.CodeWrongClaims,
			Message: fmt.Sprintf("the auth hashes in the newest sessions of %d users are not those of their passwords: the application may refuse a new session", hashes),
			Hint:    env.orForce("its user model makes another get_session_auth_hash, for which there is no setting: make the session in manage.py shell")}
	}
	return compared, nil
}

// hashForm describes how an auth hash looks.
func hashForm(hash string) string {
	if isHex(hash) {
		return fmt.Sprintf("%d hexadecimal digits", len(hash))
	}
	return fmt.Sprintf("%d characters", len(hash))
}
