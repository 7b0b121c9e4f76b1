// Package tokens implements mint, list, verify, rotate, blacklist and purge for each kind of credential. Each
// kind has one or more files, and a [Kind] with its functions. The commands and the test server use this
// package.
//
// The package does not ask questions, print or read flags: package commands does. Package db has the SQL, and
// package django has the hashes, signatures and formats of the peers.
package tokens

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
)

// Kind is a family of credentials, with the functions that tokenctl has for it. A nil function means that the
// kind cannot do this; CheckVerb returns the error. The help, the completions and the README's matrix come from
// these fields.
type Kind struct {
	Name  string // the value of --kind
	Title string // the name in messages, such as "drf tokens"
	App   string // the entry of INSTALLED_APPS that creates the table

	// Present reports whether the database has the kind's table.
	Present func(*db.Layout) bool
	// Tableless says that some types of credentials work without a row: mint and verify of these need no table.
	Tableless bool
	// IDForm is the form of the kind's ids, for messages.
	IDForm string
	// ForeignIDs says that tokenctl does not choose the ids: an id may look like a secret.
	ForeignIDs bool
	// OwnerInData says that only a row's data names the owner, so the database cannot select by owner.
	OwnerInData bool
	// LooksLike reports whether text could be a secret of this kind in its usual form. tokenctl refuses such an
	// argument.
	LooksLike func(text string) bool
	// List yields the credentials that the selector selects, in the order of the database.
	List func(context.Context, Env, *db.Store, Selector) iter.Seq2[Credential, error]
	// ByIDs finds credentials by ids without the "kind:" prefix. The error of an id is CodeNotFound if the id
	// has no row, CodeChanged if the secret has another fingerprint, and CodeAmbiguousID if several rows have
	// the id.
	ByIDs func(context.Context, Env, *db.Tx, []string) ([]Found, error)
	// BySecrets finds credentials by their secrets, in the order of the secrets. It returns nil for a secret
	// without a credential of the kind.
	BySecrets func(context.Context, Env, *db.Tx, []tokenctl.Secret) ([]*Credential, error)
	// Cannot says why verb can do nothing with a credential; nil if verb can. The function itself is nil if
	// every verb works with every credential.
	Cannot func(env Env, l *db.Layout, verb string, c *Credential, now time.Time) *tokenctl.Error
	// CheckMint and CheckRotate return a usage error for a request that the kind can never fulfil. They do not
	// read the database.
	CheckMint   func(Env, MintRequest) error
	CheckRotate func(Env, RotateRequest) error
	// CheckApplication compares a new credential with the newest credentials of the application. If they differ
	// and force is not set, the error is CodeWrongKey or CodeWrongClaims. refs are the credentials to replace;
	// it may be nil. CheckApplication returns the number of compared credentials. The function itself is nil if
	// the application accepts any row.
	CheckApplication func(ctx context.Context, env Env, tx *db.Tx, force bool, refs []*Ref) (int, error)
	// MintBelowLimit makes a credential for each user who can get one, in the order of users and as the peer
	// makes it. It returns the other users with the reason. The users must be distinct. MintBatch is the best
	// number of users for one call.
	MintBelowLimit func(context.Context, Env, *db.Tx, []db.User, MintRequest) ([]Minted, []UserAtLimit, error)
	// AtLimit returns the users who cannot get a further credential. The function itself is nil if the kind has
	// no limit. Limit is the reason in words: "already have a drf token".
	AtLimit func(context.Context, Env, *db.Tx, []db.User) ([]UserAtLimit, error)
	Limit   string
	// Provide checks a secret that the operator gives for an owner. The error says why the secret could never
	// work. weak are reasons why it is easy to guess. The function itself is nil if the kind accepts no such
	// secret.
	Provide func(env Env, l *db.Layout, owner string, secret tokenctl.Secret) (weak []string, err error)
	// ImportDRF makes rows of the kind for the users' DRF keys. keyless are the users without
	// a DRF key. With dry it returns the rows without writing them.
	ImportDRF func(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest, dry bool) (imported []Imported, keyless []db.User, err error)
	// Rotate replaces credentials. For each credential in Outcomes the Minted is empty.
	Rotate func(context.Context, Env, *db.Tx, []*Ref, RotateRequest) ([]Minted, db.Outcomes, error)
	// Expire moves the ends of live credentials and returns the new ends. CheckExpire returns a usage error for
	// a lifetime that the kind cannot have. ExpireNotes returns notes about later moves of the end by the peer.
	Expire      func(context.Context, Env, *db.Tx, []*Ref, Lifetime) ([]time.Time, db.Outcomes, error)
	CheckExpire func(Lifetime) error
	ExpireNotes func(*tokenctl.Settings, Lifetime) []string
	// Ends returns the end of a credential that is made now (zero: never), and the setting or flag that decides
	// the end. why is empty if a successor keeps its predecessor's end. The function itself is nil if credentials
	// of the kind never end.
	Ends func(env Env, now time.Time, typ string, l Lifetime) (end time.Time, why string)
	// BlacklistWhere blacklists all credentials that a selector selects, and returns their number. A caller must
	// check Exact first: it reports whether the database alone can evaluate the selector.
	BlacklistWhere func(context.Context, *db.Tx, *Selector) (int64, error)
	Exact          func(Env, *Selector) bool
	// Void ends all credentials that the users got up to the commit, also the credentials without a row. refs are
	// some of the users' credentials; it may be nil. The function itself is nil if every credential has a row. A
	// caller must check Voids first: it reports whether a denylist is configured.
	Void  func(ctx context.Context, env Env, tx *db.Tx, users []db.User, refs *Refs) ([]Voided, error)
	Voids func(Env) bool
	// Unblacklist undoes Blacklist.
	Unblacklist func(context.Context, Env, *db.Tx, []*Ref) (db.Outcomes, error)
	// Purgeable yields the rows to purge.
	Purgeable func(context.Context, Env, *db.Store, PurgeRequest) iter.Seq2[db.Ref, error]
	// Remains returns sentences about access that remains after credentials are blacklisted. voided says that
	// Void was called for the owners.
	Remains func(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, voided bool) ([]string, error)
	// RemainsInactive returns sentences about access that remains although the owners are inactive and refs, all
	// credentials of the owners, are blacklisted; voided is as in Remains. The function itself is nil if no
	// access remains.
	RemainsInactive func(env Env, l *db.Layout, now time.Time, refs []*Ref, voided bool) []string
	// OutlivesRow says why a credential may still work after its row was deleted; empty if a credential ends
	// with its row. assumed names the default on which the answer depends; empty if the setting is configured.
	// The function itself is nil if every credential of the kind ends with its row.
	OutlivesRow func(*tokenctl.Settings) (why, assumed string)
	// TakenWhileInactive names the releases of the peer that accept the live credentials of an inactive user;
	// empty if no release does.
	TakenWhileInactive string
	// Header returns the request header that carries the secret.
	Header func(*tokenctl.Settings, tokenctl.Secret) string
	// AuthType returns the scheme of the header that carries the credential (token_type of RFC 7662); empty if
	// the credential gives no access by itself. The function itself is nil if no header carries credentials of
	// the kind.
	AuthType func(*tokenctl.Settings, *Credential) string
	// OwnersWithPrefix returns at most limit owners of credentials whose ids begin with a text. The function
	// itself is nil if ids do not begin with the owner.
	OwnersWithPrefix func(ctx context.Context, store *db.Store, text string, limit int) ([]string, error)
	// Describe describes the layout of the kind's table. The function itself is nil if all releases of the peer
	// have the same columns.
	Describe func(*db.Layout) string
	// NeverRead reports whether the application never looks up a credential, so that blacklist would have no
	// effect. The function itself is nil if the application always looks up credentials of the kind.
	NeverRead func(Env, *db.Layout, *Credential) bool
	// AssumedExpired describes the default by which credentials count as expired; empty if the setting is
	// configured. The function itself is nil if the rows alone decide.
	AssumedExpired func(Env) string
	// OwnKey is the shape of the keys that the peer draws at random; nil if no row holds such a key.
	OwnKey *KeyShape
	// NeverUsed reports whether the row of a live credential proves that nobody has used the credential. The
	// function itself is nil if no row can prove that.
	NeverUsed func(Env, *Credential) bool
	// Revivable reports whether a blacklisted credential would work again after the peer's own purge of expired
	// rows. The function itself is nil if that never happens.
	Revivable func(c *Credential, now time.Time) bool
	// Whole reports whether the row holds the whole secret that a client sends, although the application never
	// reads it there. Redact replaces the part that makes the secret valid. Both are nil if no row holds it.
	Whole  func(*Credential) bool
	Redact func(context.Context, *db.Tx, []*Ref) (db.Outcomes, error)
	// Newest returns the id of the newest row. tokenctl checks the configured key with this row, so a caller must
	// not give it to Redact. The function itself is nil if Redact is nil.
	Newest func(context.Context, *db.Tx) (id string, err error)
	// Lost returns rows that blacklist credentials that do not exist. The function itself is nil if the kind has
	// no such rows.
	Lost func(context.Context, *db.Tx) ([]db.Ref, error)
	// ListsOrphans says that a list contains orphans also without Selector.Orphans.
	ListsOrphans bool
	// OrderOfID says that a list that is not sorted is in the order of the ids.
	OrderOfID bool
	// CheckRotatable says why no credential can be replaced in this layout. The function itself is nil if the layout
	// does not matter.
	CheckRotatable func(*db.Layout) error

	// deleteRows deletes credentials with their rows. It is nil for JWTs: blacklist adds a row instead.
	deleteRows func(context.Context, Env, *db.Tx, []db.Ref) (db.Outcomes, error)

	// lastUse returns the last use of a credential, as its row proves it. From is zero if the row proves no use.
	// To is zero if a later use is possible. The function itself is nil if no row can prove a use.
	lastUse func(Env, *Credential) Use

	// lockOrder compares rows. Every process changes rows in this order, so that no two wait for each other.
	lockOrder func(a, b db.Ref) int

	idOf func(*db.Ref) string // returns the whole id
}

