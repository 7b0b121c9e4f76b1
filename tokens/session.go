package tokens

import (
	"context"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl/db"
	"tokenctl/django"
)

// Session is django.contrib.sessions with its database engine: signed session
// data under a key that is the cookie's value.
var Session = &Kind{
	Name:    "session",
	Title:   "sessions",
	App:     "django.contrib.sessions",
	IDForm:  "session:KEY_PREFIX-FINGERPRINT",
	Present: func(l *db.Layout) bool { return l.Session() != nil },
	LooksLike: func(text string) bool {
		return len(text) == 32 && isSessionKey(text) && !isHex(text)
	},
	List:        listSessions,
	ByID:        sessionByID,
	BySecret:    sessionBySecret,
	CheckMint:   checkSessionMint,
	CheckRotate: checkSessionRotate,
	MintAll:     mintSession,
	Rotate:      rotateSession,
	Blacklist: func(ctx context.Context, _ Env, tx *db.Tx, batch []Credential) (db.Refusals, error) {
		return tx.DeleteSessions(ctx, rowsOf[db.Session](batch))
	},
	BlacklistAll: func(ctx context.Context, _ Env, tx *db.Tx, s Selector, gone func(string)) (int64, error) {
		if len(s.Types) > 0 || s.byCreation() {
			return 0, nil
		}
		return tx.DeleteSessionsWhere(ctx, s.filter(), telling(gone, SessionID))
	},
	Expired: func(ctx context.Context, _ Env, s *db.Store, r PurgeRequest) (*db.Expired, error) {
		return s.ExpiredSessions(ctx, r.Before, r.UserIDs)
	},
	Aftermath: func(env Env, _ Credential) string {
		_, why := env.Settings.Session.DeletingLogsOut()
		return why
	},
	Header: func(s *django.Settings, secret django.Secret) string {
		return "Cookie: " + s.Session.Cookie() + "=" + secret.Reveal()
	},
}

