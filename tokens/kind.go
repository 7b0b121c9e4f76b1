// Package tokens says what mint, list, verify, rotate, blacklist and purge mean for
// each kind of credential: a file, or a few, for each kind, and its [Kind] as the table
// of what it can do. Commands and the test server both stand on it.
//
// It asks nobody, prints nothing and knows no flag: that is in package commands. It has
// no SQL, which is in package db, and no hash, signature or format of the peers, which
// are in package django.
package tokens

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/django"
)

// Env is what the kinds need besides the database.
type Env struct {
	Settings *tokenctl.Settings
	Random   io.Reader
	// Keys returns SECRET_KEY and SECRET_KEY_FALLBACKS; none when no key is
	// configured. The files are read at the first call.
	Keys func() (django.SecretKeys, error)
	// JWT returns what signs and verifies as the application's simplejwt does.
	// Without a key it still decodes; its CanVerify says so.
	JWT func() (*django.JWTBackend, error)
	// Cache returns the sessions that the application keeps in a cache: see
	// [tokenctl.SessionSettings.Cached]. It does not connect.
	Cache func() (*cache.Sessions, error)
	// Missed is told what could not be read or asked although the work went on. The command is
	// partly done then.
	Missed func(error)
	// KeepGoing says that what can be done is to be done: --keep-going.
	KeepGoing bool
	// Unverified lets a JWT be blacklisted whose signature nobody could check and
	// that has no row.
	Unverified bool
	// Denylist is the application's list of void JWTs; nil where none is configured.
	Denylist *Denylist
	// Forces says that the command has --force, which hints may name then.
	Forces bool
}

// MintRequest is what the operator wants minted.
type MintRequest struct {
	User     db.User // of Mint; MintAll has several
	Lifetime Lifetime
	Type     string            // jwt: "refresh" (and its access token), "access" or "sliding"; empty is refresh
	Claims   []django.JWTClaim // jwt: custom claims
	Force    bool              // do it although the configured key verifies nothing that is stored
	Secrets  []tokenctl.Secret // of MintAll: those of the users, checked by Provide; nil: new ones
	Further  db.Further        // values for the further columns of a model of the project's own
}

// RotateRequest is how the operator wants a credential replaced.
type RotateRequest struct {
	Lifetime Lifetime
	Overlap  time.Duration // knox: how long the predecessor lives on; 0: not at all
	Force    bool
}

// PurgeRequest is what the operator wants purged.
type PurgeRequest struct {
	Now     time.Time
	Before  time.Time // rows that expired before; never the future
	UserIDs []string  // owners, by primary key; nil: everybody
}

