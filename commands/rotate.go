package commands

import (
	"errors"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

type rotateOptions struct {
	changeFlags
	life    lifeFlags
	overlap string
	force   bool
	deliver delivery
}

func newRotate(a *App) *cobra.Command {
	o := &rotateOptions{changeFlags: changeFlags{app: a, verb: "rotate"}, deliver: delivery{app: a}}
	c := &cobra.Command{
		Use:   "rotate {<id>... | - | --user <username> ...}",
		Short: "Replace credentials; the old ones are dead at once",
		Long: `Replace credentials in one transaction and print the new secrets, once. The old
ones are dead as soon as the new ones live; with --overlap old knox tokens go on
for a while.

Ids and secrets that are named are replaced without asking. What flags such as
--user or --older-than pick is shown first, and confirmed.`,
		Example: `  tokenctl rotate drf:7@1f0c3a55
  tokenctl rotate - <old.token >new.token
  tokenctl rotate --user alice
  tokenctl rotate --kind drf --older-than 365d --out new.csv -o csv --yes`,
		Args:              o.check,
		ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			a.mutating = !o.dryRun
			return o.run(c, args)
		},
	}
	o.changeFlags.flags(c)
	o.life.flags(c)
	c.Flags().BoolVar(&o.life.keep, "keep-expiry", false, "the new one expires when the old one would have")
	c.MarkFlagsMutuallyExclusive("keep-expiry", "ttl", "expires", "never")
	c.Flags().StringVar(&o.overlap, "overlap", "", "let a knox predecessor live on for a `TIME` such as 72h, but not beyond its own expiry")
	c.Flags().BoolVar(&o.force, "force", false, "sign although the configured key is not the one that the application signs with")
	o.deliver.flags(c)
	return c
}

func (o *rotateOptions) run(c *cobra.Command, args []string) error {
	a, ctx := o.app, c.Context()
	if err := o.deliver.check(); err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	life, err := o.life.resolve(store.Now())
	if err != nil {
		return err
	}
	req := tokens.RotateRequest{Life: life, Force: o.force}
	if o.overlap != "" {
		if req.Overlap, err = django.ParseDuration(o.overlap); err != nil || req.Overlap == 0 {
			return usage("--overlap needs a length of time", "write --overlap 72h")
		}
	}
	t, err := o.resolve(c, store, args)
	if t == nil || err != nil {
		return err
	}
	for _, old := range t.found {
		if err := old.Of().CheckRotate(a.env(), req); err != nil {
			return err
		}
	}
	if o.dryRun {
		return o.showDryRun(t)
	}
	if err := o.deliver.create(); err != nil {
		return err
	}
	var minted []tokens.Minted
	err = a.change(ctx, store, func(tx *db.Tx) error {
		err := o.each(t, func(old tokens.Credential) error {
			m, err := old.Of().Rotate(ctx, a.env(), tx, old, req)
			if err == nil {
				minted = append(minted, m)
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		text, err := o.deliver.render(minted, t.single)
		if err != nil {
			return err
		}
		return o.deliver.write(ctx, text)
	})
	if err := o.deliver.settle(err); err != nil {
		return err
	}
	for i := range minted {
		a.announce("minted", &minted[i])
	}
	a.noteEngine(minted)
	return o.report(t.missing, len(minted))
}

// each acts on every credential of the target. One that cannot be acted on ends
// it, unless that is tolerated; so does a target of which nothing is left.
func (f *changeFlags) each(t *target, act func(tokens.Credential) error) error {
	done := 0
	for _, c := range t.found {
		err := act(c)
		if f.tolerate(t, c, err) {
			continue
		}
		if err != nil {
			return err
		}
		done++
	}
	if done == 0 {
		return offences(t.missing)
	}
	return nil
}

// tolerate turns a change by somebody else into an offence, with --keep-going.
func (f *changeFlags) tolerate(t *target, c tokens.Credential, err error) bool {
	var e *django.Error
	if !errors.As(err, &e) {
		return false
	}
	if f.ignoreMissing && e.Code == django.CodeAlreadyExists {
		return true
	}
	if !f.keepGoing || e.Code != django.CodeChanged && e.Code != django.CodeNotFound && e.Code != django.CodeAlreadyExists {
		return false
	}
	t.missing = append(t.missing, offence{c.ID, e})
	return true
}
