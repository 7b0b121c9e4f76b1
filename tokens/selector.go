package tokens

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// Selector picks credentials. The zero value picks all of them.
type Selector struct {
	Kinds         []*Kind  // nil: every kind there is
	Types         []string // simplejwt's token types
	UserIDs       []string // owners, by primary key; nil: everybody
	Statuses      []Status // nil: any
	CreatedBefore time.Time
	CreatedAfter  time.Time
	ExpiresBefore time.Time
	ExpiresAfter  time.Time
	Staff         *bool
	Superuser     *bool
	Sort          string
	Descending    bool
	Limit         int
	PassedOver    *int // counts what has no date of creation to match; nil: nobody asks
	Unreadable    *int // counts sessions whose data, and so whose owner, cannot be read; nil: nobody asks
	Brief         bool // the credentials are to be shown, and nothing will be done with them
	Places        bool // they will be changed, for which it takes little more of a row than for showing it
	Doomed        bool // and that by being blacklisted
}

// Sorts are the values of --sort.
func Sorts() []string {
	return []string{"created", "expires", "id", "kind", "status", "type", "user", "user_id"}
}

func (s *Selector) wants(status Status) bool {
	return s.Statuses == nil || slices.Contains(s.Statuses, status)
}

func (s *Selector) byCreation() bool { return !s.CreatedBefore.IsZero() || !s.CreatedAfter.IsZero() }

// picks reports whether the selector, but for the owners, picks a credential.
func (s *Selector) picks(c *Credential) bool {
	return (len(s.Types) == 0 || slices.Contains(s.Types, c.Type)) && s.wants(c.Status) &&
		within(c.Created, s.CreatedAfter, s.CreatedBefore) && within(c.Expires, s.ExpiresAfter, s.ExpiresBefore)
}

// within reports whether a time is known and between two others, as far as these
// are given.
func within(t, after, before time.Time) bool {
	return after.IsZero() && before.IsZero() || !t.IsZero() && (after.IsZero() || t.After(after)) && (before.IsZero() || t.Before(before))
}

// filter is what the database can decide of the selector.
func (s *Selector) filter() db.Filter {
	f := db.Filter{UserIDs: s.UserIDs, Types: s.Types, CreatedBefore: s.CreatedBefore, CreatedAfter: s.CreatedAfter, ExpiresBefore: s.ExpiresBefore,
		ExpiresAfter: s.ExpiresAfter, Staff: s.Staff, Superuser: s.Superuser, Sort: s.Sort, Descending: s.Descending, Limit: s.Limit, Brief: s.Brief || s.Places, Places: s.Places}
	for _, status := range s.Statuses {
		f.Statuses = append(f.Statuses, string(status))
	}
	return f
}

