package commands

import (
	"context"
	"slices"
	"strings"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// users finds who is meant, in the order given, and who of them is missing.
func (o *mintOptions) users(ctx context.Context, tx *db.Tx) (users []db.User, missing []string, err error) {
	var absent *[]string
	if o.create {
		absent = &missing
	}
	if users, err = tx.UsersNamed(ctx, dedupe(o.names), absent); err != nil {
		return nil, nil, err
	}
	byID, err := tx.UsersByID(ctx, dedupe(o.userIDs))
	for _, u := range byID {
		if !slices.ContainsFunc(users, func(known db.User) bool { return known.ID == u.ID }) {
			users = append(users, u)
		}
	}
	return users, missing, err
}

func (o *mintOptions) createMissing(ctx context.Context, tx *db.Tx, users []db.User, missing []string) ([]db.User, error) {
	for _, name := range missing {
		n, err := newServiceUser(tx.Layout, o.app.Random, name)
		if err != nil {
			return nil, err
		}
		u, err := tx.CreateUser(ctx, n, o.app.Random)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	// Back into the order in which they were named.
	place := func(u db.User) int {
		if i := slices.Index(o.names, u.Username); i >= 0 {
			return i
		}
		return len(o.names)
	}
	slices.SortStableFunc(users, func(x, y db.User) int { return place(x) - place(y) })
	return users, nil
}

// mintAll makes a credential for every user, or for none: who cannot get one is
// named.
func mintAll(ctx context.Context, tx *db.Tx, env tokens.Env, kind *tokens.Kind, users []db.User, req tokens.MintRequest) ([]tokens.Minted, error) {
	var minted []tokens.Minted
	var refused []*django.Error
	var names []string
	for _, u := range users {
		req.User = u
		m, err := kind.Mint(ctx, env, tx, req)
		if django.CodeOf(err) == django.CodeTokenExists {
			refused = append(refused, err.(*django.Error))
			names = append(names, u.Username)
			continue
		}
		if err != nil {
			return nil, err
		}
		minted = append(minted, m)
	}
	switch {
	case len(refused) == 1:
		return nil, refused[0]
	case len(refused) > 1:
		return nil, &django.Error{Code: django.CodeTokenExists, Message: strings.Join(names, ", ") + " have " + kind.Title + " already",
			Hint: "nothing was changed; leave them out, or replace theirs with tokenctl rotate"}
	}
	return minted, nil
}

// preview shows who would get a token; it makes no secret.
func (o *mintOptions) preview(ctx context.Context, tx *db.Tx, kind *tokens.Kind) error {
	users, missing, err := o.users(ctx, tx)
	if err != nil {
		return err
	}
	var refused []string
	var rows [][]output.Value
	for i := range users {
		if kind.Full != nil {
			if err := kind.Full(ctx, o.app.env(), tx, users[i]); err != nil {
				return err
			}
		}
		if kind.Holds != nil {
			has, err := kind.Holds(ctx, tx, users[i])
			if err != nil {
				return err
			}
			if has {
				refused = append(refused, users[i].Username)
			}
		}
		rows = append(rows, userRow(&users[i]))
	}
	for _, name := range missing {
		if name, err = checkUsername(tx.Layout, name); err != nil {
			return err
		}
		rows = append(rows, newUserRow(name))
	}
	if refused != nil {
		return &django.Error{Code: django.CodeTokenExists, Message: strings.Join(refused, ", ") + ": there is a " + kind.Name + " token already",
			Hint: "replace it with tokenctl rotate"}
	}
	o.app.say("dry run: would mint %s for %s, creating %s", count(len(users)+len(missing), kind.Name+" token"), count(len(users)+len(missing), "user"), count(len(missing), "user"))
	return o.app.write(userColumns, rows, false)
}