// Kind is a family of credentials and what tokenctl can do with it. A nil
// function is something the kind cannot do; Refuse says so. Help, completions
// and the README's matrix derive from these fields.
type Kind struct {
	Name  string // as in --kind
	Title string // for people
	App   string // the entry of INSTALLED_APPS that makes its table

	// Present reports whether the database has the kind's table.
	Present func(*db.Layout) bool
	// Tableless says that credentials can work without a row: minting and verifying
	// them takes no table.
	Tableless bool
	// IDForm is the form of its ids, for messages.
	IDForm string
	// ForeignIDs says that somebody else chooses the ids: they may contain what looks
	// like a secret.
	ForeignIDs bool
	// OwnerInData says that only a row's data tells its owner: the database cannot select
	// by owner.
	OwnerInData bool
	// LooksLike reports whether text could be a secret of this kind in its
	// usual form. It decides which arguments are refused as secrets.
	LooksLike func(text string) bool
	// List yields what the selector selects, as the database orders it.
	List func(context.Context, Env, *db.Store, Selector) iter.Seq2[Credential, error]
	// Count counts all rows by what they have in common, also those whose user is gone. The
	// function itself is nil if the rows of a list must be counted.
	Count func(context.Context, *db.Store, db.Limits) (map[db.Group]int64, error)
	// ByIDs finds the credentials behind ids without their "kind:" prefix. An id without
	// a row is CodeNotFound, a secret with another fingerprint is CodeChanged, an id of
	// several rows is CodeAmbiguousID.
	ByIDs func(context.Context, Env, *db.Tx, []string) ([]Found, error)
	// BySecrets finds the credentials of secrets, in their order; nil for a secret
	// of no credential of the kind.
	BySecrets func(context.Context, Env, *db.Tx, []tokenctl.Secret) ([]*Credential, error)
	// Cannot says why verb can do nothing with a credential; nil if it can. The function
	// itself is nil if every verb can.
	Cannot func(env Env, l *db.Layout, verb string, c *Credential, now time.Time) *tokenctl.Error
	// CheckMint and CheckRotate return a usage error for a request that the kind
	// cannot fulfil, whatever the database holds.
	CheckMint   func(Env, MintRequest) error
	CheckRotate func(Env, RotateRequest) error
	// CheckApplication compares a new credential with the newest ones of the application. If
	// they differ and force is not set, the error is CodeWrongKey or CodeWrongClaims. refs are
	// the credentials to replace, if any. It returns the number of credentials that it
	// compared. The function itself is nil if the application accepts any row.
	CheckApplication func(ctx context.Context, env Env, tx *db.Tx, force bool, refs []*Ref) (int, error)
	// MintAll makes a credential for each user, in the order of users and as the peer makes
	// it. It returns a refusal for each user who cannot get one. The users must be
	// distinct. MintBatch is the best number of users for one call.
	MintAll func(context.Context, Env, *db.Tx, []db.User, MintRequest) ([]Minted, []Refusal, error)
	// AtLimit returns a refusal for each user who cannot get a further credential; it is nil
	// if the kind has no limit. Limit is the reason in words: "already have a drf token".
	AtLimit func(context.Context, Env, *db.Tx, []db.User) ([]Refusal, error)
	Limit   string
	// Provide checks a secret that somebody brings along for an owner. The error says why it
	// could never work, weak what makes it easy to guess. The function itself is nil if the
	// kind takes no such secret.
	Provide func(env Env, l *db.Layout, owner string, secret tokenctl.Secret) (weak []string, err error)
	// ImportDRF makes rows of the kind for the users' DRF keys. keyless are the users without
	// a DRF key. With dry it returns the rows without writing them.
	ImportDRF func(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest, dry bool) (imported []Imported, keyless []db.User, err error)
	// Rotate replaces credentials. For each credential in Outcomes the Minted is empty.
	Rotate func(context.Context, Env, *db.Tx, []*Ref, RotateRequest) ([]Minted, db.Outcomes, error)
	// Expire moves the ends of live credentials and returns the new ones. CheckExpire returns
	// a usage error for a lifetime that the kind cannot have, and Moves are notes about who
	// moves the end again.
	Expire      func(context.Context, Env, *db.Tx, []*Ref, Lifetime) ([]time.Time, db.Outcomes, error)
	CheckExpire func(Lifetime) error
	Moves       func(*tokenctl.Settings, Lifetime) []string
	// Ends is when a credential made now ends (zero: never), and which setting or flag decides
	// it; why is empty if a successor keeps its predecessor's end. The function itself is nil
	// if credentials of the kind never end.
	Ends func(env Env, now time.Time, typ string, l Lifetime) (end time.Time, why string)
	// Blacklist makes credentials stop working.
	Blacklist func(context.Context, Env, *db.Tx, []*Ref) (db.Outcomes, error)
	// BlacklistWhere blacklists all credentials that a selector selects, and returns their
	// number. It may only be called if Exact reports that the database alone can evaluate
	// the selector.
	BlacklistWhere func(context.Context, *db.Tx, *Selector) (int64, error)
	Exact          func(Env, *Selector) bool
	// Void makes all credentials of users stop working that were issued up to the commit, also
	// those without a row. refs are some of the users' credentials; nil: none. The function
	// itself is nil if every credential has a row. It may only be called if Voids reports that
	// something is configured which does it.
	Void  func(ctx context.Context, env Env, tx *db.Tx, users []db.User, refs *Refs) ([]Voided, error)
	Voids func(Env) bool
	// Unblacklist undoes Blacklist.
	Unblacklist func(context.Context, Env, *db.Tx, []*Ref) (db.Outcomes, error)
	// Expired yields the rows to purge, and Purge deletes some of them and returns how
	// many there were.
	Expired func(context.Context, Env, *db.Store, PurgeRequest) iter.Seq2[db.Ref, error]
	Purge   func(context.Context, Env, *db.Tx, []db.Ref, PurgeRequest) (int64, error)
	// DeleteOrphans deletes rows whose user is gone, and returns how many there were.
	DeleteOrphans func(context.Context, Env, *db.Tx, []db.Ref) (int64, error)
	// Remains are sentences about access that remains after credentials are blacklisted. voided
	// says that Void was called for their owners.
	Remains func(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, voided bool) ([]string, error)
	// RemainsInactive are sentences about access that remains although the owners are inactive
	// and refs, all of their credentials, are blacklisted; voided as in Remains. The function
	// itself is nil if none remains.
	RemainsInactive func(env Env, l *db.Layout, now time.Time, refs []*Ref, voided bool) []string
	// OutlivesRow says why a credential may still work after its row was deleted; empty if it
	// does not. The function itself is nil if no credential does.
	OutlivesRow func(*tokenctl.Settings) (why, assumed string)
	// TakenWhileInactive says what still accepts the live credentials of an inactive user;
	// empty if nothing does.
	TakenWhileInactive string
	// Header is the request header that carries the secret.
	Header func(*tokenctl.Settings, tokenctl.Secret) string
	// AuthType is the scheme of a header that carries the credential (RFC 7662's
	// token_type); empty where it opens nothing by itself. The function itself is nil
	// where no header carries one.
	AuthType func(*tokenctl.Settings, *Credential) string
	// OwnersWithPrefix are owners of credentials whose ids begin with a text; nil where
	// ids do not begin with the owner.
	OwnersWithPrefix func(ctx context.Context, store *db.Store, text string, limit int) ([]string, error)
	// Describe tells the layout of the kind's table by its columns; nil where all releases
	// have the same.
	Describe func(*db.Layout) string
	// NeverRead reports whether the application never looks a credential up, so that
	// blacklisting it would have no effect; nil where it always does.
	NeverRead func(Env, *db.Layout, *Credential) bool
	// AssumedExpired describes the default by which credentials count as expired; empty if it
	// is configured. The function itself is nil if the rows alone decide.
	AssumedExpired func(Env) string
	// OwnKey is the shape of the keys that the peer draws at random; nil where no row holds such a
	// key.
	OwnKey *KeyShape
	// NeverUsed reports whether the row of a live credential proves that it was not used since
	// it was made. The function itself is nil where no row proves that.
	NeverUsed func(Env, *Credential) bool
	// Revivable reports whether the peer's own purge of expired rows would make a blacklisted
	// credential work again; nil where it cannot.
	Revivable func(c *Credential, now time.Time) bool
	// Whole reports whether the row holds what a client sends, although the application never
	// reads that; nil where no row does. Redact replaces the part that makes it valid.
	Whole  func(*Credential) bool
	Redact func(context.Context, *db.Tx, []*Ref) (db.Outcomes, error)
	// Newest is the id of the newest row, by which the configured key is checked: Redact must
	// not be given that one. It is nil if Redact is.
	Newest func(context.Context, *db.Tx) (id string, err error)
	// Lost yields what blacklists credentials that do not exist; nil where nothing can.
	Lost func(context.Context, *db.Tx) ([]db.Ref, error)
	// ListsOrphans says that a list without Selector.Orphans has the orphans, too.
	ListsOrphans bool
	// Rotatable says why no credential can be replaced in this layout; nil where that
	// depends on nothing.
	Rotatable func(*db.Layout) error

	// lastUse is when a credential was used last, as its row proves. Where it proves nothing From
	// is zero, and where nothing says that it was not used later To is. The function itself is
	// nil where no row proves anything.
	lastUse func(Env, *Credential) Use

	// lockOrder is the order of rows in which every process changes them.
	lockOrder func(a, b db.Ref) int

	idOf func(*db.Ref) string // the whole id
}

