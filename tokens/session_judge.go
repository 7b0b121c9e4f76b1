package tokens

import (
	"fmt"
	"sync/atomic"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// sessionJudge judges sessions as the application does at their next use: SessionMiddleware, then get_user of
// django/contrib/auth/__init__.py (4.2).
type sessionJudge struct {
	env     Env
	keys    *django.SessionKeys
	now     time.Time
	proven  atomic.Bool // a session proves that the application uses one of the keys
	sampled bool        // find has read other sessions to prove a key
}

func newSessionJudge(env Env, now time.Time) (*sessionJudge, error) {
	keys, err := env.Keys()
	return &sessionJudge{env: env, keys: django.NewSessionKeys(keys), now: now}, err
}

// prove sets proven if one of the keys made the auth hash of one of the sessions. A session in a cache has no
// signature, so only auth hashes can prove a key.
func (j *sessionJudge) prove(list []db.Session) {
	for i := range list {
		if j.proven.Load() || !j.keys.Any() {
			return
		}
		s := &list[i]
		j.proven.Store(s.User.ID != "" && s.User.MatchSessionAuthHash(s.Login.AuthHash, j.keys).OK)
	}
}

// seen judges a session, and adds the time of its last use.
func (j *sessionJudge) seen(s *db.Session) Credential {
	c := j.judge(s)
	c.Used = sessionUsed(s)
	return c
}

func (j *sessionJudge) judge(s *db.Session) Credential {
	env, keys, now := j.env, j.keys, j.now
	c := Credential{Kind: "session", ID: SessionID(s.Key), Owner: s.User, Status: Active, Expires: s.Expires,
		Signature: signatureUnchecked, BadValues: s.BadValues, secret: s.Key, masked: s.Masked, row: s.Ref()}
	c.judgeBadValues(c.BadValues, c.Owner.BadValues)
	_, _, masked := db.HashOf(s.Key)
	switch {
	case masked:
		c.Notes = append(c.Notes, "the signature was not checked: the database role cannot read session keys and passwords")
	case s.Cached && keys.Any():
		c.Signature = "" // Django does not sign sessions in a cache
	case keys.Any() && s.Data != "":
		c.Signature = signatureVerified
		if !keys.Verify(s.Data).AcceptedBy(string(env.Settings.Peers.Django)) {
			c.Signature = signatureBad
			if s.Copy == nil || s.Copy.Problem != nil { // without a readable copy the application reads the row
				c.Reason = "bad_signature"
				c.Notes = append(c.Notes, "none of the configured keys made its signature: the application takes it for an empty session, or the keys are not the application's")
			}
		}
	}
	c.orphan = s.Problem == nil && s.UserID != "" && s.User.ID == ""
	dead := j.death(s, &c)
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
		c.undecided = fmt.Errorf("whose it is cannot be told: %w", s.Problem)
		c.Notes = append(c.Notes, "whose it is is not known: "+s.Problem.Error())
	case s.Problem == nil && s.UserID == "":
		c.Notes = append(c.Notes, "nobody is logged in with it")
	}
	return c
}

// death returns the reason why a session can never log anybody in again. It returns "" if the session can, or
// if only the right key could decide it.
func (j *sessionJudge) death(s *db.Session, c *Credential) string {
	env := j.env
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
	if d.UserID == "" { // tokenctl has just made the session, and not read it
		var err error
		if d, err = django.ReadSessionLogin(s.Data); err != nil {
			return sessionCorrupt()
		}
	}
	switch {
	case d.Backend == "" || d.AuthHash == "":
		return "it lacks what Django's login puts into a session"
	case !j.keys.Any() || !s.Cached && s.Copy == nil && c.Signature != signatureVerified:
	case s.User.MatchSessionAuthHash(d.AuthHash, j.keys).AcceptedBy(string(env.Settings.Peers.Django)):
		if s.Cached {
			c.Signature = signatureVerified
		}
	case c.Signature == signatureVerified || j.proven.Load():
		return "the owner's password was changed since: its auth hash no longer matches"
	default:
		c.undecided = errKeyOrPassword
		c.Notes = append(c.Notes, errKeyOrPassword.Error())
	}
	return ""
}

// errKeyOrPassword is the error for a session in a cache whose auth hash does not match. Such a session has no
// signature that could prove the key.
var errKeyOrPassword = &tokenctl.Error{Code: tokenctl.CodeWrongKey,
	Message: "its auth hash does not match: the owner's password was changed since, or the configured SECRET_KEY is not the application's", Hint: "check the key; nothing that the cache holds proves it"}

func sessionCorrupt() string {
	return "its data is " + django.ErrSessionCorrupt.Error() + ": the application takes it for an empty session"
}