// KeyShape is the common form of keys from one source: their length and their characters.
type KeyShape struct {
	Length  int
	Letters string
}

// SecretNames returns the names of the secrets that a new credential of this type has.
func (k *Kind) SecretNames(typ string) []string {
	switch {
	case k != JWT || typ == sliding:
		return []string{"token"}
	case typ == access:
		return []string{access}
	}
	return []string{refresh, access}
}

// Noun returns the name of one credential of the kind, such as "drf token".
func (k *Kind) Noun() string { return strings.TrimSuffix(k.Title, "s") }

// Kinds returns all kinds, in the order of lists.
func Kinds() []*Kind { return []*Kind{DRF, Knox, JWT, Session} }

// KindNames returns the values of --kind.
func KindNames() []string {
	return namesOf(Kinds())
}

func namesOf(kinds []*Kind) []string {
	return tokenctl.Mapped(kinds, func(k *Kind) string { return k.Name })
}

// KindNamed returns the kind with this name, or a CodeUsage error that lists all kinds.
func KindNamed(name string) (*Kind, error) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: fmt.Sprintf("there is no kind %q", name),
		Hint: "the kinds are " + strings.Join(KindNames(), ", ")}
}

// Verbs are the commands on credentials, in the order of the help: see [Kind.Can].
var Verbs = []string{"list", "show", "verify", "mint", "rotate", "expire", "blacklist", "unblacklist", "purge"}

