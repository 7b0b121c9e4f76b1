package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tokenctl/db"
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
as --user or --older-than pick is shown first, and confirmed. With --yes and
--quiet nobody sees it, and it is blacklisted as it is then.`,
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
	var done kindCounts
	refused := map[string]bool{}
	err = o.change(ctx, t, store, func(tx *db.Tx) error {
		did, err := o.atOnce(ctx, env, tx, t, &done)
		if err == nil && !did {
			err = o.each(ctx, t, "blacklisting", func(batch []tokens.Credential) (db.Refusals, error) {
				refusals, err := batch[0].Of().Blacklist(ctx, env, tx, batch)
				for i := range batch {
					if refusals[i] != nil {
						refused[batch[i].ID] = true
					} else {
						done.add(batch[i].Of(), 1)
					}
				}
				return refusals, err
			})
		}
		if err != nil {
			return err
		}
		return tx.CheckConstraints(ctx)
	})
	if err != nil {
		return err
	}
	now := func(c *tokens.Credential) bool {
		c.Status = tokens.Blacklisted
		return !refused[c.ID]
	}
	o.tell(t, &done, now)
	if a.asked() {
		if err := t.write(a.Stdout, a.options(t.single), now); err != nil {
			return err
		}
	}
	return o.report(t.missing, done.n)
}

// atOnce blacklists what the selector picks without naming each, which takes a
// fraction of the time. Where it turns out to be another set
// than the one that was shown, that is undone, and did is false: what was shown is
// what is to be changed.
func (o *blacklistOptions) atOnce(ctx context.Context, env tokens.Env, tx *db.Tx, t *target, done *kindCounts) (did bool, err error) {
	if !t.decidable {
		return false, nil
	}
	p := o.app.progress("blacklisting", int64(t.len()))
	defer p.done()
	now := new(tokens.Set)
	var gone func(string)
	if t.set != nil {
		gone = func(id string) {
			now.Count(id)
			p.add(1)
		}
	}
	other := errors.New("another set")
	err = tx.Try(ctx, func() error {
		blacklisted, err := tokens.BlacklistSelected(ctx, env, tx, *t.selector, gone)
		if err != nil {
			return err
		}
		if t.set != nil && !now.Same(t.set) {
			return other
		}
		for kind, n := range blacklisted {
			done.add(kind, n)
		}
		return nil
	})
	if errors.Is(err, other) {
		return false, nil
	}
	return true, err
}

// tell says what was blacklisted, and what goes on all the same.
func (o *blacklistOptions) tell(t *target, done *kindCounts, now func(*tokens.Credential) bool) {
	a := o.app
	if a.global.quiet {
		return
	}
	if done.n > mostTold {
		a.say("blacklisted %s", done)
	}
	said := map[string]bool{"": true}
	var notes []string
	for c := range t.all() {
		if !now(&c) {
			continue
		}
		if done.n <= mostTold {
			a.say("blacklisted %s of %s", c.ID, whose(&c))
		}
		f := c.Of().Aftermath
		if f == nil {
			continue
		}
		text := f(a.env(), c)
		if said[text] {
			continue
		}
		if len(notes) == mostTold {
			notes = append(notes, "the like holds for others of them")
			break
		}
		said[text] = true
		notes = append(notes, text)
	}
	for _, text := range notes {
		a.say("note: %s", text)
	}
}
