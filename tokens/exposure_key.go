package tokens

import (
	"context"

	"tokenctl/db"
)

// SignedUsers counts the users who hold live credentials that another key for JWTs would
// end: JWTs, and sessions too where SECRET_KEY signs both. It returns nil where the database
// does not record them all.
func SignedUsers(ctx context.Context, env Env, store *db.Store) (*int, error) {
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	if layout.Outstanding() == nil {
		return nil, nil
	}
	kinds := []*Kind{JWT}
	if env.Settings.SimpleJWT.SigningKeyFile == "" && Session.Present(layout) {
		kinds = append(kinds, Session)
	}
	users, err := holders(ctx, env, store, kinds)
	n := len(users)
	return &n, err
}

// holders are the ids of the users who hold live credentials of the kinds.
func holders(ctx context.Context, env Env, store *db.Store, kinds []*Kind) (map[string]bool, error) {
	users := map[string]bool{}
	for c, err := range List(ctx, env, store, Selector{Kinds: kinds, Statuses: []Status{Active}}) {
		if err != nil {
			return nil, err
		}
		if c.Owner.ID != "" {
			users[c.Owner.ID] = true
		}
	}
	return users, nil
}
