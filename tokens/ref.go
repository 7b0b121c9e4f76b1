package tokens

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
)

// Ref is a reference to one stored credential. It has the primary key of the row, the values that a change must find
// unchanged, and the values that a list shows.
type Ref struct {
	row              db.Ref
	owner            *db.User
	form             *form
	created, expires int64   // microseconds since 1970
	jwt              *jwtRow // see Credential
	index            int32   // see Index
	outcome          db.Outcome
}

// form has the properties that many credentials share, so that they are stored once.
type form struct {
	kind      *Kind
	typ       string
	status    Status
	signature string

	endUnknown bool // see Credential.EndUnknown
}

// Format implements [fmt.Formatter]. It prints the id, because the key of the row may be a secret.
func (r *Ref) Format(f fmt.State, _ rune) { io.WriteString(f, r.ID()) } //nolint:errcheck // as fmt itself

// ID returns the credential's id.
func (r *Ref) ID() string {
	return r.form.kind.idOf(&r.row)
}

// Kind returns the credential's kind.
func (r *Ref) Kind() *Kind { return r.form.kind }

// Owner returns the owner of the credential; the zero User if it has none.
func (r *Ref) Owner() *db.User { return r.owner }

// Index returns the credential's index in the order in which the credentials were shown.
func (r *Ref) Index() int { return int(r.index) }

// Outcome says whether a change changed the credential and, if not, why.
func (r *Ref) Outcome() db.Outcome { return r.outcome }

// Credential returns the credential with the values that a list showed.
func (r *Ref) Credential() Credential {
	return Credential{Kind: r.form.kind.Name, Type: r.form.typ, ID: r.ID(), Owner: *r.owner, Status: r.form.status,
		Created: fromMicros(r.created), Expires: fromMicros(r.expires), Signature: r.form.signature}
}

// toMicros returns the microseconds since 1970. The result for the zero time is one that no other time has.
func toMicros(t time.Time) int64 {
	n := t.UnixMicro()
	if !t.IsZero() && n == (time.Time{}).UnixMicro() {
		n++
	}
	return n
}

// fromMicros is the reverse of toMicros.
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// Refs are credentials in the order in which they were shown.
type Refs struct {
	list   []Ref
	owners map[string]*db.User
	forms  map[form]*form
}

// Form is a kind and a type of credentials. The secrets of credentials with the same form have the same names.
type Form struct {
	Kind *Kind
	Type string
}

// Grow makes room for n more.
func (r *Refs) Grow(n int) { r.list = slices.Grow(r.list, n) }

// Add adds a reference to a credential. It copies the texts, so that the memory of the list becomes free.
func (r *Refs) Add(c *Credential) {
	if r.owners == nil {
		r.owners, r.forms = map[string]*db.User{}, map[form]*form{}
	}
	owner := r.owners[c.Owner.ID]
	if owner == nil {
		owner = new(db.User)
		*owner = c.Owner
		owner.ID, owner.Username = strings.Clone(owner.ID), strings.Clone(owner.Username)
		r.owners[owner.ID] = owner
	}
	key := form{kind: c.Of(), typ: c.Type, status: c.Status, signature: c.Signature, endUnknown: c.EndUnknown()}
	shared := r.forms[key]
	if shared == nil {
		key.typ = strings.Clone(key.typ)
		shared = &key
		r.forms[key] = shared
	}
	row := c.row
	row.Key = tokenctl.NewSecret(strings.Clone(row.Key.Reveal()))
	row.Seen = strings.Clone(row.Seen)
	if row.Owner == owner.ID {
		row.Owner = owner.ID
	} else {
		row.Owner = strings.Clone(row.Owner)
	}
	if len(r.list) == cap(r.list) {
		r.Grow(max(64, len(r.list))) // append copies a long list five times over
	}
	r.list = append(r.list, Ref{row: row, owner: owner, form: shared, created: c.Created.UnixMicro(), expires: toMicros(c.Expires), jwt: c.jwt, index: int32(len(r.list))})
}

// Len returns the number of credentials.
func (r *Refs) Len() int { return len(r.list) }

// All yields the credentials in the order in which they were shown.
func (r *Refs) All() iter.Seq[*Ref] {
	return func(yield func(*Ref) bool) {
		for i := range r.list {
			if !yield(&r.list[i]) {
				return
			}
		}
	}
}

