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
	Owner     db.User // zero where the row has none
	Status    Status
	Created   time.Time // zero: unknown
	Expires   time.Time // zero: never
	Used      time.Time // when it was used last, as its row tells; zero: the row does not tell, or nobody looked
	Signature string    // "verified" or "unchecked" where the kind signs; else empty
	Claims    []byte    // JSON object; nil where the kind has none
	Reason    string    // why a secret does not verify although no row says so
	Notes     []string
	Assumed   string            // what the status rests on although nobody configured it; empty: nothing
	BadValues []engine.BadValue // values of its row that could not be read; those of its owner's are the owner's

	blacklistedAt time.Time // zero: it is not, or nobody asked: see LastUse
	rowEnds       time.Time // of a JWT, the expires_at of its row
	death         string    // why the status is dead
	orphan        bool      // its user is gone: see Orphans
	deniedBy      string    // the id of the entry of the denylist that makes it void
	undecided     error     // why nobody can tell whether the application accepts it; nil where that is known

	secret tokenctl.Secret // where the row holds it, or what a view shows in its place
	masked *db.MaskedKey   // what a view tells of the secret
	row    db.Ref          // names its row; zero where there is none
	jwt    *jwtRow         // of a JWT that was named
}

// Why is why the credential is disabled or dead; empty for any other status.
func (c *Credential) Why() string {
	switch c.Status {
	case Disabled:
		return "the owner is inactive"
	case Dead:
		return c.death
	}
	return ""
}

// Secret is the credential's secret if the database holds it in clear and the role may read it, and
// zero otherwise.
func (c *Credential) Secret() tokenctl.Secret {
	if _, _, masked := db.HashOf(c.secret); masked || isWithheld(c.secret) {
		return tokenctl.Secret{}
	}
	return c.secret
}

// MaskedKey is what a view tells of a secret that the role may not read; nil where it may, or where
// nobody asked for details.
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
	Until    time.Time // rotate: when the predecessor ends; zero: at once
	Access   time.Time // jwt: when the access token ends, or a sliding one that nobody refreshes
}

// NamedSecret is a secret and what it is called: "token", or "refresh" and "access".
type NamedSecret struct {
	Name   string
	Secret tokenctl.Secret
}
