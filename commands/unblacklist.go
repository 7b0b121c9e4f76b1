package commands

import (
	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

type unblacklistOptions struct{ changeFlags }

func newUnblacklist(a *App) *cobra.Command {
	o := &unblacklistOptions{changeFlags{app: a, verb: "unblacklist"}}
	c := &cobra.Command{
		Use:   "unblacklist {<id>... | -}",
		Short: "Let blacklisted JWTs work again",
		Long: `Take refresh and sliding JWTs off simplejwt's blacklist, where that was a
mistake. They work again until they expire; expired ones are refused.

What tokenctl blacklists of other kinds is deleted, and stays so. A token that
rotate has replaced would live beside its successor.`,
		Example: `  tokenctl unblacklist jwt:38b09468da5840ebb0d3d9cf72054d07
  tokenctl list --kind jwt --status blacklisted -o id | tokenctl unblacklist -`,
		Args:              needsReference(&o.tokenFile),
		ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			a.mutating = !o.dryRun
			return o.run(c, args)
		},
	}
	f := c.Flags()
	tokenFileFlag(c, &o.tokenFile)
	f.BoolVar(&o.keepGoing, "keep-going", false, "do what can be done and report the rest (exit status 6)")
	f.BoolVar(&o.ignoreMissing, "ignore-missing", false, "absent ones are no fault")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be changed; change nothing")
	return c
}

func (o *unblacklistOptions) run(c *cobra.Command, args []string) error {
	a, ctx := o.app, c.Context()
	for _, arg := range args {
		if k, _, err := tokens.ParseID(arg); err == nil {
			if err := k.Refuse(o.verb); err != nil {
				return err
			}
		}
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	t, err := o.byName(ctx, store, args)
	if t == nil || err != nil {
		return err
	}
	if o.dryRun {
		return o.showDryRun(t)
	}
	var done []tokens.Credential
	err = a.change(ctx, store, func(tx *db.Tx) error {
		err := o.each(ctx, t, "unblacklisting", func(batch []tokens.Credential) (db.Refusals, error) {
			refused := db.Refusals{}
			for i, c := range batch {
				switch err := c.Of().Unblacklist(ctx, a.env(), tx, c); {
				case err == nil:
					done = append(done, c)
				case !o.ignoreMissing || django.CodeOf(err) != django.CodeNotFound:
					refused[i] = err
				}
			}
			return refused, nil
		})
		if err != nil {
			return err
		}
		// What they are now is for the output.
		for i, credential := range done {
			again, err := tokens.ByID(ctx, a.env(), tx, credential.ID)
			if err != nil {
				return err
			}
			done[i] = again
		}
		return tx.CheckConstraints(ctx)
	})
	if err != nil {
		return err
	}
	var rows [][]output.Value
	for i := range done {
		rows = append(rows, credentialRow(&done[i]))
		a.say("unblacklisted %s of %s", done[i].ID, done[i].Owner.Username)
	}
	if a.asked() {
		if err := a.write(credentialColumns, rows, t.single); err != nil {
			return err
		}
	}
	return o.report(t.missing, len(done))
}