// List yields the credentials that the selector picks, on PostgreSQL out of one state
// of the database. Kinds follow each other, or, where the selector sorts, are merged;
// a kind that was asked for by name and is not there is an error.
func List(ctx context.Context, env Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		// The error alone does not tell: a transaction that ends early may
		// have another one to report.
		enough, stopped := errors.New("enough"), false
		err := store.Snapshot(ctx, s.Sort != "", func(ctx context.Context) error {
			layout, err := store.Layout(ctx)
			if err != nil {
				return err
			}
			kinds, err := s.kinds(layout)
			if err != nil {
				return err
			}
			combine := concatenate
			if s.Sort != "" && len(kinds) > 1 {
				ctx = db.InTurns(ctx)
				combine = func(lists []iter.Seq2[Credential, error]) iter.Seq2[Credential, error] { return merge(lists, s.order) }
			}
			var lists []iter.Seq2[Credential, error]
			for _, k := range kinds {
				lists = append(lists, k.List(ctx, env, store, s))
			}
			n := 0
			for c, err := range combine(lists) {
				if err != nil {
					return err
				}
				// Each kind gives as many as the limit by itself.
				if n++; !yield(c, nil) || n == s.Limit {
					stopped = true
					return enough
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(Credential{}, err)
		}
	}
}

// kinds are the kinds to list.
func (s *Selector) kinds(layout *db.Layout) ([]*Kind, error) {
	if s.Kinds == nil {
		kinds := present(layout, "list")
		if len(kinds) == 0 {
			return nil, DRF.missing()
		}
		return kinds, nil
	}
	for _, k := range s.Kinds {
		if err := k.Refuse("list"); err != nil {
			return nil, err
		}
		if err := k.Check(layout); err != nil {
			return nil, err
		}
	}
	return s.Kinds, nil
}

// ByID finds a credential by its whole id, such as "drf:7@1f0c3a55". An id of no
// known form is a CodeUsage error that does not repeat it: it may be a secret.
func ByID(ctx context.Context, env Env, tx *db.Tx, id string) (Credential, error) {
	k, rest, err := ParseID(id)
	if err != nil {
		return Credential{}, err
	}
	if err := k.Refuse("show"); err != nil {
		return Credential{}, err
	}
	if err := k.Check(tx.Layout); err != nil {
		return Credential{}, err
	}
	return k.ByID(ctx, env, tx, rest)
}

// ParseID splits an id into its kind and what stands behind the colon.
func ParseID(id string) (*Kind, string, error) {
	name, rest, ok := strings.Cut(id, ":")
	if ok && rest != "" {
		for _, k := range Kinds() {
			if k.Name == name {
				return k, rest, nil
			}
		}
	}
	var forms []string
	for _, k := range Kinds() {
		forms = append(forms, k.IDForm)
	}
	return nil, "", &django.Error{Code: django.CodeUsage, Message: "an argument is not an id",
		Hint: "ids are " + strings.Join(forms, ", ") + "; a secret is read from standard input: -"}
}

// BySecret finds the credentials that a secret belongs to; none when it is no
// credential of this database. It is two when a drf key was imported into knox.
func BySecret(ctx context.Context, env Env, tx *db.Tx, secret django.Secret) ([]Credential, error) {
	var found []Credential
	for _, k := range Kinds() {
		// A JWT is judged by its signature, also where the application records none.
		if !k.Present(tx.Layout) && k != JWT {
			continue
		}
		c, err := k.BySecret(ctx, env, tx, secret)
		if err != nil {
			return nil, err
		}
		if c != nil {
			found = append(found, *c)
		}
	}
	if found == nil && len(present(tx.Layout, "verify")) == 0 {
		return nil, DRF.missing()
	}
	return found, nil
}

// Settled reports whether the verb has nothing left to do with a credential, so
// that a selector passes it over: what is blacklisted already, and, for rotate,
// what is over: replacing it would bring it back to life.
func (c *Credential) Settled(verb string) bool {
	r, isJWT := c.row.(jwtRow)
	blacklisted := isJWT && r.blacklisted()
	switch verb {
	case "blacklist":
		return blacklisted
	case "rotate":
		return blacklisted || c.Status == Expired || c.Status == Dead || isJWT && !c.Expires.After(r.seen)
	}
	return false
}

// notFound is the error for an id that no row has.
func notFound(id string) error {
	return &django.Error{Code: django.CodeNotFound, Message: "there is no " + id,
		Hint: "tokenctl list shows the ids"}
}

// noLife refuses a lifetime for a kind that has none.
func noLife(title string, life Life) error {
	if !life.given() {
		return nil
	}
	return &django.Error{Code: django.CodeUsage, Message: title + " never expire",
		Hint: "leave out --ttl, --expires, --never and --keep-expiry"}
}

// noClaims refuses what only JWTs have.
func noClaims(title string, r MintRequest) error {
	if r.Type == "" && len(r.Claims) == 0 {
		return nil
	}
	return &django.Error{Code: django.CodeUsage, Message: title + " have no type and no claims", Hint: "leave out --type and --claim, or mint --kind jwt"}
}

// noOverlap refuses an overlap for a kind of which the old and the new cannot
// both live.
func noOverlap(title string, r RotateRequest) error {
	if r.Overlap == 0 {
		return nil
	}
	return &django.Error{Code: django.CodeUsage, Message: title + " cannot overlap: the old one is dead at once", Hint: "leave out --overlap"}
}
