package commands

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/tokens"
)

// user activate and user deactivate find the named users and set is_active in one transaction.
// user deactivate --revoke also blacklists all credentials of the users, in the same transaction.
// It first shows the users and their credentials, says what cannot be undone and what remains,
// and asks. Then it changes the shown credentials, as blacklist does. Its report ends with what
// remains.

// activeOptions are the options of user activate and user deactivate.
type activeOptions struct {
	userChange
	active bool
	revoke bool
}

func newUserActivate(a *App) *cobra.Command {
	c, _ := newUserActive(a, "activate", &cobra.Command{
		Use:   "activate <username>...",
		Short: "Let users in again",
		Long: `Set is_active. The users' earlier credentials work again: their number is shown, so
that nobody overlooks them.`,
		Example: `  tokenctl user activate alice
  tokenctl user activate --user-id 7`,
	})
	return c
}

func newUserDeactivate(a *App) *cobra.Command {
	c, o := newUserActive(a, "deactivate", &cobra.Command{
		Use:   "deactivate <username>...",
		Short: "Lock out users and their tokens",
		Long: `Clear is_active. TokenAuthentication, knox, JWTAuthentication and sessions refuse an
inactive user at once, and nothing is deleted: user activate undoes it.

With --revoke all credentials of the users are also blacklisted, in the same transaction:
drf tokens, knox tokens and sessions are deleted, JWTs are blacklisted. They are shown
first, and confirmed. The report ends with what remains.

Without --revoke, simplejwt before 5.4 still accepts refresh tokens of an inactive user,
and JWTStatelessUserAuthentication never checks the user.

The last active superuser is only deactivated with --self, and never together with others.`,
		Example: `  tokenctl user deactivate mallory
  tokenctl user deactivate mallory --revoke
  tokenctl user deactivate --users-from leavers.txt --revoke --confirm 12`,
	})
	c.Flags().BoolVar(&o.revoke, "revoke", false, "also blacklist all credentials of the users")
	o.selfFlag(c)
	return c
}

func newUserActive(a *App, verb string, c *cobra.Command) (*cobra.Command, *activeOptions) {
	o := &activeOptions{userChange: userChange{userFlags: userFlags{app: a}, verb: verb}, active: verb == "activate"}
	c.Args, c.ValidArgsFunction, c.RunE = o.check, a.completeUsers, o.run
	o.flags(c)
	return c, o
}

// activeRun is the state of one run of user activate or user deactivate.
type activeRun struct {
	o          *activeOptions
	store      *db.Store
	users      chosenUsers
	revocation blacklistOptions // for --revoke
	held       *selection       // the users' credentials, for --revoke

	layout   *db.Layout
	changed  map[string]bool // keys of the users who were changed
	live     map[string][]db.LiveCredentials
	done     kindCounts // blacklisted credentials
	refuses  string     // the kinds that refuse an inactive user
	residual []string   // what remains
}

func (o *activeOptions) run(c *cobra.Command, _ []string) error {
	a, ctx := o.app, c.Context()
	store, err := o.begin(ctx)
	if err != nil {
		return err
	}
	r := &activeRun{o: o, store: store, held: &selection{named: true}}
	err = store.Read(ctx, func(tx *db.Tx) (err error) {
		if r.users, err = o.choose(ctx, tx); err == nil && !o.active {
			err = o.guard(ctx, tx, r.users.list)
		}
		return err
	})
	if err != nil {
		return err
	}
	a.sayAbsent(r.users.absent)
	if len(r.users.list) == 0 {
		a.say("no user to %s in %s", o.verb, a.databaseName())
		return a.writeNow(ctx, userColumns, nil, false)
	}
	if o.revoke {
		err = r.preview(c)
	} else if !o.dryRun {
		err = o.consent.obtainNamed(ctx, a, o.verb, r.what(), len(r.users.list))
	}
	if err != nil {
		return err
	}
	if o.dryRun {
		return cmp.Or(a.writeDryRun(userColumns, userRows(r.users.list), o.single(), o.verb, r.what()), r.users.partly())
	}
	if err := r.change(ctx); err != nil {
		return err
	}
	r.tell()
	if err := offences(r.held.missing); err != nil {
		r.users.skipErrors = append(r.users.skipErrors, err)
	}
	return r.users.partly()
}

