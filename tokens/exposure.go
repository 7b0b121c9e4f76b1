package tokens

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// Exposure is access that remains, or may remain, after the leaked credentials were ended.
type Exposure struct {
	What    string    // one of the constants below
	ID      string    // the id of the credential from which the access comes; empty: no single credential
	Until   time.Time // the time at which the access ends by itself; zero: unknown, or never
	Certain bool      // the rows, the signature or the settings prove the access
	Text    string    // a sentence about the access
	Lever   Lever     // a way to end the access earlier
}

// The values of Exposure.What.
const (
	AccessToken          = "access_token"          // an access JWT that is not blacklisted
	RefreshUnrecorded    = "refresh_unrecorded"    // a refresh JWT without a row
	Overlap              = "overlap"               // a predecessor that still works after rotate --overlap
	CachedSession        = "cached_session"        // a session that may still be in a cache or a cookie
	PasswordLogin        = "password_login"        // a login with the password gives new credentials
	ResetLink            = "reset_link"            // a link to reset the password
	SigningKey           = "signing_key"           // a person who has the key can make credentials
	OtherCredential      = "other_credential"      // another credential of the owner
	StatelessApplication = "stateless_application" // an application that never looks at the user
)

// Lever is a way to end an exposure.
type Lever struct {
	Name    string // one of the constants below; empty: tokenctl knows no way
	Command string // the command of tokenctl
}

// The values of Lever.Name.
const (
	LeverBlacklist     = "blacklist"
	LeverDeactivate    = "deactivate"
	LeverResetPassword = "reset_password"
	LeverChangeKey     = "change_key" // another signing key, in the application's settings
)

// Incident has the leaked credentials of an owner, and the change that ends them or would end them.
type Incident struct {
	Owner  db.User         // the owner after the change; zero: nobody
	Users  *db.UserTable   // the owner's model
	Leaked []*Credential   // the leaked credentials; nil: all credentials of the owner
	Whole  bool            // all credentials of the owner count as leaked
	Held   []*Credential   // all credentials of the owner, with their statuses before the change
	Ended  map[string]bool // the ids of the credentials that the change ends
	Reset  bool            // the change gives the owner another password
	Voided bool            // the change writes the owner's entry into the denylist
}

// OwnersOf returns the model of the owners of a kind; nil if the database does not show the model.
func OwnersOf(l *db.Layout, k *Kind) *db.UserTable {
	if t := l.Credentials(k.Name); t != nil {
		return t.Owner
	}
	return l.JWTUsers() // the only kind without a table
}

// HeldBy returns the kinds whose rows belong to the users of a model.
func HeldBy(l *db.Layout, u *db.UserTable) []*Kind {
	return slices.DeleteFunc(present(l, "list"), func(k *Kind) bool { return !l.Holds(k.Name, u) || l.Listable(k.Name) != nil })
}

// Voids reports whether a denylist is configured that can end credentials without a row of the users of a
// model.
func Voids(env Env, l *db.Layout, u *db.UserTable) bool {
	return slices.ContainsFunc(Kinds(), func(k *Kind) bool {
		return k.Void != nil && k.Voids(env) && (l.Holds(k.Name, u) || !k.Present(l) && l.AuthUsers(u))
	})
}

// Endable reports whether a change would end a credential. The credential must be active, or disabled because
// its owner is inactive, and the application must look up its row or its entry in the denylist.
func (c *Credential) Endable(env Env, l *db.Layout) bool {
	if c.Status != Active && c.Status != Disabled {
		return false
	}
	if c.Kind == JWT.Name && c.Type == access {
		return env.Denylist != nil
	}
	return c.Kind != JWT.Name || l.Outstanding() != nil && l.Blacklisted() != nil
}

// exposures collects the access that remains after an incident.
type exposures struct {
	Incident
	env     Env
	layout  *db.Layout
	now     time.Time
	jwt     tokenctl.JWTSettings
	release tokenctl.Version // of simplejwt; empty: no setting says which
	list    []Exposure
}

func newExposures(env Env, tx *db.Tx, in Incident) *exposures {
	return &exposures{Incident: in, env: env, layout: tx.Layout, now: tx.Now, jwt: jwtSettings(env), release: env.Settings.Peers.SimpleJWT}
}

// Exposures returns the access that remains, or may remain, after an incident: by the leaked credentials, and by
// credentials that can be made from them. It reads the times at which JWTs were blacklisted.
func Exposures(ctx context.Context, env Env, tx *db.Tx, in Incident) ([]Exposure, error) {
	e := newExposures(env, tx, in)
	if err := e.jwts(ctx, tx); err != nil {
		return nil, err
	}
	e.sessions()
	e.others()
	e.passwords()
	return e.list, nil
}

func (e *exposures) add(x Exposure) { e.list = append(e.list, x) }

// leaked returns the credentials that an attacker may have. With Whole, these are all credentials of the owner.
func (e *exposures) leaked() []*Credential {
	if !e.Whole {
		return e.Leaked
	}
	list := e.Held
	for _, c := range e.Leaked {
		if !c.Stored() {
			list = append(list[:len(list):len(list)], c)
		}
	}
	return list
}

// ignoresInactive reports whether JWTAuthentication accepts the tokens of an inactive user. It does so from
// simplejwt 5.4 on if CHECK_USER_IS_ACTIVE is off.
func (e *exposures) ignoresInactive() bool {
	return !*e.jwt.CheckUserIsActive && e.release.AtLeast("5.4.0")
}

