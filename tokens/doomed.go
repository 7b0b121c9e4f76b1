package tokens

import (
	"context"
	"maps"
	"slices"

	"tokenctl/db"
)

// Decidable reports whether BlacklistSelected can tell what the selector picks.
// Whose a session is, only its data tell, and how many to leave, only who counts.
func (s *Selector) Decidable(l *db.Layout) (bool, error) {
	kinds, err := s.kinds(l)
	if err != nil || s.Limit > 0 {
		return false, err
	}
	return !slices.Contains(kinds, Session) || s.UserIDs == nil && s.Statuses == nil && s.Staff == nil && s.Superuser == nil, nil
}

// BlacklistSelected blacklists what a decidable selector picks, with a statement or
// few for each kind, and returns how many there were. gone, where it is given, gets the
// id of each.
func BlacklistSelected(ctx context.Context, env Env, tx *db.Tx, s Selector, gone func(id string)) (map[*Kind]int, error) {
	kinds, err := s.kinds(tx.Layout)
	if err != nil {
		return nil, err
	}
	done := map[*Kind]int{}
	for _, k := range kinds {
		if err := k.Refuse("blacklist"); err != nil {
			return nil, err
		}
		n, err := k.BlacklistAll(ctx, env, tx, s, gone)
		if err != nil {
			return nil, err
		}
		done[k] = int(n)
	}
	maps.DeleteFunc(done, func(_ *Kind, n int) bool { return n == 0 })
	return done, nil
}

// telling tells gone the ids of what a statement deleted, if it wants to know.
func telling[T any](gone func(id string), id func(T) string) func(T) {
	if gone == nil {
		return nil
	}
	return func(v T) { gone(id(v)) }
}
