package tokens

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tokenctl/db"
	"tokenctl/django"
)

// LeakedKey is a key of the application that leaked. An attacker can forge credentials with the key. A new key
// ends the forged credentials, and also others.
type LeakedKey struct {
	Name    string   // the setting of Django or simplejwt
	Forges  []string // phrases for the things that an attacker can forge
	Steps   []string // the steps of a change of the key, in their order
	LogsOut *int     // the number of users that a new key without a fallback logs out; nil: unknown
	Proven  bool     // the configured key signed a stored credential

	signsJWT bool
}

// jwtKeyIsSecretKey reports whether SECRET_KEY signs JWTs.
func jwtKeyIsSecretKey(env Env) bool { return env.Settings.SimpleJWT.SigningKeyFile == "" }

// SignedUsers counts the users with live credentials that a new key for JWTs ends: JWTs, and also sessions if
// SECRET_KEY signs both. It returns nil if the database does not record JWTs.
func SignedUsers(ctx context.Context, env Env, store *db.Store) (*int, error) {
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	if layout.Outstanding() == nil {
		return nil, nil
	}
	kinds := []*Kind{JWT}
	if jwtKeyIsSecretKey(env) && Session.Present(layout) {
		kinds = append(kinds, Session)
	}
	users, err := holders(ctx, env, store, kinds)
	n := len(users)
	return &n, err
}

// holders returns the ids of the users who have live credentials of the kinds.
func holders(ctx context.Context, env Env, store *db.Store, kinds []*Kind) (map[string]bool, error) {
	users := map[string]bool{}
	for c, err := range List(ctx, env, store, Selector{Kinds: kinds, Statuses: []Status{Active}}) {
		if err != nil {
			return nil, err
		}
		if c.Owner.ID != "" {
			users[c.Owner.ID] = true
		}
	}
	return users, nil
}

