package tokens

import (
	"context"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// Session is django.contrib.sessions with its database engine: signed session
// data under a key that is the cookie's value.
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
		keys, err := signingKeys(env)
		if err != nil || force {
			return 0, err
		}
		return checkSessions(ctx, env, tx, keys)
	},
	MintAll:     mintSession,
	Rotate:      rotateSession,
	Expire:      expireSessions,
	CheckExpire: checkSessionLifetime,
	Moves:       sessionMoves,
	Ends:        sessionEnd,
	Blacklist: func(ctx context.Context, _ Env, tx *db.Tx, refs []*Ref) (db.Outcomes, error) {
		return tx.DeleteSessions(ctx, rowsOf(refs))
	},
	BlacklistWhere: func(ctx context.Context, tx *db.Tx, s *Selector) (int64, error) {
		if len(s.Types) > 0 || s.byCreation() || s.NeverExpires {
			return 0, nil
		}
		return tx.DeleteSessionsWhere(ctx, s.filter())
	},
	// Whose a session is, only its data tells.
	Exact: func(s *Selector) bool { return !s.byOwner() && s.Statuses == nil && !s.Orphans },
	Expired: func(ctx context.Context, _ Env, s *db.Store, r PurgeRequest) iter.Seq2[db.Ref, error] {
		return s.ExpiredSessions(ctx, r.Before, r.UserIDs)
	},
	Purge: func(ctx context.Context, _ Env, tx *db.Tx, rows []db.Ref, r PurgeRequest) (int64, error) {
		return tx.DeleteExpiredSessions(ctx, rows, r.Before)
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
	DeleteOrphans: func(ctx context.Context, tx *db.Tx, refs []db.Ref) (int64, error) {
		return deleted(refs)(tx.DeleteSessions(ctx, refs))
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

// sessionStart is the sessionPrefix of a key, or what a view shows of it.
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

// judgeSession judges a session as the application would when it is next used:
// SessionMiddleware, then get_user of django/contrib/auth/__init__.py (4.2).
func judgeSession(env Env, keys *django.SessionKeys, now time.Time, s *db.Session) Credential {
	c := Credential{Kind: "session", ID: SessionID(s.Key), Owner: s.User, Status: Active, Expires: s.Expires,
		Signature: signatureUnchecked, Unread: s.Unread, secret: s.Key, masked: s.Masked, row: s.Ref()}
	c.judgeUnread(c.Unread, c.Owner.Unread)
	if _, _, masked := db.HashOf(s.Key); masked {
		c.Notes = append(c.Notes, "the signature was not checked: the database role cannot read session keys and passwords")
	} else if keys.Any() && s.Data != "" {
		c.Signature = signatureVerified
		if !keys.Verify(s.Data).AcceptedBy(string(env.Settings.Peers.Django)) {
			c.Signature, c.Reason = signatureBad, "bad_signature"
			c.Notes = append(c.Notes, "none of the configured keys made its signature: the application takes it for an empty session, or the keys are not the application's")
		}
	}
	c.orphan = s.Problem == nil && s.UserID != "" && s.User.ID == ""
	dead := sessionDeath(env, keys, s, c.Signature)
	switch {
	case !s.Expires.IsZero() && !s.Expires.After(now):
		c.Status = Expired
	case dead != "":
		c.Status, c.death = Dead, dead
	case s.User.ID != "" && !s.User.Active():
		c.Status = Disabled
		c.Notes = append(c.Notes, "the owner is inactive; the session works again when the owner is activated")
	}
	if dead != "" {
		c.Notes = append(c.Notes, dead)
	}
	switch {
	case s.Problem != nil && dead == "":
		c.undecided = s.Problem
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
	case s.Expires.IsZero() && !s.Live:
		return "its expire_date cannot be read, and the application's query for sessions does not find it"
	case s.Problem == django.ErrSessionCorrupt:
		return sessionCorrupt()
	case s.Problem == django.ErrSessionPickled && !env.Settings.Session.Pickles():
		reads := "the application reads JSON"
		if env.Settings.Session.Serializer == "" {
			reads += " (" + byDefault("SESSION_SERIALIZER JSONSerializer", "Django") + ")"
		}
		return "its data is a pickle, and " + reads + "; session.serializer under [session] says otherwise"
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
	byCreation := s.byCreation()
	if byCreation {
		f.Sort, f.Limit = "", 0
	}
	return func(yield func(Credential, error) bool) {
		if len(s.Types) > 0 || s.NeverExpires || byCreation && s.PassedOver == nil {
			return
		}
		keys, err := env.Keys()
		if err != nil {
			yield(Credential{}, err)
			return
		}
		now, ready := store.Now(), django.NewSessionKeys(keys)
		if !s.wants(Disabled) && !s.wants(Dead) && !narrowSessions(&s, &f, now) {
			return
		}
		credential := func(v *db.Session) Credential {
			c := judgeSession(env, ready, now, v)
			if s.Used {
				c.Used = sessionUsed(v)
			}
			return c
		}
		var decide db.Classify[db.Session]
		if s.Statuses != nil || s.Sort == "status" || s.Orphans {
			decide = func(v *db.Session) (db.Facts, bool) {
				c := credential(v)
				return db.Facts{Status: string(c.Status)}, s.wants(c.Status) && (!s.Orphans || c.orphan)
			}
		}
		note := func(v *db.Session) {
			if v.Problem != nil && s.Unreadable != nil {
				*s.Unreadable++
			}
		}
		if !byCreation {
			credentials(ctx, func(ctx context.Context) iter.Seq2[db.Session, error] { return store.Sessions(ctx, f, note, decide) }, credential)(yield)
			return
		}
		for _, err := range store.Sessions(ctx, f, note, decide) {
			if err != nil {
				yield(Credential{}, err)
				return
			}
			*s.PassedOver++
		}
	}
}

// narrowSessions lets the database decide what the dates alone tell of active and
// expired sessions. It reports whether any can be selected.
func narrowSessions(s *Selector, f *db.Filter, now time.Time) bool {
	switch late := now.Add(time.Microsecond); {
	case !s.wants(Active) && !s.wants(Expired):
		return false
	case !s.wants(Expired):
		f.Unexpired = &now
	case !s.wants(Active) && (f.ExpiresBefore == nil || f.ExpiresBefore.After(late)):
		f.ExpiresBefore = &late
	}
	return true
}

// sessionByIDs wants whole ids: what has no fingerprint may be the key itself, so it is
// not repeated.
func sessionByIDs(ctx context.Context, env Env, tx *db.Tx, ids []string) ([]Found, error) {
	prefixes := make([]string, len(ids))
	for i, id := range ids {
		j := strings.LastIndexByte(id, '-')
		if j < 0 || len(id)-j != 9 || !isHex(strings.ToLower(id[j+1:])) || len([]rune(id[:j])) > 8 {
			return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "an argument is not the id of a session",
				Hint: "ids of sessions are session:KEY_PREFIX-FINGERPRINT, as tokenctl list shows them; a session key is read from standard input: -"}
		}
		prefixes[i] = id[:j]
	}
	keys, err := env.Keys()
	if err != nil {
		return nil, err
	}
	rows, err := tx.SessionsWithPrefixes(ctx, prefixes)
	if err != nil {
		return nil, err
	}
	ready := django.NewSessionKeys(keys)
	found := make([]Found, len(ids))
	for i, id := range ids {
		print := strings.ToLower(id[strings.LastIndexByte(id, '-')+1:])
		var list []*db.Session
		for j := range rows[i] {
			if s := &rows[i][j]; sessionStart(s.Key) == prefixes[i] && fingerprint(s.Key) == print {
				list = append(list, s)
			}
		}
		switch len(list) {
		case 0:
			found[i].Err = notFound("session:" + id)
		case 1:
			c := judgeSession(env, ready, tx.Now, list[0])
			c.Used = sessionUsed(list[0])
			found[i].Credentials = []*Credential{&c}
		default:
			found[i].Err = &tokenctl.Error{Code: tokenctl.CodeAmbiguousID, Message: "more than one session is session:" + id,
				Hint: "act on them by their keys, from standard input: -"}
		}
	}
	return found, nil
}

func sessionBySecrets(ctx context.Context, env Env, tx *db.Tx, secrets []tokenctl.Secret) ([]*Credential, error) {
	// Django does not look up a key of any other form.
	asked := make([]tokenctl.Secret, len(secrets))
	for i, secret := range secrets {
		if django.ValidSessionKey(secret.Reveal()) {
			asked[i] = secret
		}
	}
	rows, err := tx.SessionsWithKeys(ctx, asked)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keys()
	if err != nil {
		return nil, err
	}
	ready := django.NewSessionKeys(keys)
	found := make([]*Credential, len(secrets))
	for i, s := range rows {
		if s != nil && !asked[i].IsZero() {
			c := judgeSession(env, ready, tx.Now, s)
			c.Used = sessionUsed(s)
			found[i] = &c
		}
	}
	return found, nil
}
