package commands

import (
	"context"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/tokens"
)

type unblacklistOptions struct {
	credentialChange
	now map[string]*tokens.Credential // the credentials after the change, by id
}

func newUnblacklist(a *App) *cobra.Command {
	o := &unblacklistOptions{credentialChange: credentialChange{app: a, verb: "unblacklist"}}
	c := &cobra.Command{
		Use:   "unblacklist {<id>... | -}",
		Short: "Let blacklisted JWTs work again",
		Long: `Take refresh and sliding JWTs off simplejwt's blacklist, and access tokens off the
denylist, where that was a mistake. They work again until they expire; expired ones are
refused.

What tokenctl blacklists of other kinds is deleted, and stays so. A token that
rotate has replaced would live beside its successor.`,
		Example: `  tokenctl unblacklist jwt:38b09468da5840ebb0d3d9cf72054d07
  tokenctl list --kind jwt --status blacklisted -o id | tokenctl unblacklist -`,
		Args:              needsReference(&o.tokenFile),
		ValidArgsFunction: a.completeIDs,
		RunE:              o.run,
	}
	o.namedFlags(c)
	return c
}

func (o *unblacklistOptions) run(c *cobra.Command, args []string) error {
	for _, arg := range args {
		if k, _, err := tokens.ParseID(arg); err == nil {
			if err := k.CheckVerb(o.verb); err != nil {
				return err
			}
		}
	}
	o.result = func(r *tokens.Ref, c *tokens.Credential) (ok bool) {
		if now := o.now[r.ID()]; now != nil {
			*c, ok = *now, true
		}
		return ok
	}
	return o.credentialChange.run(c, args, o.change)
}

// change unblacklists the selection, tells what was done, and returns how many it was.
func (o *unblacklistOptions) change(ctx context.Context, store *db.Store, s *selection) (int, error) {
	a := o.app
	err := o.apply(ctx, store, s, nil, func(tx *db.Tx) error {
		_, err := o.each(ctx, tx, s, "unblacklisting", manyRows, func(chunk []*tokens.Ref) (db.Outcomes, error) {
			return chunk[0].Kind().Unblacklist(ctx, a.env(), tx, chunk)
		})
		if err != nil {
			return err
		}
		if o.now, err = o.unblacklisted(ctx, tx, s); err != nil {
			return err
		}
		return tx.CheckConstraints(ctx)
	})
	if err != nil {
		return 0, err
	}
	n := len(o.now)
	for r := range s.refs.All() {
		if c, ok := o.now[r.ID()]; ok && n <= mostTold {
			a.say("unblacklisted %s of %s", c.ID, whose(&c.Owner))
		}
	}
	a.sayDone(n, "unblacklisted", count(n, "credential"))
	return n, nil
}

// unblacklisted finds what the credentials are now, for the output.
func (o *unblacklistOptions) unblacklisted(ctx context.Context, tx *db.Tx, s *selection) (map[string]*tokens.Credential, error) {
	now := map[string]*tokens.Credential{}
	var names []tokens.Name
	for r := range s.refs.All() {
		switch c := r.Credential(); {
		case r.Outcome() != db.Changed:
		case r.ForDenylist(): // its entry is removed only behind this
			c.Status = tokens.Active
			now[c.ID] = &c
		default:
			names = append(names, tokens.Name{ID: c.ID})
		}
	}
	found, err := tokens.Find(ctx, o.app.env(), tx, names)
	if err != nil {
		return nil, err
	}
	for i, f := range found {
		if f.Err != nil {
			return nil, f.Err
		}
		now[names[i].ID] = f.Credentials[0]
	}
	return now, nil
}