// LeakedKeys returns the keys of the application, with the effects of a leak: SECRET_KEY, and simplejwt's
// SIGNING_KEY if it is another key.
func LeakedKeys(ctx context.Context, env Env, store *db.Store) (list []LeakedKey, err error) {
	var jwts, sessions map[string]bool
	err = store.Read(ctx, func(tx *db.Tx) error {
		e := newExposures(env, tx, Incident{})
		sessions, err := signedSessions(ctx, env, tx)
		if err != nil {
			return err
		}
		signed, err := signedJWTs(ctx, env, tx)
		if err != nil {
			return err
		}
		forgesJWT := "JWTs of every user, superusers too: an access token needs no row, and lives as long as its maker wants; " +
			configured(env.Settings.SimpleJWT.Algorithm != "", "simplejwt", "ALGORITHM", e.jwt.Algorithm, "simplejwt")
		secret := LeakedKey{Name: "SECRET_KEY", Forges: forgedSessions(env), Proven: sessions}
		switch {
		case !e.usesJWT():
		case jwtKeyIsSecretKey(env):
			secret.signsJWT, secret.Proven, secret.Forges = true, sessions || signed, append([]string{forgesJWT}, secret.Forges...)
		default:
			list = append(list, LeakedKey{Name: "SIGNING_KEY", Forges: []string{forgesJWT}, Proven: signed, signsJWT: true})
		}
		list = append(list, secret)
		return nil
	})
	if err != nil {
		return nil, err
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	if layout.Outstanding() != nil {
		if jwts, err = holders(ctx, env, store, []*Kind{JWT}); err != nil {
			return nil, err
		}
	}
	if Session.Present(layout) {
		if sessions, err = holders(ctx, env, store, []*Kind{Session}); err != nil {
			return nil, err
		}
	}
	for i := range list {
		k := &list[i]
		k.Steps = k.steps(env, len(jwts), len(sessions))
		lost := map[string]bool{}
		if k.signsJWT {
			maps.Copy(lost, jwts)
		}
		if k.Name == "SECRET_KEY" {
			maps.Copy(lost, sessions)
		}
		if !k.signsJWT || jwts != nil {
			n := len(lost)
			k.LogsOut = &n
		}
	}
	return list, nil
}

// signedSessions reports whether the configured SECRET_KEY signed a stored session.
func signedSessions(ctx context.Context, env Env, tx *db.Tx) (bool, error) {
	keys, err := env.Keys()
	if err != nil || len(keys) == 0 || tx.Layout.Session() == nil || Session.Check(tx.Layout) != nil {
		return false, err
	}
	stored, err := tx.NewestSessions(ctx, newestSessions)
	ready := django.NewSessionKeys(keys[:1])
	return slices.ContainsFunc(stored, func(s db.Session) bool { return ready.Verify(s.Data).OK }), err
}

// signedJWTs reports whether the configured key signed a stored JWT.
func signedJWTs(ctx context.Context, env Env, tx *db.Tx) (bool, error) {
	b, err := env.JWT()
	if err != nil || !b.Keys().CanVerify() || JWT.Check(tx.Layout) != nil {
		return false, err
	}
	stored, err := tx.NewestOutstanding(ctx, newestJWTs)
	return slices.ContainsFunc(stored, func(t db.StoredToken) bool { return b.Signed(t.Text) }), err
}

// forgedSessions returns phrases for the things that SECRET_KEY signs besides JWTs. To forge a login in a
// session or a link to reset a password, an attacker also needs the hash of the user's password.
func forgedSessions(env Env) (list []string) {
	s := env.Settings.Session
	switch {
	case strings.HasSuffix(s.EngineModule(), "signed_cookies") && s.Pickles():
		list = append(list, "the data of sessions, which the signed_cookies engine keeps in cookies: with "+s.Serializer+" they run code on the server")
	case strings.HasSuffix(s.EngineModule(), "signed_cookies"):
		list = append(list, "the data of sessions, which the signed_cookies engine keeps in cookies")
	}
	return append(list, "signed cookies and links of the application, whatever it signs with django.core.signing",
		"a link to reset a password, and a login, for whoever also has the hash of that password, such as from a backup")
}

// steps returns the steps of a change of the key.
func (k *LeakedKey) steps(env Env, jwts, sessions int) []string {
	const newKey = `make a new key: python3 -c "import secrets; print(secrets.token_urlsafe(50))"`
	jwtUsers, sessionUsers := usersWith(jwts, "JWT"), usersWith(sessions, "session")
	if k.Name != "SECRET_KEY" {
		return []string{newKey, "set SIGNING_KEY to it, and VERIFYING_KEY for a pair of keys, and restart every process: all JWTs end, of " + jwtUsers + "; sessions go on",
			"run tokenctl config import, then tokenctl doctor"}
	}
	ends := "nothing of simplejwt's"
	if k.signsJWT {
		ends = "all JWTs, of " + jwtUsers + ", since simplejwt knows no fallbacks"
	}
	if release := env.Settings.Peers.Django; release != "" && !release.AtLeast("4.1") {
		return []string{newKey, "set SECRET_KEY to it and restart every process. Django before 4.1 knows no SECRET_KEY_FALLBACKS, so this ends all sessions, of " + sessionUsers + ", and " + ends,
			"run tokenctl config import, then tokenctl doctor"}
	}
	age := configured(env.Settings.Session.CookieAge.Duration != 0, "session", "SESSION_COOKIE_AGE", django.BriefDuration(env.Settings.Session.Age()), "Django")
	return []string{newKey,
		"phase 1: set SECRET_KEY to it, put the old key into SECRET_KEY_FALLBACKS, and restart every process. Sessions, of " + sessionUsers + ", go on and are signed anew when they are used; this ends " + ends,
		"run tokenctl config import, then tokenctl doctor",
		"phase 2: take the old key out of SECRET_KEY_FALLBACKS and restart every process, at the latest after " + age + ". Only this ends what the old key forged; sessions that were not used meanwhile end",
		"if the key is being abused, leave out phase 1: all sessions end at once"}
}

func usersWith(n int, what string) string {
	if n == 1 {
		return "1 user with a live " + what
	}
	return strconv.Itoa(n) + " users with a live " + what
}
