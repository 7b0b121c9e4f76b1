package commands

import (
	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

type blacklistOptions struct {
	changeFlags
	unverified bool
}

func newBlacklist(a *App) *cobra.Command {
	o := &blacklistOptions{changeFlags: changeFlags{app: a, verb: "blacklist"}}
	c := &cobra.Command{
		Use:     "blacklist {<id>... | - | --user <username> ...}",
		Aliases: []string{"revoke"},
		Short:   "Make credentials stop working",
		Long: `Make credentials stop working, whatever their kind: the row of a drf or knox
token or of a session is deleted. A session may outlive its row in a cache; where the
settings tell, that is said. A refresh or sliding JWT gets a row in simplejwt's
blacklist, which unblacklist takes away again; by its id that takes no key.

Ids and secrets that are named are blacklisted without asking. What flags such
as --user or --older-than pick is shown first, and confirmed.`,
		Example: `  tokenctl blacklist drf:7@1f0c3a55
  tokenctl blacklist - <leaked.txt
  tokenctl blacklist --user alice
  tokenctl blacklist --status disabled --yes`,
		Args:              o.check,
		ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			a.mutating = !o.dryRun
			return o.run(c, args)
		},
	}
	o.changeFlags.flags(c)
	c.Flags().BoolVar(&o.unverified, "unverified", false, "also a JWT without a row whose signature no configured key can check")
	return c
}

func (o *blacklistOptions) run(c *cobra.Command, args []string) error {
	a, ctx := o.app, c.Context()
	store, err := a.open()
	if err != nil {
		return err
	}
	t, err := o.resolve(c, store, args)
	if t == nil || err != nil {
		return err
	}
	if o.dryRun {
		return o.showDryRun(t)
	}
	env := a.env()
	env.Unverified = o.unverified
	var done []tokens.Credential
	err = a.change(ctx, store, func(tx *db.Tx) error {
		err := o.each(t, func(c tokens.Credential) error {
			err := c.Of().Blacklist(ctx, env, tx, c)
			if err == nil {
				done = append(done, c)
			}
			return err
		})
		if err != nil {
			return err
		}
		return tx.CheckConstraints(ctx)
	})
	if err != nil {
		return err
	}
	var rows [][]output.Value
	for i := range done {
		done[i].Status = tokens.Blacklisted
		rows = append(rows, credentialRow(&done[i]))
		a.say("blacklisted %s of %s", done[i].ID, whose(&done[i]))
	}
	said := map[string]bool{"": true}
	for i := range done {
		if f := done[i].Of().Aftermath; f != nil {
			if text := f(a.env(), done[i]); !said[text] {
				said[text] = true
				a.say("note: %s", text)
			}
		}
	}
	if a.asked() {
		if err := a.write(credentialColumns, rows, t.single); err != nil {
			return err
		}
	}
	return o.report(t.missing, len(done))
}
