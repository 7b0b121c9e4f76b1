package commands

import (
	"context"
	"slices"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// users finds who is meant, in the order given: the names that nobody has are
// missing, the keys that nobody has lost.
func (o *mintOptions) users(ctx context.Context, tx *db.Tx, names, ids []string) (users []db.User, missing, lost []string, err error) {
	if users, err = tx.UsersNamed(ctx, names, &missing); err != nil {
		return nil, nil, nil, err
	}
	byID, err := tx.UsersByKey(ctx, ids, &lost)
	return append(users, byID...), missing, lost, err
}

// createMissing creates the users who are missing and returns all, in the order
// of the names.
func (o *mintOptions) createMissing(ctx context.Context, tx *db.Tx, names []string, users []db.User, missing []string) ([]db.User, error) {
	var list []db.NewUser
	normal := map[string]string{}
	for _, name := range missing {
		n, err := newServiceUser(tx.Layout, o.app.Random, name)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		normal[name] = n.Username
	}
	if _, err := tx.CreateUsers(ctx, list, o.app.Random); err != nil {
		return nil, err
	}
	names = slices.Clone(names)
	for i, name := range names {
		if n, created := normal[name]; created {
			names[i] = n
		}
	}
	byName, err := tx.UsersNamed(ctx, names, nil)
	// Who was named by key comes behind.
	return append(byName, users[len(names)-len(missing):]...), err
}

// mintAll makes a credential for every user, or for none: who cannot get one is
// named.
func mintAll(ctx context.Context, tx *db.Tx, env tokens.Env, kind *tokens.Kind, users []db.User, req tokens.MintRequest) ([]tokens.Minted, error) {
	minted := make([]tokens.Minted, 0, len(users))
	for batch := range slices.Chunk(users, mintBatch) {
		made, refused, err := kind.MintAll(ctx, env, tx, batch, req)
		if err != nil {
			return nil, err
		}
		if refused != nil {
			return nil, refused[0].Err
		}
		minted = append(minted, made...)
	}
	return minted, nil
}

// preview shows who would get a token; it makes no secret.
func (o *mintOptions) preview(ctx context.Context, store *db.Store, kind *tokens.Kind, who audience) error {
	var rows [][]output.Value
	var absent, full []string
	var why *django.Error
	created := 0
	err := store.Read(ctx, func(tx *db.Tx) error {
		users, missing, lost, err := o.users(ctx, tx, o.names, o.userIDs)
		if err == nil && who.narrows {
			users, err = who.among(ctx, tx, users)
		}
		if err != nil {
			return err
		}
		if absent = lost; !o.create {
			absent, missing = append(missing, lost...), nil
		}
		barred := map[string]bool{}
		if kind.Barred != nil {
			refused, err := kind.Barred(ctx, o.app.env(), tx, users)
			if err != nil {
				return err
			}
			for _, r := range refused {
				barred[r.User.ID] = true
				full = append(full, r.User.Username)
			}
			if refused != nil {
				why = refused[0].Err
			}
		}
		for i := range users {
			if !barred[users[i].ID] {
				barred[users[i].ID] = true // a name and a key may be the same user's
				rows = append(rows, userRow(&users[i]))
			}
		}
		for _, name := range missing {
			if name, err = checkUsername(tx.Layout, name); err != nil {
				return err
			}
			created++
			rows = append(rows, newUserRow(name))
		}
		return nil
	})
	m := minting{mintOptions: o, kind: kind, made: len(rows), missing: absent, full: full, why: why}
	switch refusal := m.refusal(); {
	case err != nil:
		return err
	case refusal != nil && (!o.keepGoing || len(rows) == 0):
		return refusal
	}
	if err := o.app.write(userColumns, rows, false); err != nil {
		return err
	}
	o.app.say("dry run: would mint %s for %s, creating %s", count(len(rows), kind.Name+" token"), count(len(rows), "user"), count(created, "user"))
	return m.partly()
}