// KeyShape is what keys of one origin have in common: their length, and the characters that they
// are made of.
type KeyShape struct {
	Length  int
	Letters string
}

// SecretNames are the names of the secrets of a new credential of this type.
func (k *Kind) SecretNames(typ string) []string {
	switch {
	case k != JWT || typ == sliding:
		return []string{"token"}
	case typ == access:
		return []string{access}
	}
	return []string{refresh, access}
}

// Noun is the name of one credential of the kind, such as "drf token".
func (k *Kind) Noun() string { return strings.TrimSuffix(k.Title, "s") }

// Kinds are all kinds, in the order in which lists show them.
func Kinds() []*Kind { return []*Kind{DRF, Knox, JWT, Session} }

// KindNames are the values of --kind.
func KindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// KindNamed returns the kind, or a CodeUsage error that lists them.
func KindNamed(name string) (*Kind, error) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: fmt.Sprintf("there is no kind %q", name),
		Hint: "the kinds are " + strings.Join(KindNames(), ", ")}
}

// Actions are the verbs that a kind may be incapable of.
var Actions = []string{"list", "show", "verify", "mint", "rotate", "expire", "blacklist", "unblacklist", "purge"}

// Can reports whether the kind knows the verb.
func (k *Kind) Can(action string) bool {
	switch action {
	case "list":
		return k.List != nil
	case "show", "verify", "incident":
		return k.ByIDs != nil
	case "mint":
		return k.MintAll != nil
	case "rotate":
		return k.Rotate != nil
	case "expire":
		return k.Expire != nil
	case "blacklist":
		return k.Blacklist != nil
	case "unblacklist":
		return k.Unblacklist != nil
	case "redact":
		return k.Redact != nil
	case "purge":
		return k.Expired != nil
	}
	return false
}

