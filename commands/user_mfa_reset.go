package commands

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// user mfa reset deletes all second factors of the named users, after a preview and consent, in one
// transaction. It deletes only the shown devices: if a device was added since then, the command
// fails and deletes nothing.

type mfaResetOptions struct{ userChange }

func newUserMFAReset(a *App) *cobra.Command {
	o := &mfaResetOptions{userChange{userFlags: userFlags{app: a}, verb: "reset"}}
	c := &cobra.Command{
		Use:   "reset <username>...",
		Short: "Delete all second factors of users",
		Long: `Delete all second factors of users, recovery codes included, so that users who have lost
their phone can set up new ones. The factors are shown first, and confirmed; either all
of them are deleted or none. The passwords and sessions of the users stay as they are.`,
		Example: `  tokenctl user mfa reset alice
  tokenctl user mfa reset alice --dry-run
  tokenctl user mfa reset --user-id 7 --confirm 2`,
		Args:              o.check,
		ValidArgsFunction: a.completeUsers,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.userChange.flags(c)
	return c
}

// factorsOf are the second factors of users.
type factorsOf struct {
	users   chosenUsers
	factors []db.Factor
}

func (o *mfaResetOptions) run(ctx context.Context) error {
	a := o.app
	store, err := o.begin(ctx)
	if err != nil {
		return err
	}
	seen, err := db.Read(ctx, store, func(tx *db.Tx) (factorsOf, error) {
		if !tx.Layout.HasFactors() {
			a.noteNoFactors()
		}
		return o.look(ctx, tx)
	})
	if err != nil {
		return err
	}
	a.sayAbsent(seen.users.absent)
	rows := rowsOf(seen.factors, factorRow)
	if len(rows) == 0 {
		a.say("no second factor to reset in %s", a.databaseName())
		return cmp.Or(a.write(factorColumns, nil, false), seen.users.partly())
	}
	what := count(len(seen.factors), "second factor") + " of " + count(len(seen.users.list), "user")
	if o.dryRun {
		return cmp.Or(a.writeDryRun(factorColumns, rows, false, "reset", what), seen.users.partly())
	}
	if err := o.consent.preview(a, "delete", factorColumns, rows); err != nil {
		return err
	}
	if _, err := o.consent.obtain(ctx, a, "reset", what, len(seen.factors)); err != nil {
		return err
	}
	a.recordUsers("reset mfa", func() []db.User { return seen.users.list }, everyDone)
	if err := store.Write(ctx, func(tx *db.Tx) error { return o.change(ctx, tx, seen) }); err != nil {
		return err
	}
	o.tell(store, seen)
	return seen.users.partly()
}

// look finds the named users who have second factors.
func (o *mfaResetOptions) look(ctx context.Context, tx *db.Tx) (f factorsOf, err error) {
	if f.users, err = o.choose(ctx, tx); err != nil {
		return f, err
	}
	if f.factors, err = tx.Factors(ctx, f.users.list, o.app.settings.Auth.RecoveryCodes()); err != nil {
		return f, err
	}
	var with []db.User
	var without []string
	for _, u := range f.users.list {
		if slices.ContainsFunc(f.factors, func(factor db.Factor) bool { return factor.User.ID == u.ID }) {
			with = append(with, u)
		} else {
			without = append(without, u.Username)
		}
	}
	f.users.list = with
	if without != nil && !o.ignoreMissing {
		err = o.skip(&f.users, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "no second factor of " + firstOf(without, ", "), Hint: "tokenctl user mfa list shows who has one"})
		if err == nil && with == nil {
			err = f.users.skipErrors[0]
		}
	}
	return f, err
}

// change deletes the shown second factors.
func (o *mfaResetOptions) change(ctx context.Context, tx *db.Tx, seen factorsOf) error {
	if err := tx.LockUsers(ctx, seen.users.list); err != nil {
		return err
	}
	now, err := tx.Factors(ctx, seen.users.list, 0)
	if err != nil {
		return err
	}
	for i := range now {
		if !slices.ContainsFunc(seen.factors, func(f db.Factor) bool { return f.Same(&now[i]) }) {
			return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "a second factor of " + now[i].User.Username + " appeared while you were looking", Hint: "nothing was done; run the command again"}
		}
	}
	if err := tx.DeleteFactors(ctx, seen.users.list); err != nil {
		return err
	}
	return o.app.writeNow(ctx, factorColumns, rowsOf(seen.factors, factorRow), false)
}

// tell says what was done, and what the users must do now.
func (o *mfaResetOptions) tell(store *db.Store, seen factorsOf) {
	a := o.app
	names := tokenctl.Mapped(seen.users.list, func(u db.User) string { return whose(&u) })
	who := firstOf(names, ", ")
	a.sayDone(len(seen.factors), "deleted", count(len(seen.factors), "second factor")+" of "+who)
	a.say("note: until a new second factor is set up, the password alone logs in; ask %s to log in and set one up now", who)
	argument := "--user NAME"
	if layout, err := store.Layout(context.Background()); err == nil && len(names) == 1 {
		argument = strings.TrimSpace(tokens.UserArgument(layout.User, &seen.users.list[0], "--user"))
	}
	a.say("note: sessions stay logged in; to end them: tokenctl blacklist --kind session %s", argument)
}