// refreshesInactive reports whether simplejwt exchanges the refresh tokens of an inactive user. Releases before
// 5.4 always do.
func (e *exposures) refreshesInactive() (yes, proven bool) {
	switch {
	case e.release == "":
		return true, false
	case !e.release.AtLeast("5.4.0"):
		return true, true
	}
	return e.ignoresInactive(), true
}

// revoked reports whether JWTAuthentication refuses the owner's tokens because the password has changed.
func (e *exposures) revoked() bool {
	return e.Reset && e.jwt.CheckRevokeToken && e.release.AtLeast("5.3.0")
}

// authenticates reports whether JWTAuthentication accepts the owner's access tokens.
func (e *exposures) authenticates() bool {
	return (e.Owner.Active() || e.ignoresInactive()) && !e.revoked()
}

// works reports whether the application accepts a credential after the change, and whether that is proven.
func (e *exposures) works(c *Credential) (works, proven bool) {
	proven = c.Signature != signatureUnchecked && c.undecided == nil
	active := e.Owner.Active()
	switch {
	case e.Ended[c.ID], c.Status != Active && c.Status != Disabled, c.Reason != "":
		return false, proven
	case c.Kind == JWT.Name && (c.Type == access || c.Type == sliding):
		return e.authenticates(), proven
	case c.Kind == JWT.Name:
		if active {
			return true, proven
		}
		works, certain := e.refreshesInactive()
		return works, proven && certain
	case c.Kind == Session.Name && e.Reset:
		return false, proven
	}
	return active, proven
}

// others adds the credentials of the owner that still work.
func (e *exposures) others() {
	for _, c := range e.Held {
		works, proven := e.works(c)
		if !works {
			continue
		}
		x := Exposure{What: OtherCredential, ID: c.ID, Until: c.Expires, Certain: proven && !c.EndUnknown(), Text: "another credential of the owner",
			Lever: Lever{LeverBlacklist, "tokenctl blacklist " + c.ID}}
		if e.overlaps(c) {
			x.What, x.Text = Overlap, "its end was brought forward, as rotate --overlap does to a predecessor"
		}
		if e.isLeaked(c) {
			x.Text = "what leaked still works"
		}
		e.add(x)
	}
}

func (e *exposures) isLeaked(c *Credential) bool {
	return slices.ContainsFunc(e.Leaked, func(l *Credential) bool { return l.ID == c.ID })
}

// overlaps reports whether a knox token has a successor and ends before its TOKEN_TTL.
func (e *exposures) overlaps(c *Credential) bool {
	ttl, ends := e.env.Settings.Knox.TokenTTL.Duration()
	if c.Kind != Knox.Name || c.Expires.IsZero() || ends && !c.Expires.Before(c.Created.Add(ttl)) {
		return false
	}
	return slices.ContainsFunc(e.Held, func(other *Credential) bool {
		return other.Kind == c.Kind && other.Created.After(c.Created) && other.Created.Before(c.Expires)
	})
}

// sessions adds the sessions that outlive their rows, because they are in a cache or a cookie.
func (e *exposures) sessions() {
	if !e.Owner.Active() || e.Reset {
		return
	}
	s := e.env.Settings.Session
	ends, why := s.DeletingLogsOut()
	if ends && s.Engine == "" && e.env.Settings.Peers.Django == "" {
		ends, why = false, "where SESSION_ENGINE is cached_db, a cache may still have it: no setting says which engine it is"
	}
	if ends {
		return
	}
	lever := e.endsSessions()
	if e.Whole && !s.InDatabase() {
		e.add(Exposure{What: CachedSession, Text: why, Lever: lever})
	}
	if s.Cached() {
		return // the change has deleted the sessions from the cache, too
	}
	for _, c := range e.leaked() {
		if c.Kind == Session.Name && e.Ended[c.ID] {
			e.add(Exposure{What: CachedSession, ID: c.ID, Until: c.Expires, Text: why, Lever: lever})
		}
	}
}

// endsSessions returns the way to end all sessions of the owner: also those in a cache or a cookie.
func (e *exposures) endsSessions() Lever {
	if command := withoutPassword(e.layout, e.Users, &e.Owner); command != "" {
		return Lever{LeverResetPassword, command}
	}
	return e.deactivation()
}

func (e *exposures) deactivation() Lever {
	if command := lockOut(e.layout, e.Users, &e.Owner); command != "" {
		return Lever{LeverDeactivate, command}
	}
	return Lever{}
}

// resetTimeout is PASSWORD_RESET_TIMEOUT of django/conf/global_settings.py (4.2).
const resetTimeout = 3 * 24 * time.Hour

// passwords adds the ways to get new credentials with the password or a link to reset it.
func (e *exposures) passwords() {
	u := &e.Owner
	if u.ID == "" || e.Reset || !u.HasUsablePassword() {
		return
	}
	lever := e.endsSessions()
	if u.MayLogIn(e.env.Settings.Peers.Django) {
		e.add(Exposure{What: PasswordLogin, Text: "the password of " + userName(u) + " is usable: whoever knows it gets new credentials where the application has a login", Lever: lever})
	}
	if u.Email != nil && *u.Email != "" {
		e.add(Exposure{What: ResetLink, Until: e.now.Add(resetTimeout).Truncate(time.Second),
			Text: "a link to reset the password that was sent before is valid for " + byDefault("PASSWORD_RESET_TIMEOUT "+django.BriefDuration(resetTimeout), "Django"), Lever: lever})
	}
}
