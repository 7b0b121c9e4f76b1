package commands

import (
	"context"
	"errors"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
)

// skipExisting skips the users who exist already, with --ignore-missing or --keep-going. Otherwise it returns the
// error that names them.
func (o *userCreateOptions) skipExisting(ctx context.Context, tx *db.Tx, users *userEntries) error {
	var there []*userEntry
	found, err := users.existing(ctx, tx, func(n *userEntry) { there = append(there, n) })
	if err != nil || found == nil {
		return err
	}
	var known *tokenctl.Error
	if errors.As(usersExist(tx.Layout, found), &known); !o.keepGoing && !o.ignoreMissing {
		return known
	}
	for _, n := range there {
		users.skip(n, nil)
	}
	users.compact()
	if o.ignoreMissing {
		o.app.say("%s", known.Message)
		return nil
	}
	users.skipErrors = append(users.skipErrors, &tokenctl.Error{Code: known.Code, Message: known.Message, Hint: "--ignore-missing skips users who exist already"})
	return nil
}

// showDryRun writes the result of --dry-run: the users who would be created.
func (o *userCreateOptions) showDryRun(ctx context.Context, l *db.Layout, users *userEntries) error {
	a := o.app
	w, err := output.NewWriter(a.Stdout, userColumns, a.options(o.single()))
	if err != nil {
		return err
	}
	err = users.parts(ctx, l, func(part []*userEntry) error {
		for _, n := range part {
			if err := w.Write(newUserRow(&n.NewUser)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return err
	}
	what := count(users.count, "user")
	a.say("dry run: would create %s in %s", what, a.databaseName())
	return partlyDone(what, users.skipErrors)
}