// Refuse returns the CodeKindUnsupported error for a verb that the kind does
// not know, and nil for one that it knows.
func (k *Kind) Refuse(action string) error {
	if k.Can(action) {
		return nil
	}
	var able []string
	for _, other := range Kinds() {
		if other.Can(action) {
			able = append(able, other.Name)
		}
	}
	e := &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: fmt.Sprintf("tokenctl cannot %s %s", action, k.Title)}
	switch {
	case action == "unblacklist" && k.Blacklist != nil:
		e.Message = k.Name + " credentials are deleted, not blacklisted: there is nothing to bring back"
		e.Hint = "make a new one: tokenctl mint NAME --kind " + k.Name
	case action == "expire" && k.Ends == nil:
		e.Message = k.Title + " never expire: there is no expiry to change"
		e.Hint = "to end them: tokenctl blacklist; expire is for --kind " + strings.Join(able, ",")
	case action == "expire":
		e.Message = "the expiry of " + k.Title + " is signed into them, and nobody can change it"
		e.Hint = "to end them: tokenctl blacklist; for others with another expiry: tokenctl rotate --ttl; expire is for --kind " + strings.Join(able, ",")
	case action == "purge":
		e.Message = k.Title + " never expire: there is nothing to purge"
		e.Hint = "to make old ones stop working: tokenctl blacklist --kind " + k.Name + " --older-than 1y"
	case able != nil:
		e.Hint = fmt.Sprintf("kinds that it can %s: %s", action, strings.Join(able, ", "))
	}
	return e
}

// NothingToPurge is the error for a database without a table of what expires.
func NothingToPurge() error {
	var titles []string
	for _, k := range Kinds() {
		if k.Can("purge") {
			titles = append(titles, k.Title)
		}
	}
	return &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no tables of " + strings.Join(titles, ", ") + ": there is nothing that could expire",
		Hint: "check that this is the application's database: tokenctl doctor; for another schema give --schema"}
}

// tableMissing is the CodeTableMissing error for a kind without a table in the database.
func (k *Kind) tableMissing() error {
	return &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no " + k.Title,
		Hint: fmt.Sprintf("add %q to INSTALLED_APPS and run manage.py migrate; for another schema give --schema", k.App)}
}

// CheckTable returns an error if no row can be made as it is requested. A kind whose
// credentials can work without a row checks that itself.
func (k *Kind) CheckTable(l *db.Layout, r MintRequest) error {
	if k.Tableless {
		return nil
	}
	return l.Mintable(k.Name, r.Further)
}

// Check returns a CodeTableMissing error when the database has no such kind.
func (k *Kind) Check(l *db.Layout) error {
	if k.Present(l) {
		return l.Problem(k.Name)
	}
	return k.tableMissing()
}

// Ready returns an error if the settings, the key or the tables prevent verb for every
// credential of the kind. The verbs check the same rules.
func (k *Kind) Ready(env Env, l *db.Layout, verb string) error {
	switch {
	case verb == "mint":
		if err := k.CheckMint(env, MintRequest{}); err != nil {
			return err
		}
		if err := l.Mintable(k.Name, nil); err != nil {
			return err
		}
		if l.Credentials(k.Name).Owner == nil {
			_, err := l.UserTable()
			return err
		}
	case verb == "list":
		return l.Listable(k.Name)
	case verb == "rotate" && k.Rotatable != nil:
		if err := k.Rotatable(l); err != nil {
			return err
		}
	}
	return k.keyFor(env, verb)
}

// keyFor returns an error if verb needs a key (SECRET_KEY or SIGNING_KEY) that is not configured.
func (k *Kind) keyFor(env Env, verb string) error {
	switch {
	case k == JWT && (verb == "mint" || verb == "rotate"):
		_, err := signableJWT(env)
		return err
	case k == JWT && verb == "verify":
		if b, err := env.JWT(); err != nil || !b.Keys().CanVerify() {
			return cmp.Or(err, keyMissing("the signatures cannot be checked"))
		}
	case k == Session && verb == "mint":
		_, err := signingKeys(env)
		return err
	case k == Session && verb == "verify":
		if keys, err := env.Keys(); err != nil || len(keys) == 0 {
			return cmp.Or(err, sessionKeyMissing("the signatures cannot be checked"))
		}
	}
	return nil
}

// present returns the kinds that the database has and that know the verb.
func present(l *db.Layout, action string) []*Kind {
	return slices.DeleteFunc(Kinds(), func(k *Kind) bool { return !k.Present(l) || !k.Can(action) })
}

// Default returns the kind to mint without --kind: drf where authtoken is
// there, else the only kind there is.
func Default(l *db.Layout) (*Kind, error) {
	if DRF.Present(l) {
		return DRF, nil
	}
	// Nearly every database has sessions; one is made for testing, and by name.
	kinds := slices.DeleteFunc(present(l, "mint"), func(k *Kind) bool { return k == Session })
	switch len(kinds) {
	case 1:
		return kinds[0], nil
	case 0:
		return nil, DRF.tableMissing()
	}
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return nil, &tokenctl.Error{Code: tokenctl.CodeKindRequired, Message: "the database has several kinds of tokens",
		Hint: "say which with --kind " + strings.Join(names, " or --kind ")}
}
