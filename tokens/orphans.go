package tokens

import (
	"context"
	"iter"

	"tokenctl"
	"tokenctl/db"
)

// An orphan is a credential whose row names a user who does not exist. A JWT is an orphan, too, if neither its row
// nor its text names a user. A session in which nobody is logged in is no orphan. A session whose data cannot be
// read is no orphan either: nobody knows its user.

// Orphans yields the rows of a kind that can be deleted because a user or a token does not exist: the rows of orphans,
// and then the rows that blacklist tokens without a row. It does not yield a blacklisted JWT that has not expired,
// but counts it in kept: simplejwt before 5.4 would refresh the JWT again if its row was deleted.
func Orphans(ctx context.Context, env Env, store *db.Store, k *Kind, kept *int) iter.Seq2[db.Ref, error] {
	return func(yield func(db.Ref, error) bool) {
		now := store.Now()
		for c, err := range List(ctx, env, store, Selector{Kinds: []*Kind{k}, Orphans: true, Compare: true}) {
			if err == nil && c.Nameless() {
				continue
			}
			if err == nil && c.Status == Blacklisted && (c.Expires.IsZero() || c.Expires.After(now)) {
				*kept++
				continue
			}
			if !yield(c.row, err) {
				return
			}
		}
		if k.Lost == nil {
			return
		}
		lost, err := db.Read(ctx, store, func(tx *db.Tx) ([]db.Ref, error) { return k.Lost(ctx, tx) })
		if err != nil {
			yield(db.Ref{}, err)
			return
		}
		for _, ref := range lost {
			if !yield(ref, nil) {
				return
			}
		}
	}
}

// lostBlacklistings returns the rows of the blacklist whose token has no row. The references have no key.
func lostBlacklistings(ctx context.Context, tx *db.Tx) ([]db.Ref, error) {
	list, err := tx.LostBlacklistings(ctx)
	return tokenctl.Mapped(list, func(b db.LostBlacklisting) db.Ref { return db.Ref{Row: b.Row} }), err
}

func isLost(r *db.Ref) bool { return r.Key.IsZero() }

// DeleteOrphans deletes rows that Orphans has yielded, and returns the number of deleted rows.
func (k *Kind) DeleteOrphans(ctx context.Context, env Env, tx *db.Tx, refs []db.Ref) (int64, error) {
	if k == JWT {
		return deleteOrphanJWTs(ctx, tx, refs)
	}
	outcomes, err := k.deleteRows(ctx, env, tx, refs)
	return int64(len(refs) - len(outcomes)), err
}
