package tokens

import (
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// Status says whether a credential works.
type Status string

// The statuses of a stored credential.
const (
	Active      Status = "active"
	Expired     Status = "expired"
	Blacklisted Status = "blacklisted"
	Disabled    Status = "disabled" // its owner is inactive
	Dead        Status = "dead"     // can never verify again
)

// Statuses are the values of --status.
func Statuses() []string {
	return []string{string(Active), string(Expired), string(Blacklisted), string(Disabled), string(Dead)}
}

// Credential is one stored credential, without its secret.
type Credential struct {
	Kind      string // the name of its Kind
	Type      string // simplejwt's token_type; empty for other kinds
	ID        string
	Owner     db.User // zero: no owner
	Status    Status
	Created   time.Time // zero: unknown
	Expires   time.Time // zero: never
	Used      time.Time // the time of the last use that its row shows; zero: the row shows none, or was not read for it
	Signature string    // "verified" or "unchecked" if the kind signs; else empty
	Claims    []byte    // JSON object; nil if the kind has none
	Reason    string    // why the application does not accept the secret, if the status does not say it
	Notes     []string
	Assumed   string            // the peer's default on which the status depends; empty: it depends on none
	BadValues []engine.BadValue // values of its row that cannot be read; Owner has those of the owner's row

	blacklistedAt time.Time // zero: it is not, or nobody asked: see LastUse
	rowEnds       time.Time // of a JWT, the expires_at of its row
	death         string    // why the status is dead
	orphan        bool      // its user is gone: see Orphans
	deniedBy      string    // the id of the entry of the denylist that makes it void
	undecided     error     // why nobody can tell whether the application accepts it; nil where that is known

	secret tokenctl.Secret // the secret if the row holds it, or what a view shows in its place
	masked *db.MaskedKey   // what a view shows of the secret
	row    db.Ref          // the reference to its row; zero: it has none
	jwt    *jwtRow         // of a JWT that was looked up by id or secret; nil in lists
}

// Why returns the reason why the credential is disabled or dead; empty for any other status.
func (c *Credential) Why() string {
	switch c.Status {
	case Disabled:
		return "the owner is inactive"
	case Dead:
		return c.death
	}
	return ""
}

// Secret returns the secret of the credential if the database holds it in clear and the role may read it, else zero.
func (c *Credential) Secret() tokenctl.Secret {
	if _, _, masked := db.HashOf(c.secret); masked || isWithheld(c.secret) {
		return tokenctl.Secret{}
	}
	return c.secret
}

// MaskedKey returns what a view shows of a secret that the role may not read. It is nil if the role may read the
// secret, or if the list did not read it: Selector.Rights does.
func (c *Credential) MaskedKey() *db.MaskedKey { return c.masked }

// Of returns the credential's kind.
func (c *Credential) Of() *Kind {
	k, _ := KindNamed(c.Kind)
	return k
}

// Minted is a credential with its new secrets, which are shown once.
type Minted struct {
	Credential
	Secrets  []NamedSecret
	Replaces string    // rotate: the id of the predecessor
	Until    time.Time // rotate: the end of the predecessor; zero: it ended at once
	Access   time.Time // jwt: the end of the access token, or of a sliding token that nobody refreshes
}

// NamedSecret is a secret with its name in output, such as "token", "refresh" or "access".
type NamedSecret struct {
	Name   string
	Secret tokenctl.Secret
}
