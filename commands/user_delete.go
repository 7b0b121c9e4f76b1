package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
)

type userDeleteOptions struct{ userChange }

func newUserDelete(a *App) *cobra.Command {
	o := &userDeleteOptions{userChange{userFlags: userFlags{app: a}, verb: "delete"}}
	c := &cobra.Command{
		Use:   "delete <username>...",
		Short: "Delete users and the rows that belong to them",
		Long: `Delete users, and treat the rows that refer to them as Django would: tokens, group
memberships, permissions and admin log lines are deleted; recorded JWTs are kept
without an owner, and blacklisted JWTs stay blacklisted. All rows are shown first, and
confirmed.

If a table that tokenctl does not know refers to a user, nothing is deleted, because
only the application knows what must happen to its rows. user deactivate locks
a user out and keeps everything. The last active superuser is only deleted with --self.`,
		Example: `  tokenctl user delete mallory
  tokenctl user delete mallory --dry-run
  tokenctl user delete --users-from leavers.txt --confirm 12
  tokenctl user delete mallory --yes --ignore-missing`,
		Args:              o.check,
		ValidArgsFunction: a.completeUsers,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.userChange.flags(c)
	o.selfFlag(c)
	return c
}

// deletion is the users to delete and the rows that refer to them.
type deletion struct {
	users      chosenUsers
	dependants []db.Dependants
	blocked    error // why the users cannot be deleted, or nil
}

// same reports whether d and other have the same users and the same rows.
func (d deletion) same(other deletion) bool {
	return slices.EqualFunc(d.users.list, other.users.list, func(x, y db.User) bool { return x.ID == y.ID && x.Username == y.Username }) &&
		slices.EqualFunc(d.dependants, other.dependants, func(x, y db.Dependants) bool { return x.Same(y) })
}

func (o *userDeleteOptions) run(ctx context.Context) error {
	a := o.app
	store, err := o.begin(ctx)
	if err != nil {
		return err
	}
	seen, err := db.Read(ctx, store, func(tx *db.Tx) (deletion, error) { return o.look(ctx, tx) })
	if err != nil {
		return err
	}
	users := seen.users.list
	a.sayAbsent(seen.users.absent)
	if o.dryRun {
		return o.showDryRun(seen)
	}
	if len(users) == 0 {
		a.say("no user to delete in %s", a.databaseName())
		return nil
	}
	if err := o.consentTo(ctx, seen); err != nil {
		return err
	}
	a.recordUsers("delete", func() []db.User { return users }, everyDone)
	err = store.Write(ctx, func(tx *db.Tx) error {
		if err := o.lockSuperusers(ctx, tx, users); err != nil {
			return err
		}
		if err := tx.LockUsers(ctx, users); err != nil {
			return err
		}
		now, err := o.look(ctx, tx)
		if err != nil {
			return err
		}
		if !seen.same(now) {
			return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "the rows to delete have changed since they were shown", Hint: "nothing was done; run the command again"}
		}
		if err := tx.DeleteUsers(ctx, users); err != nil {
			return err
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		return a.writeNow(ctx, userColumns, userRows(users), o.single())
	})
	if err != nil {
		return err
	}
	if len(users) <= mostTold {
		for i := range users {
			a.say("deleted %s (id %s)", users[i].Username, users[i].ID)
		}
	}
	a.sayDone(len(users), "deleted", count(len(users), "user"))
	return seen.users.partly()
}

// look finds the users and the rows that refer to them. With --keep-going it leaves out users who cannot be deleted.
func (o *userDeleteOptions) look(ctx context.Context, tx *db.Tx) (d deletion, err error) {
	if d.users, err = o.choose(ctx, tx); err != nil {
		return d, err
	}
	if err := o.guard(ctx, tx, d.users.list); err != nil {
		return d, err
	}
	if d.dependants, err = tx.Dependants(ctx, d.users.list); err != nil {
		return d, err
	}
	if d.blocked = tx.Layout.Deletable(d.dependants); d.blocked == nil || !o.keepGoing {
		return d, nil
	}
	var free []db.User
	for _, u := range d.users.list {
		theirs, err := tx.Dependants(ctx, []db.User{u})
		if err != nil {
			return d, err
		}
		if err := tx.Layout.Deletable(theirs); err != nil {
			d.users.skipErrors = append(d.users.skipErrors, err)
			continue
		}
		free = append(free, u)
	}
	if free == nil {
		return d, nil
	}
	d.users.list, d.blocked = free, nil
	d.dependants, err = tx.Dependants(ctx, free)
	return d, err
}

// consentTo shows the rows that will be deleted, returns the error if that is not possible, and asks.
func (o *userDeleteOptions) consentTo(ctx context.Context, d deletion) error {
	a := o.app
	if err := o.consent.preview(a, "delete", userColumns, userRows(d.users.list)); err != nil {
		return err
	}
	if !o.consent.silent(a) {
		if err := o.previewDependants(d.dependants); err != nil {
			return err
		}
	}
	if d.blocked != nil {
		return d.blocked
	}
	_, err := o.consent.obtain(ctx, a, "delete", count(len(d.users.list), "user"), len(d.users.list))
	return err
}

var dependantColumns = []output.Column{{Name: "table", Whole: true}, {Name: "column", Whole: true}, {Name: "rows"}, {Name: "would_be", Whole: true}}

func (o *userDeleteOptions) previewDependants(list []db.Dependants) error {
	if len(list) == 0 {
		o.app.say("no other rows refer to them")
		return nil
	}
	return o.app.preview(dependantColumns, rowsOf(list, func(d *db.Dependants) []output.Value {
		return []output.Value{output.String(d.Table), output.String(d.Column()), output.Int(d.Rows), output.String(string(d.Action))}
	}))
}

// showDryRun writes the result of --dry-run: the users to stdout, and the rows that refer to them to stderr.
func (o *userDeleteOptions) showDryRun(d deletion) error {
	if err := o.app.write(userColumns, userRows(d.users.list), o.single() && len(d.users.list) == 1); err != nil {
		return err
	}
	if len(d.users.list) > 0 && !o.app.global.quiet {
		if err := o.previewDependants(d.dependants); err != nil {
			return err
		}
	}
	if d.blocked != nil {
		return d.blocked
	}
	o.app.say("dry run: would delete %s in %s", count(len(d.users.list), "user"), o.app.databaseName())
	return d.users.partly()
}

// preview shows rows on stderr, because stdout may be a pipe.
func (a *App) preview(columns []output.Column, rows [][]output.Value) error {
	return writeRows(a.remarks(), columns, rows, a.previewOptions())
}
