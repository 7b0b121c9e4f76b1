package commands

import (
	"context"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/tokens"
)

// activeOptions are those of user activate and user deactivate.
type activeOptions struct {
	userFlags
	active bool
}

func newUserActivate(a *App) *cobra.Command {
	return newUserActive(a, true, &cobra.Command{
		Use:   "activate <username>...",
		Short: "Let users in again",
		Long: `Set is_active. What the users held before they were deactivated works again: it is
counted, so that nothing comes back to life unnoticed.`,
		Example: `  tokenctl user activate alice
  tokenctl user activate --user-id 7`,
	})
}

func newUserDeactivate(a *App) *cobra.Command {
	return newUserActive(a, false, &cobra.Command{
		Use:   "deactivate <username>...",
		Short: "Lock users out, and their tokens with them",
		Long: `Clear is_active. TokenAuthentication, knox, JWTAuthentication and sessions refuse an
inactive user at once, and nothing is deleted: user activate undoes it.

simplejwt before 5.4 still lets an inactive user's refresh tokens be exchanged,
and JWTStatelessUserAuthentication never looks at the user: blacklist the tokens
as well where that matters.`,
		Example: `  tokenctl user deactivate mallory
  tokenctl user deactivate --users-from leavers.txt`,
	})
}

func newUserActive(a *App, active bool, c *cobra.Command) *cobra.Command {
	o := &activeOptions{userFlags: userFlags{app: a}, active: active}
	c.Args, c.ValidArgsFunction = o.check, a.completeUsers
	c.RunE = func(c *cobra.Command, _ []string) error {
		a.mutating = true
		return o.run(c.Context())
	}
	o.flags(c)
	return c
}

func (o *activeOptions) run(ctx context.Context) error {
	a := o.app
	if err := o.read(ctx); err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	var t *db.UserTable
	var users []db.User
	var changed map[string]bool
	var held map[string][]db.LiveCredentials
	var refuses string
	err = store.Write(ctx, func(tx *db.Tx) error {
		if users, err = o.find(ctx, tx, nil); err != nil {
			return err
		}
		if users, changed, err = tx.SetActive(ctx, users, o.active); err != nil {
			return err
		}
		t, refuses = tx.Layout.User, tokens.RefuseInactive(a.env(), tx.Layout)
		if held, err = tx.LiveCredentials(ctx, users); err != nil {
			return err
		}
		return a.writeNow(ctx, userColumns, userRows(users), o.single())
	})
	if err != nil {
		return err
	}
	o.report(t, refuses, users, changed, held)
	return nil
}

func (o *activeOptions) report(t *db.UserTable, refuses string, users []db.User, changed map[string]bool, held map[string][]db.LiveCredentials) {
	a := o.app
	verb, state := "deactivated", "inactive"
	if o.active {
		verb, state = "activated", "active"
	}
	stopped := false
	for _, u := range users {
		if !changed[u.ID] {
			a.say("%s was %s already", whose(&u), state)
			continue
		}
		a.say("%s %s", verb, whose(&u))
		stopped = stopped || !o.active
		if list := held[u.ID]; o.active && list != nil {
			a.say("note: valid again: %s; sessions that have not expired, too", liveCredentials(list))
		}
	}
	if !stopped {
		return
	}
	a.say("note: %s refuse an inactive user at once", refuses)
	if v := a.settings.Peers.SimpleJWT; v != "" && v.AtLeast("5.4.0") {
		return
	}
	for _, u := range users {
		for _, h := range held[u.ID] {
			if k, err := tokens.KindNamed(h.Kind); err == nil && changed[u.ID] && k.TakenWhileInactive != "" {
				a.say("note: %s %s's %s; to end that: tokenctl blacklist %s", k.TakenWhileInactive, whose(&u), liveCredentials([]db.LiveCredentials{h}), tokens.UserArgument(t, &u, "--user"))
			}
		}
	}
}
