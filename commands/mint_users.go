package commands

import (
	"context"
	"slices"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// newNames are the names of users to be created for those that the database does not
// find, as Django writes them and each once. normal maps the names to them.
func newNames(ctx context.Context, tx *db.Tx, missing []string) (names []string, normal map[string]string, err error) {
	clean := make([]string, len(missing))
	for i, name := range missing {
		if clean[i], err = checkUsername(tx.Layout, name); err != nil {
			return nil, nil, err
		}
	}
	there, repeated, err := tx.UsersNamed(ctx, clean)
	if err == nil {
		err = refuseExisting(tx.Layout, there)
	}
	if err != nil {
		return nil, nil, err
	}
	normal = map[string]string{}
	for i, name := range missing {
		first, again := repeated[i]
		if !again {
			names, first = append(names, clean[i]), i
		}
		normal[name] = clean[first]
	}
	return names, normal, nil
}

// createMissing creates the users who are missing. It returns all who are meant, and
// the names of the new ones.
func (o *mintOptions) createMissing(ctx context.Context, tx *db.Tx, names, ids, missing []string) (*db.Found, []string, error) {
	created, normal, err := newNames(ctx, tx, missing)
	if err != nil {
		return nil, nil, err
	}
	list := make([]db.NewUser, len(created))
	for i, name := range created {
		password, err := django.UnusablePassword(o.app.Random)
		if err != nil {
			return nil, nil, err
		}
		list[i] = db.NewUser{Username: name, Password: password, IsActive: true}
	}
	if _, err := tx.CreateUsers(ctx, list, o.app.Random); err != nil {
		return nil, nil, err
	}
	names = slices.Clone(names)
	for i, name := range names {
		if n, created := normal[name]; created {
			names[i] = n
		}
	}
	found, err := tx.FindUsers(ctx, names, ids)
	return found, created, err
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
	m := minting{mintOptions: o, kind: kind}
	created := 0
	err := store.Read(ctx, func(tx *db.Tx) error {
		found, err := tx.FindUsers(ctx, o.names, o.userIDs)
		if err != nil {
			return err
		}
		var fresh []string
		if o.create {
			if fresh, _, err = newNames(ctx, tx, found.Missing); err != nil {
				return err
			}
			found.Missing = nil
		}
		m.refuse(found)
		users := found.Users
		if who.narrows {
			if users, err = who.among(ctx, tx, users); err != nil {
				return err
			}
		}
		barred := map[string]bool{}
		if kind.Barred != nil {
			refused, err := kind.Barred(ctx, o.app.env(), tx, users)
			if err != nil {
				return err
			}
			m.bar(refused)
			for _, r := range refused {
				barred[r.User.ID] = true
			}
		}
		for i := range users {
			if !barred[users[i].ID] {
				rows = append(rows, userRow(&users[i]))
			}
		}
		for _, name := range fresh {
			rows = append(rows, newUserRow(name))
		}
		created = len(fresh)
		return nil
	})
	m.made = len(rows)
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