// Forms returns the forms of the credentials, each once.
func (r *Refs) Forms() (list []Form) {
	for c := range r.All() {
		if f := (Form{c.form.kind, c.form.typ}); !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

// Drop removes the credentials for which f returns true.
func (r *Refs) Drop(f func(*Ref) bool) {
	kept := r.list[:0]
	for i := range r.list {
		if !f(&r.list[i]) {
			kept = append(kept, r.list[i])
		}
	}
	r.list = kept
}

// Chunks yields the credentials of a kind in chunks of at most size, one for each statement. They are in the order in
// which every process locks rows, so that no two processes wait for each other.
func (r *Refs) Chunks(k *Kind, size int) iter.Seq[[]*Ref] {
	return func(yield func([]*Ref) bool) {
		var sorted []*Ref
		for c := range r.All() {
			if c.form.kind == k {
				sorted = append(sorted, c)
			}
		}
		slices.SortFunc(sorted, func(a, b *Ref) int { return k.lockOrder(a.row, b.row) })
		for chunk := range slices.Chunk(sorted, size) {
			if !yield(chunk) {
				return
			}
		}
	}
}

// byKey orders rows by their keys.
func byKey(a, b db.Ref) int { return strings.Compare(a.Key.Reveal(), b.Key.Reveal()) }

// byRow orders rows by their primary keys.
func byRow(a, b db.Ref) int { return cmp.Compare(a.Row, b.Row) }

// byOwner orders rows by owner, numbers by their value, then by key.
func byOwner(a, b db.Ref) int {
	return cmp.Or(cmp.Compare(len(a.Owner), len(b.Owner)), strings.Compare(a.Owner, b.Owner), byKey(a, b))
}

// rowsOf returns the references to the rows.
func rowsOf(refs []*Ref) []db.Ref {
	return tokenctl.Mapped(refs, func(r *Ref) db.Ref { return r.row })
}

// ForDenylist reports whether blacklist ends the credential in the denylist, because it has no row.
func (r *Ref) ForDenylist() bool { return r.form.typ == access }

// Lapsed reports whether a change left the credential alone because it has expired.
func (r *Ref) Lapsed() bool { return r.outcome == lapsed }

// WhyUnchanged returns the error that says why verb did not change the credential.
func (r *Ref) WhyUnchanged(verb string) *tokenctl.Error {
	id := r.ID()
	e := &tokenctl.Error{Code: tokenctl.CodeChanged, Hint: "look again with tokenctl list --kind " + r.form.kind.Name}
	switch r.outcome {
	case db.Gone:
		e.Message = id + " was deleted meanwhile"
	case lapsed:
		e.Message = id + " has expired meanwhile"
		if verb == "blacklist" {
			e.Message = id + " has expired: there is nothing to deny"
		}
	case undenied:
		e.Code, e.Hint = tokenctl.CodeDenylistUnreachable, "try again when the denylist can be reached: tokenctl doctor tells"
		e.Message = id + " lives on until " + fromMicros(r.expires).Format(time.RFC3339) + ": the denylist cannot be reached"
	case db.Already:
		e.Message = id + " was blacklisted meanwhile"
		switch verb {
		case "blacklist":
			e.Code, e.Message, e.Hint = tokenctl.CodeAlreadyExists, id+" is blacklisted already", "--ignore-missing ignores this"
		case "unblacklist":
			e.Code, e.Message, e.Hint = tokenctl.CodeNotFound, id+" is not blacklisted", "--ignore-missing ignores this"
		}
	default:
		e.Message = id + " was changed meanwhile"
		if r.owner.Username != "" {
			e.Message = id + " of " + r.owner.Username + " was changed meanwhile"
		}
	}
	return e
}

// Mark sets the outcomes of a chunk: see [Ref.Outcome].
func Mark(chunk []*Ref, outcomes db.Outcomes) {
	for i, r := range chunk {
		r.outcome = outcomes[i]
	}
}

// Outcomes that this package adds to those of package db.
const (
	kindSkipped db.Outcome = 255 - iota // the credential is of a kind that cannot be changed
	lapsed                              // the credential expired between the list and the change
	undenied                            // an access token still works, because the denylist does not answer
)

// SkipKind marks the credentials of a kind as not changed, and returns copies of them.
func (r *Refs) SkipKind(k *Kind) (copies []*Ref) {
	for c := range r.All() {
		if c.form.kind == k {
			c.outcome = kindSkipped
			copies = append(copies, new(*c))
		}
	}
	return copies
}