// Can reports whether the kind has the verb.
func (k *Kind) Can(verb string) bool {
	switch verb {
	case "list":
		return k.List != nil
	case "show", "verify", "incident":
		return k.ByIDs != nil
	case "mint":
		return k.MintBelowLimit != nil
	case "rotate":
		return k.Rotate != nil
	case "expire":
		return k.Expire != nil
	case "blacklist":
		return true
	case "unblacklist":
		return k.Unblacklist != nil
	case "redact":
		return k.Redact != nil
	case "purge":
		return k.Purgeable != nil
	}
	return false
}

// KindsThatCan returns the kinds that have the verb.
func KindsThatCan(verb string) []*Kind {
	return slices.DeleteFunc(Kinds(), func(k *Kind) bool { return !k.Can(verb) })
}

// CheckVerb returns a CodeKindUnsupported error if the kind does not have the verb, and nil otherwise.
func (k *Kind) CheckVerb(verb string) error {
	if k.Can(verb) {
		return nil
	}
	able := namesOf(KindsThatCan(verb))
	e := &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: fmt.Sprintf("tokenctl cannot %s %s", verb, k.Title)}
	switch {
	case verb == "unblacklist":
		e.Message = k.Name + " credentials are deleted, not blacklisted: there is nothing to bring back"
		e.Hint = "make a new one: tokenctl mint NAME --kind " + k.Name
	case verb == "expire" && k.Ends == nil:
		e.Message = k.Title + " never expire: there is no expiry to change"
		e.Hint = "to end them: tokenctl blacklist; expire is for --kind " + strings.Join(able, ",")
	case verb == "expire":
		e.Message = "the expiry of " + k.Title + " is signed into them, and nobody can change it"
		e.Hint = "to end them: tokenctl blacklist; for others with another expiry: tokenctl rotate --ttl; expire is for --kind " + strings.Join(able, ",")
	case verb == "purge":
		e.Message = k.Title + " never expire: there is nothing to purge"
		e.Hint = "to make old ones stop working: tokenctl blacklist --kind " + k.Name + " --older-than 1y"
	case able != nil:
		e.Hint = fmt.Sprintf("kinds that it can %s: %s", verb, strings.Join(able, ", "))
	}
	return e
}
