package tokens

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// Selector selects credentials, and says what a list reads of them. The zero value selects all credentials.
type Selector struct {
	// Which credentials are selected. The conditions of all fields must be true.
	Kinds         []*Kind  // nil: all kinds that the database has
	Types         []string // simplejwt's token types; nil: any
	UserIDs       []string // primary keys of owners; nil: any owner
	Statuses      []Status // nil: any
	CreatedBefore *time.Time
	CreatedAfter  *time.Time
	ExpiresBefore *time.Time
	ExpiresAfter  *time.Time
	Staff         *bool // the owner's is_staff
	Superuser     *bool // the owner's is_superuser
	Inactive      *bool // true: the owner is inactive; false: the owner is active
	WithoutMFA    bool  // only if the owner has no confirmed second factor
	NeverExpires  bool  // only without an expiry
	Orphans       bool  // only orphans: credentials whose user does not exist
	AndOrphans    bool  // orphans, too: the list of some kinds leaves them out otherwise

	// In which order, and how many.
	Sort       string // one of Sorts; empty: the order of the database, one kind after the other
	Descending bool
	Limit      int  // 0: no limit
	AnyOrder   bool // the order within a kind does not matter, so the fastest is chosen

	// What is read of each credential.
	Detailed bool // all of the owner, not the name alone
	Rights   bool // the properties of the owner that an audit judges
	Used     bool // what [Credential.LastUse] needs
	Compare  bool // the values that a change compares: needed for [Refs.Add]

	// Counters for the caller; nil: nothing is counted.
	PassedOver *int // credentials that are not selected because their date of creation is not known
	Unreadable *int // sessions whose data cannot be read, so that their owner is not known
}

// Sorts are the values of --sort.
func Sorts() []string {
	return []string{"created", "expires", "id", "kind", "status", "type", "user", "user_id"}
}

func (s *Selector) wants(status Status) bool {
	return s.Statuses == nil || slices.Contains(s.Statuses, status)
}

func (s *Selector) byCreation() bool { return s.CreatedBefore != nil || s.CreatedAfter != nil }

// byOwner reports whether the selector has a condition on the owner.
func (s *Selector) byOwner() bool {
	return s.UserIDs != nil || s.Staff != nil || s.Superuser != nil || s.Inactive != nil || s.WithoutMFA
}

// matches reports whether a credential fulfils all conditions but those on the owner.
func (s *Selector) matches(c *Credential) bool {
	return (!s.Orphans || c.orphan) && (len(s.Types) == 0 || slices.Contains(s.Types, c.Type)) && s.wants(c.Status) &&
		within(c.Created, s.CreatedAfter, s.CreatedBefore) && (within(c.Expires, s.ExpiresAfter, s.ExpiresBefore))
}

// within reports whether a time is known and lies between two limits. A limit of nil is none; without limits any
// time is within them.
func within(t time.Time, after, before *time.Time) bool {
	return after == nil && before == nil || !t.IsZero() && (after == nil || t.After(*after)) && (before == nil || t.Before(*before))
}

// filter returns the part of the selector that the database can evaluate.
func (s *Selector) filter() db.Filter {
	f := db.Filter{UserIDs: s.UserIDs, CreatedBefore: s.CreatedBefore, CreatedAfter: s.CreatedAfter, ExpiresBefore: s.ExpiresBefore,
		ExpiresAfter: s.ExpiresAfter, Staff: s.Staff, Superuser: s.Superuser, Sort: s.Sort, Descending: s.Descending, Limit: s.Limit, Compare: s.Compare, NeverExpires: s.NeverExpires, Orphans: s.Orphans, AndOrphans: s.AndOrphans, AnyOrder: s.AnyOrder, Detailed: s.Detailed || s.Rights, Used: s.Used, NoFactor: s.WithoutMFA}
	if s.Inactive != nil {
		active := !*s.Inactive
		f.Active = &active
	}
	for _, status := range s.Statuses {
		f.Statuses = append(f.Statuses, string(status))
	}
	return f
}

// Exact reports whether the database alone can evaluate the selector.
func (s *Selector) Exact(env Env, l *db.Layout) (bool, error) {
	kinds, err := s.Chosen(l)
	if err != nil || s.Limit > 0 {
		return false, err
	}
	return !slices.ContainsFunc(kinds, func(k *Kind) bool { return !k.Exact(env, s) }), nil
}

// List yields the credentials that the selector selects. If the selector sorts, it merges the kinds, else they
// follow each other. A kind that the selector names and the database does not have is an error. On PostgreSQL
// everything is read in one state of the database.
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
			kinds, err := s.Chosen(layout)
			if err != nil {
				return err
			}
			if err := sessionsOnlyCached(env, layout); err != nil && s.Kinds == nil {
				env.Missed(err)
			}
			combine := concatenate
			if s.Sort != "" && len(kinds) > 1 {
				ctx = engine.InTurns(ctx)
				combine = func(lists []iter.Seq2[Credential, error]) iter.Seq2[Credential, error] { return merge(lists, s.order) }
			}
			lists := tokenctl.Mapped(kinds, func(k *Kind) iter.Seq2[Credential, error] { return k.List(ctx, env, store, s) })
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

// Chosen returns the kinds from which the selector selects.
func (s *Selector) Chosen(layout *db.Layout) ([]*Kind, error) {
	if s.Kinds == nil {
		kinds := present(layout, "list")
		if len(kinds) == 0 {
			return nil, DRF.tableMissing()
		}
		return kinds, nil
	}
	for _, k := range s.Kinds {
		if err := k.CheckVerb("list"); err != nil {
			return nil, err
		}
		if err := k.Check(layout); err != nil {
			return nil, err
		}
	}
	return s.Kinds, nil
}