func isSessionKey(s string) bool {
	return strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// sessionPrefix is the part of a key that its id shows: eight characters, of a
// key shorter than Django's own no more than a quarter.
func sessionPrefix(key string) string {
	if !utf8.ValidString(key) {
		key = string([]rune(key)) // an id is text
	}
	n := min(8, utf8.RuneCountInString(key)/4)
	for i := range key {
		if n == 0 {
			return key[:i]
		}
		n--
	}
	return key
}

// SessionID is the id of the session with this key.
func SessionID(key django.Secret) string {
	return "session:" + sessionPrefix(key.Reveal()) + "-" + fingerprint(key)
}

// sessionCredential is a session that something may be done with.
func sessionCredential(env Env, keys *django.SessionKeys, now time.Time, s *db.Session) Credential {
	c := judgeSession(env, keys, now, s)
	c.row = *s
	return c
}

// judgeSession judges a session as the application would when it is next used:
// SessionMiddleware, then get_user of django/contrib/auth/__init__.py (4.2).
func judgeSession(env Env, keys *django.SessionKeys, now time.Time, s *db.Session) Credential {
	c := Credential{Kind: "session", ID: SessionID(s.Key), Owner: s.User, Status: Active, Expires: s.Expires,
		Signature: signatureUnchecked, secret: s.Key}
	if keys.Given() && s.Data != "" {
		c.Signature = signatureVerified
		if !keys.Verify(s.Data).AcceptedBy(string(env.Settings.Peers.Django)) {
			c.Signature, c.Reason = signatureBad, "bad_signature"
			c.Notes = append(c.Notes, "none of the configured keys made its signature: the application takes it for an empty session, or the keys are not the application's")
		}
	}
	dead := sessionDeath(env, keys, s, c.Signature)
	switch {
	case s.User.ID != "" && !s.User.Active():
		c.Status = Disabled
		c.Notes = append(c.Notes, "the owner is inactive; the session works again when the owner is activated")
	case dead != "":
		c.Status = Dead
		c.Notes = append(c.Notes, dead)
	case !s.Expires.After(now):
		c.Status = Expired
	}
	switch {
	case s.Problem != nil && dead == "":
		c.Notes = append(c.Notes, "whose it is is not known: "+s.Problem.Error())
	case s.Problem == nil && s.UserID == "":
		c.Notes = append(c.Notes, "nobody is logged in with it")
	}
	return c
}

// sessionDeath says why a session can never let anybody in again; empty when it
// can, or when only the key would tell.
func sessionDeath(env Env, keys *django.SessionKeys, s *db.Session, signature string) string {
	switch {
	case s.Problem == django.ErrSessionCorrupt:
		return sessionCorrupt()
	case s.Problem == django.ErrSessionPickled && !env.Settings.Session.Pickles():
		return "its data is a pickle, and the application reads JSON; session.serializer under [session] says otherwise"
	case s.Problem != nil || s.UserID == "":
		return ""
	case s.User.ID == "":
		return "its user is gone"
	}
	d := s.Login
	if d.UserID == "" { // it was just made
		var err error
		if d, err = django.ReadSessionLogin(s.Data); err != nil {
			return sessionCorrupt()
		}
	}
	switch {
	case d.Backend == "" || d.AuthHash == "":
		return "it lacks what Django's login puts into a session"
	case signature == signatureVerified && !s.User.MatchSessionAuthHash(d.AuthHash, keys).AcceptedBy(string(env.Settings.Peers.Django)):
		return "the owner's password was changed since: its auth hash no longer matches"
	}
	return ""
}

func sessionCorrupt() string {
	return "its data is " + django.ErrSessionCorrupt.Error() + ": the application takes it for an empty session"
}

func listSessions(ctx context.Context, env Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	f := s.filter()
	// A session does not tell when it was created, and an unknown date never matches.
	undated := s.byCreation()
	if undated {
		f.Sort, f.Limit = "", 0
	}
	return func(yield func(Credential, error) bool) {
		if len(s.Types) > 0 || undated && s.PassedOver == nil {
			return
		}
		keys, err := env.Keys()
		if err != nil {
			yield(Credential{}, err)
			return
		}
		now := store.Now()
		// The database passes over what the dates alone decide.
		if !s.wants(Disabled) && !s.wants(Dead) {
			switch late := now.Add(time.Microsecond); {
			case !s.wants(Active) && !s.wants(Expired):
				return
			case !s.wants(Expired) && f.ExpiresAfter.Before(now):
				f.ExpiresAfter = now
			case !s.wants(Active) && (f.ExpiresBefore.IsZero() || f.ExpiresBefore.After(late)):
				f.ExpiresBefore = late
			}
		}
		ready := django.NewSessionKeys(keys)
		read := db.SessionRead{Unreadable: s.Unreadable, Status: func(v *db.Session) string {
			return string(judgeSession(env, ready, now, v).Status)
		}}
		if !undated {
			make := sessionCredential
			if s.Brief {
				make = judgeSession
			}
			credentials(ctx, func(ctx context.Context) iter.Seq2[db.Session, error] { return store.Sessions(ctx, f, read) }, func(v *db.Session) Credential {
				return make(env, ready, now, v)
			})(yield)
			return
		}
		for _, err := range store.Sessions(ctx, f, read) {
			if err != nil {
				yield(Credential{}, err)
				return
			}
			*s.PassedOver++
		}
	}
}

// sessionByID wants the whole id: what has no fingerprint may be the key itself,
// so it is not repeated.
func sessionByID(ctx context.Context, env Env, tx *db.Tx, id string) (Credential, error) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 || len(id)-i != 9 || !isHex(strings.ToLower(id[i+1:])) || len([]rune(id[:i])) > 8 {
		return Credential{}, &django.Error{Code: django.CodeUsage, Message: "an argument is not the id of a session",
			Hint: "ids of sessions are session:KEY_PREFIX-FINGERPRINT, as tokenctl list shows them; a session key is read from standard input: -"}
	}
	if strings.ContainsRune(id, 0) {
		return Credential{}, notFound("session:" + id)
	}
	prefix, print := id[:i], strings.ToLower(id[i+1:])
	candidates, err := tx.SessionsWithPrefix(ctx, prefix)
	if err != nil {
		return Credential{}, err
	}
	var found []django.Secret
	for _, s := range candidates {
		if sessionPrefix(s.Key.Reveal()) == prefix && fingerprint(s.Key) == print {
			found = append(found, s.Key)
		}
	}
	switch len(found) {
	case 0:
		return Credential{}, notFound("session:" + id)
	case 1:
		c, err := sessionBySecret(ctx, env, tx, found[0])
		if err != nil {
			return Credential{}, err
		}
		if c != nil {
			return *c, nil
		}
		return Credential{}, notFound("session:" + id)
	}
	return Credential{}, &django.Error{Code: django.CodeAmbiguousID, Message: "more than one session is session:" + id,
		Hint: "act on them by their keys, from standard input: -"}
}

func sessionBySecret(ctx context.Context, env Env, tx *db.Tx, secret django.Secret) (*Credential, error) {
	text := secret.Reveal()
	if !django.ValidSessionKey(text) || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, nil
	}
	s, err := tx.SessionWithKey(ctx, secret)
	if s == nil || err != nil {
		return nil, err
	}
	keys, err := env.Keys()
	if err != nil {
		return nil, err
	}
	c := sessionCredential(env, django.NewSessionKeys(keys), tx.Now, s)
	return &c, nil
}
