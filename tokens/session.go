package tokens

import (
	"context"
	"iter"
	"strings"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
)

// Session is django.contrib.sessions: session data under a key that is the cookie's value, signed
// in a row of the table, or as they are in a cache (session_cache.go).
var Session = &Kind{
	Name:        "session",
	Title:       "sessions",
	App:         "django.contrib.sessions",
	IDForm:      "session:KEY_PREFIX-FINGERPRINT",
	OwnerInData: true,
	Present:     func(l *db.Layout) bool { return l.Has("session") },
	LooksLike: func(text string) bool {
		return len(text) == 32 && isSessionKey(text) && !isHex(text)
	},
	OwnKey:       &KeyShape{32, sessionKeyLetters},
	ListsOrphans: true,
	List:         listSessions,
	ByIDs:        sessionByIDs,
	BySecrets:    sessionBySecrets,
	CheckMint:    checkSessionMint,
	CheckRotate:  checkSessionRotate,
	CheckApplication: func(ctx context.Context, env Env, tx *db.Tx, force bool, refs []*Ref) (int, error) {
		if refs != nil {
			return 0, nil // a successor has its predecessor's data
		}
		keys, err := SigningKeys(env)
		if err != nil || force {
			return 0, err
		}
		return checkSessions(ctx, env, tx, keys)
	},
	MintBelowLimit: mintSession,
	Rotate:         rotateSession,
	Expire:         expireSessions,
	CheckExpire:    checkSessionLifetime,
	ExpireNotes:    sessionMoves,
	Ends:           sessionEnd,
	deleteRows:     deleteSessions,
	BlacklistWhere: func(ctx context.Context, tx *db.Tx, s *Selector) (int64, error) {
		if len(s.Types) > 0 || s.byCreation() || s.NeverExpires {
			return 0, nil
		}
		return tx.DeleteSessionsWhere(ctx, s.filter())
	},
	// Whose a session is, only its data tells.
	Exact: func(env Env, s *Selector) bool {
		return !s.byOwner() && s.Statuses == nil && !s.Orphans && !env.Settings.Session.Cached()
	},
	Purgeable: func(ctx context.Context, _ Env, s *db.Store, r PurgeRequest) iter.Seq2[db.Ref, error] {
		return s.ExpiredSessions(ctx, r.Before, r.UserIDs)
	},
	Remains: func(_ context.Context, env Env, _ *db.Tx, _ []*Ref, _ bool) ([]string, error) {
		why, assumed := sessionOutlivesRow(env.Settings)
		switch {
		case why != "":
			return []string{why}, nil
		case assumed != "":
			return []string{"a session ends with its row " + assumed}, nil
		}
		return nil, nil
	},
	OutlivesRow: sessionOutlivesRow,
	lastUse:     sessionLastUse,
	idOf:        func(r *db.Ref) string { return SessionID(r.Key) },
	lockOrder:   byKey,
	Header: func(s *tokenctl.Settings, secret tokenctl.Secret) string {
		return "Cookie: " + s.Session.Cookie() + "=" + secret.Reveal()
	},
}

func sessionOutlivesRow(s *tokenctl.Settings) (why, assumed string) {
	ends, why := s.Session.DeletingLogsOut()
	if ends && s.Session.Engine == "" {
		assumed = "where SESSION_ENGINE is db: " + byDefault("SESSION_ENGINE db", "Django")
	}
	return why, assumed
}

const sessionKeyLetters = "0123456789abcdefghijklmnopqrstuvwxyz"

func isSessionKey(s string) bool { return strings.Trim(s, sessionKeyLetters) == "" }

// sessionPrefix returns the beginning of a key that its id shows: eight characters, but at most a quarter of a key
// that is shorter than Django's own.
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

// sessionStart returns the sessionPrefix of a key, or the beginning that a view shows of it.
func sessionStart(key tokenctl.Secret) string {
	if _, start, masked := db.HashOf(key); masked {
		return start
	}
	return sessionPrefix(key.Reveal())
}

// SessionID is the id of the session with this key.
func SessionID(key tokenctl.Secret) string {
	return "session:" + sessionStart(key) + "-" + fingerprint(key)
}
