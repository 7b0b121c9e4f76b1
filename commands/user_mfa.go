package commands

import (
	"context"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/output"
)

// user mfa list shows the second factors of django-otp and django-allauth: devices, and the number
// of recovery codes. The secrets stay in the database.

var factorColumns = []output.Column{{Name: "user"}, {Name: "kind"}, {Name: "name"}, {Name: "confirmed"}, {Name: "last_used"}, {Name: "codes_left"}}

func factorRow(f *db.Factor) []output.Value {
	return []output.Value{output.String(f.User.Username), output.String(f.Kind), output.OptString(f.Name), output.Bool(f.Confirmed),
		output.Time(f.LastUsed), orNull(f.CodesLeft, intValue)}
}

func newUserMFA(a *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "mfa <command>",
		Short: "Show and reset second factors",
		Long: `Show and reset the second factors of users, which django-otp and django-allauth store.
Secrets and recovery codes are never shown.`,
		Example: `  tokenctl user mfa list
  tokenctl user mfa reset alice`,
	}
	c.AddCommand(newUserMFAList(a), withReportFile(a, newUserMFAReset(a)))
	return c
}

func newUserMFAList(a *App) *cobra.Command {
	o := userFlags{app: a}
	c := &cobra.Command{
		Use:   "list [<username>...]",
		Short: "List second factors",
		Long: `List the second factors of all users, or of the named users.

A device that is not confirmed does not count as a second factor, and neither do
recovery codes alone. codes_left is the number of recovery codes that a user has left.
tokenctl user list --without-mfa lists the users without a second factor.`,
		Example: `  tokenctl user mfa list
  tokenctl user mfa list alice
  tokenctl user mfa list -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args)+len(o.userIDs) == 0 && o.usersFrom == "" {
				return nil
			}
			return o.check(c, args)
		},
		ValidArgsFunction: a.completeUsers,
		RunE:              func(c *cobra.Command, _ []string) error { return o.listFactors(c.Context()) },
	}
	o.flags(c)
	return c
}

// listFactors writes the second factors of the named users, or of all users.
func (f *userFlags) listFactors(ctx context.Context) error {
	a := f.app
	if err := f.read(ctx); err != nil {
		return err
	}
	w, err := output.NewWriter(a.Stdout, factorColumns, a.options(false))
	if err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	var userIDs []string
	var installed bool
	err = store.Read(ctx, func(tx *db.Tx) error {
		installed = tx.Layout.HasFactors()
		if len(f.names)+len(f.userIDs) == 0 {
			return nil
		}
		users, err := f.find(ctx, tx)
		userIDs = db.IDsOf(users)
		return err
	})
	if err != nil {
		return err
	}
	n, computed := 0, false
	var lost unread
	if installed {
		for factor, err := range store.Factors(ctx, userIDs, a.settings.Auth.RecoveryCodes()) {
			if err != nil {
				w.Flush() //nolint:errcheck // the error that ended the list is returned
				return err
			}
			lost.add(factor.BadValues)
			computed = computed || factor.Computed
			if err := w.Write(factorRow(&factor)); err != nil {
				return err
			}
			n++
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	a.noteUnread(lost)
	switch {
	case !installed:
		a.noteNoFactors()
	case computed && a.settings.Auth.MFARecoveryCodeCount == 0:
		a.say("note: codes_left of recovery_codes counts with %d codes a user, allauth's default: no setting says otherwise", a.settings.Auth.RecoveryCodes())
	}
	if a.Term.Stdout {
		a.sayTotal(n, "second factor")
	}
	return nil
}

// checkFactors writes a note if no app for second factors is installed.
func (a *App) checkFactors(ctx context.Context, store *db.Store) error {
	layout, err := store.Layout(ctx)
	if err == nil && !layout.HasFactors() {
		a.noteNoFactors()
	}
	return err
}

// noteNoFactors writes the note that the database has no tables of second factors.
func (a *App) noteNoFactors() {
	a.say("note: %s has no tables of second factors: neither django-otp nor allauth's mfa app is installed", a.databaseName())
}

// factorKinds returns the field mfa of a user. It is null without a second factor.
func factorKinds(kinds []string) output.Value {
	if kinds == nil {
		return output.Null()
	}
	return output.Strings(kinds)
}
