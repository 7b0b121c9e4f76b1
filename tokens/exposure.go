package tokens

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// Exposure is access that remains, or may remain, after a leak was contained.
type Exposure struct {
	What    string    // one of the constants below
	ID      string    // the credential that it comes from; empty: none in particular
	Until   time.Time // when it ends by itself; zero: nobody knows, or never
	Certain bool      // rows, the signature or the settings prove it
	Text    string    // a sentence about it
	Lever   Lever     // what ends it earlier
}

// The values of Exposure.What.
const (
	AccessToken          = "access_token"          // an access JWT, which nobody can blacklist
	RefreshUnrecorded    = "refresh_unrecorded"    // a refresh JWT without a row
	Overlap              = "overlap"               // a predecessor that rotate --overlap left alive
	CachedSession        = "cached_session"        // a session that a cache still has
	PasswordLogin        = "password_login"        // the password gives new credentials
	ResetLink            = "reset_link"            // a link to reset the password
	SigningKey           = "signing_key"           // whoever has the key makes credentials
	OtherCredential      = "other_credential"      // another credential of the owner
	StatelessApplication = "stateless_application" // an application that never looks at the user
)

// Lever is what ends an exposure.
type Lever struct {
	Name    string // one of the constants below; empty: nothing that tokenctl knows of
	Command string // tokenctl's
}

// The values of Lever.Name.
const (
	LeverBlacklist     = "blacklist"
	LeverDeactivate    = "deactivate"
	LeverResetPassword = "reset_password"
	LeverChangeKey     = "change_key" // another signing key, in the application's settings
)

// Incident is what leaked, and what was done about that, or would be.
type Incident struct {
	Owner  db.User         // the owner as of now, or as the change would leave the owner; zero: nobody
	Users  *db.UserTable   // the owner's model
	Leaked []*Credential   // what leaked; nil: all that the owner holds
	Whole  bool            // all that the owner holds counts as leaked
	Held   []*Credential   // all that the owner holds, with their statuses before the change
	Ended  map[string]bool // the ids of those that were ended, or would be
	Reset  bool            // the owner has another password than before
	Voided bool            // the denylist says of the owner that what was issued until now is void
}

// OwnersOf is the model of the owners of a kind; nil where the database does not tell.
func OwnersOf(l *db.Layout, k *Kind) *db.UserTable {
	if t := l.Credentials(k.Name); t != nil {
		return t.Owner
	}
	return l.JWTUsers() // the only kind without a table
}

// HeldBy are the kinds whose rows belong to the users of a model.
func HeldBy(l *db.Layout, u *db.UserTable) []*Kind {
	return slices.DeleteFunc(present(l, "list"), func(k *Kind) bool { return !l.Holds(k.Name, u) || l.Listable(k.Name) != nil })
}

// Voids reports whether something is configured that makes void what the users of a model
// hold without a row.
func Voids(env Env, l *db.Layout, u *db.UserTable) bool {
	return slices.ContainsFunc(Kinds(), func(k *Kind) bool {
		return k.Void != nil && k.Voids(env) && (l.Holds(k.Name, u) || !k.Present(l) && l.AuthUsers(u))
	})
}

// Endable reports whether a change would end a credential: it works, or will work again when
// its owner is activated, and the application looks at its row, or at the denylist.
func (c *Credential) Endable(env Env, l *db.Layout) bool {
	if c.Status != Active && c.Status != Disabled {
		return false
	}
	if c.Kind == JWT.Name && c.Type == access {
		return env.Denylist != nil
	}
	return c.Kind != JWT.Name || l.Outstanding() != nil && l.Blacklisted() != nil
}

// exposures computes what remains of an incident.
type exposures struct {
	Incident
	env    Env
	layout *db.Layout
	now    time.Time
	jwt    tokenctl.JWTSettings
	list   []Exposure
}

// Exposures says what remains of an incident: what the application still accepts, or may
// accept, of what leaked and of what can be made of it. It reads when JWTs were blacklisted.
func Exposures(ctx context.Context, env Env, tx *db.Tx, in Incident) ([]Exposure, error) {
	e := &exposures{Incident: in, env: env, layout: tx.Layout, now: tx.Now, jwt: jwtSettings(env)}
	if err := e.jwts(ctx, tx); err != nil {
		return nil, err
	}
	e.sessions()
	e.others()
	e.passwords()
	return e.list, nil
}

func (e *exposures) add(x Exposure) { e.list = append(e.list, x) }

// leaked are the credentials that an attacker has: those that leaked, or everything.
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

// release is the configured release of simplejwt; known says that it is configured.
func (e *exposures) release() (release tokenctl.Version, known bool) {
	release = e.env.Settings.Peers.SimpleJWT
	return release, release != ""
}

// ignoresInactive reports whether JWTAuthentication accepts tokens of an inactive user: with
// CHECK_USER_IS_ACTIVE off, from 5.4 on.
func (e *exposures) ignoresInactive() bool {
	release, _ := e.release()
	return !*e.jwt.CheckUserIsActive && release.AtLeast("5.4.0")
}

// refreshesInactive reports whether the refresh tokens of an inactive user are exchanged.
// Before 5.4 they always are.
func (e *exposures) refreshesInactive() (yes, proven bool) {
	switch release, known := e.release(); {
	case !known:
		return true, false
	case !release.AtLeast("5.4.0"):
		return true, true
	}
	return e.ignoresInactive(), true
}

// revoked reports whether JWTAuthentication refuses tokens that are older than the password.
func (e *exposures) revoked() bool {
	release, _ := e.release()
	return e.Reset && e.jwt.CheckRevokeToken && release.AtLeast("5.3.0")
}

// authenticates reports whether JWTAuthentication accepts access tokens of the owner.
func (e *exposures) authenticates() bool {
	return (e.Owner.Active() || e.ignoresInactive()) && !e.revoked()
}

// works reports whether the application accepts a credential now, and whether that is proven.
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

// others are the credentials of the owner that still work.
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
	for _, l := range e.Leaked {
		if l.ID == c.ID {
			return true
		}
	}
	return false
}

// overlaps reports whether a knox token has a successor and ends earlier than TOKEN_TTL
// says.
func (e *exposures) overlaps(c *Credential) bool {
	ttl, ends := e.env.Settings.Knox.TokenTTL.Duration()
	if c.Kind != Knox.Name || c.Expires.IsZero() || ends && !c.Expires.Before(c.Created.Add(ttl)) {
		return false
	}
	for _, other := range e.Held {
		if other.Kind == c.Kind && other.Created.After(c.Created) && other.Created.Before(c.Expires) {
			return true
		}
	}
	return false
}

// sessions are those that outlive their rows: a cache has them, or a cookie.
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
		return // what was ended is deleted in the cache
	}
	for _, c := range e.leaked() {
		if c.Kind == Session.Name && e.Ended[c.ID] {
			e.add(Exposure{What: CachedSession, ID: c.ID, Until: c.Expires, Text: why, Lever: lever})
		}
	}
}

// endsSessions is what ends all sessions of the owner, wherever they are.
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

// passwords are the ways to new credentials that a password opens.
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
