package commands

import (
	"context"
	"iter"
	"slices"
	"strings"

	"tokenctl/db"
	"tokenctl/tokens"
)

// request is what to purge, of these kinds or, without any, of all. Where users are named,
// it is of the kinds that belong to them.
func (o *purgeOptions) request(ctx context.Context, store *db.Store, kinds []*tokens.Kind) (tokens.PurgeRequest, []*tokens.Kind, error) {
	req := tokens.PurgeRequest{Now: store.Now(), Before: store.Now().Add(-o.keepNewer)}
	if o.expiresBefore.given() {
		before, err := o.expiresBefore.resolve("expires-before", store.Now(), false)
		if err != nil {
			return req, nil, err
		}
		if before.Before(req.Before) {
			req.Before = before
		}
	}
	if len(o.users)+len(o.userIDs) == 0 && !o.inactive {
		return req, kinds, nil
	}
	of, err := o.app.kindsOfUsers(ctx, store, kinds)
	if err != nil {
		return req, nil, err
	}
	if kinds == nil {
		of = slices.DeleteFunc(of, func(k *tokens.Kind) bool { return !k.Can("purge") })
	}
	if len(o.users)+len(o.userIDs) > 0 {
		if req.UserIDs, err = o.named(ctx, store); err != nil {
			return req, nil, err
		}
	}
	if o.inactive {
		req.UserIDs, err = inactiveUsers(ctx, store, req.UserIDs)
	}
	return req, of, err
}

// named are the primary keys of the users who are named.
func (o *purgeOptions) named(ctx context.Context, store *db.Store) ([]string, error) {
	found, err := db.Read(ctx, store, func(tx *db.Tx) (*db.Found, error) { return tx.FindUsers(ctx, o.users, o.userIDs) })
	if err != nil {
		return nil, err
	}
	u, err := o.chosen(found)
	o.app.sayAbsent(u.absent)
	if err != nil {
		return nil, err
	}
	o.skipErrors = append(o.skipErrors, u.skipErrors...)
	return db.IDsOf(u.list), nil
}

// inactiveUsers are the inactive ones of the users with these primary keys; nil means all
// users.
func inactiveUsers(ctx context.Context, store *db.Store, ids []string) ([]string, error) {
	active := false
	inactive := []string{} // nil would be everybody
	for u, err := range store.ListUsers(ctx, db.Filter{UserIDs: ids, Active: &active, Brief: true}) {
		if err != nil {
			return nil, err
		}
		inactive = append(inactive, strings.Clone(u.ID))
	}
	return inactive, nil
}

// count finds the expired rows of the kinds. Without --kind those count that the database
// has and that can expire.
func (o *purgeOptions) count(ctx context.Context, store *db.Store, req tokens.PurgeRequest, kinds []*tokens.Kind) ([]*purgeWork, error) {
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	var work []*purgeWork
	able := func(k *tokens.Kind) bool {
		return o.orphans || k.Can("purge")
	}
	for _, k := range kinds {
		var err error
		if !able(k) {
			err = k.CheckVerb("purge")
		}
		if err == nil {
			err = k.Check(layout)
		}
		if err != nil {
			if err = o.skip(ctx, k, err); err != nil {
				return nil, err
			}
			continue
		}
		work = append(work, &purgeWork{kind: k})
	}
	if len(kinds) == 0 {
		for _, k := range tokens.Kinds() {
			if able(k) && k.Present(layout) {
				work = append(work, &purgeWork{kind: k})
			}
		}
		// A job that names the wrong schema must not purge nothing for ever.
		if work == nil {
			return nil, tokens.NothingToPurge()
		}
	}
	for _, w := range work {
		rows := w.kind.Purgeable
		if o.orphans {
			rows = func(ctx context.Context, env tokens.Env, store *db.Store, req tokens.PurgeRequest) iter.Seq2[db.Ref, error] {
				return tokens.Orphans(ctx, env, store, w.kind, &w.kept)
			}
		}
		for ref, err := range rows(ctx, o.app.env(), store, req) {
			if err != nil {
				if err = o.skip(ctx, w.kind, err); err != nil {
					return nil, err
				}
				w.expired = nil
				break
			}
			w.expired = append(w.expired, ref.Clone())
		}
	}
	return work, nil
}