// preview shows the users and their credentials, says what cannot be undone and what remains, and asks.
func (r *activeRun) preview(c *cobra.Command) error {
	o, a, ctx := r.o, r.o.app, c.Context()
	f := &r.revocation.credentialChange
	*f = credentialChange{app: a, verb: "blacklist", changeFlags: o.changeFlags}
	f.ignoreMissing, f.dryRun = true, o.dryRun && a.global.quiet
	f.selector.app = a
	f.selector.userIDs = db.IDsOf(r.users.list)
	sel, err := f.selector.resolve(ctx, c, r.store)
	if err != nil {
		return err
	}
	sel.Compare = true
	if !o.dryRun {
		if err := o.consent.preview(a, o.verb, userColumns, userRows(r.users.list)); err != nil {
			return err
		}
	}
	if r.held, err = f.preview(ctx, r.store, sel); err != nil {
		return err
	}
	layout, err := r.store.Layout(ctx)
	if err != nil {
		return err
	}
	if tokens.Voids(a.env(), layout, layout.User) {
		r.held.usersToVoid = r.users.list
		a.say("note: %s", r.held.voiding())
	}
	if o.dryRun || !o.consent.allows(a, len(r.users.list)) {
		if err := r.store.Read(ctx, func(tx *db.Tx) error { r.remains(tx); return nil }); err != nil {
			return err
		}
		r.sayRemains()
	}
	if o.dryRun {
		return nil
	}
	asked, err := o.consent.obtain(ctx, a, o.verb, r.what(), len(r.users.list))
	if err != nil || !asked {
		return err
	}
	return f.countAppeared(ctx, r.store, sel, r.held)
}

// what describes the change in a phrase.
func (r *activeRun) what() string {
	text := count(len(r.users.list), "user")
	if r.o.revoke {
		text += " and blacklist " + count(r.held.refs.Len(), "credential")
	}
	return text
}

// change sets is_active and blacklists the shown credentials, in one transaction.
func (r *activeRun) change(ctx context.Context) error {
	o, a := r.o, r.o.app
	f := &r.revocation.credentialChange
	f.app = a
	written := false
	a.recordUsers(o.verb, func() []db.User { return r.users.list }, func(u *db.User) string {
		if r.changed[u.ID] {
			return rowDone
		}
		return "already"
	})
	undo := func() bool { return !written }
	return f.apply(ctx, r.store, r.held, undo, func(tx *db.Tx) (err error) {
		if !o.active {
			if err := o.lockSuperusers(ctx, tx, r.users.list); err != nil {
				return err
			}
		}
		if r.users.list, r.changed, err = tx.SetActive(ctx, r.users.list, o.active); err != nil {
			return err
		}
		if r.held.refs.Len() > 0 || r.held.usersToVoid != nil {
			if r.done, err = f.blacklist(ctx, tx, r.held); err != nil {
				return err
			}
		}
		if r.live, err = tx.LiveCredentials(ctx, r.users.list); err != nil {
			return err
		}
		r.layout, r.refuses = tx.Layout, tokens.StopsInactive(a.env(), tx.Layout)
		if o.revoke {
			r.remains(tx)
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		written = a.asked()
		return a.writeNow(ctx, userColumns, userRows(r.users.list), o.single())
	})
}

// remains finds what still works after the users are inactive and their credentials are
// blacklisted.
func (r *activeRun) remains(tx *db.Tx) {
	env := r.o.app.env()
	voided := r.held.usersToVoid != nil
	if r.changed != nil { // with --keep-going the denylist may not have been written
		voided = r.held.voided != nil
	}
	r.residual = nil
	for _, k := range tokens.Kinds() {
		if k.RemainsInactive != nil {
			refs := r.held.of(k)
			r.residual = append(r.residual, k.RemainsInactive(env, tx.Layout, tx.Now, refs[:min(len(refs), chunkTold)], voided)...)
		}
	}
	var able []string
	for i := range r.users.list {
		if u := &r.users.list[i]; u.HasUsablePassword() {
			able = append(able, whose(u))
		}
	}
	if able != nil {
		note := "the usable password of " + firstOf(able, ", ") + ": after user activate it gives new tokens, and before that where AUTHENTICATION_BACKENDS has AllowAllUsersModelBackend"
		if len(r.users.list) == 1 {
			note += "; tokenctl user password " + tokens.UserArgument(tx.Layout.User, &r.users.list[0], "") + " --no-password ends that"
		} else {
			note += "; tokenctl user password NAME --no-password ends that"
		}
		r.residual = append(r.residual, note)
	}
}
