package tokens

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"tokenctl/db"
	"tokenctl/db/engine"
)

// Selector selects credentials. The zero value selects all of them.
type Selector struct {
	Kinds         []*Kind  // nil: every kind there is
	Types         []string // simplejwt's token types
	UserIDs       []string // owners, by primary key; nil: everybody
	Statuses      []Status // nil: any
	CreatedBefore *time.Time
	CreatedAfter  *time.Time
	ExpiresBefore *time.Time
	ExpiresAfter  *time.Time
	Staff         *bool
	Superuser     *bool
	Inactive      *bool // whether the owner is inactive
	WithoutMFA    bool  // the owner has no confirmed second factor
	NeverExpires  bool
	Orphans       bool // those whose user is gone
	AndOrphans    bool // those whose user is gone are wanted, too
	Detailed      bool // more of the owners is wanted than their names
	Rights        bool // of the owners what an audit judges is wanted
	Used          bool // it is wanted when they were used last
	Sort          string
	Descending    bool
	Limit         int
	AnyOrder      bool // the order of a kind's credentials does not matter
	PassedOver    *int // counts what has no date of creation to match; nil: nobody asks
	Unreadable    *int // counts sessions whose data, and so whose owner, cannot be read; nil: nobody asks
	Compare       bool // what a change compares is wanted: Refs will be made of them
}

// Sorts are the values of --sort.
func Sorts() []string {
	return []string{"created", "expires", "id", "kind", "status", "type", "user", "user_id"}
}

func (s *Selector) wants(status Status) bool {
	return s.Statuses == nil || slices.Contains(s.Statuses, status)
}

func (s *Selector) byCreation() bool { return s.CreatedBefore != nil || s.CreatedAfter != nil }

// byOwner reports whether the selector asks who the owner is.
func (s *Selector) byOwner() bool {
	return s.UserIDs != nil || s.Staff != nil || s.Superuser != nil || s.Inactive != nil || s.WithoutMFA
}

// matches reports whether the selector, except for the owners, selects a credential.
func (s *Selector) matches(c *Credential) bool {
	return (!s.Orphans || c.orphan) && (len(s.Types) == 0 || slices.Contains(s.Types, c.Type)) && s.wants(c.Status) &&
		within(c.Created, s.CreatedAfter, s.CreatedBefore) && (within(c.Expires, s.ExpiresAfter, s.ExpiresBefore))
}

// within reports whether a time is known and between two others, as far as these
// are given.
func within(t time.Time, after, before *time.Time) bool {
	return after == nil && before == nil || !t.IsZero() && (after == nil || t.After(*after)) && (before == nil || t.Before(*before))
}

// filter is what the database can decide of the selector.
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

// Exact reports whether the database alone can tell what the selector selects.
func (s *Selector) Exact(env Env, l *db.Layout) (bool, error) {
	kinds, err := s.Chosen(l)
	if err != nil || s.Limit > 0 {
		return false, err
	}
	return !slices.ContainsFunc(kinds, func(k *Kind) bool { return !k.Exact(env, s) }), nil
}

// List yields the credentials that the selector selects, on PostgreSQL out of one state
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
			kinds, err := s.Chosen(layout)
			if err != nil {
				return err
			}
			if err := tableless(env, layout); err != nil && s.Kinds == nil {
				env.Missed(err)
			}
			combine := concatenate
			if s.Sort != "" && len(kinds) > 1 {
				ctx = engine.InTurns(ctx)
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

// Chosen are the kinds that the selector selects from.
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
