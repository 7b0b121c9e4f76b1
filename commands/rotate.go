package commands

import (
	"cmp"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// rotateGarbage is how much memory may wait to be collected, in bytes.
const rotateGarbage = 64 << 20

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
	var names []string
	for _, form := range t.forms() {
		if err := form.Kind.CheckRotate(a.env(), req); err != nil {
			return err
		}
		for _, name := range form.Kind.SecretNames(form.Type) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if err := o.deliver.checkCount(t.len()); err != nil {
		return err
	}
	if o.dryRun {
		return o.showDryRun(t)
	}
	if err := o.deliver.create(); err != nil {
		return err
	}
	if t.set != nil {
		// The set stays, and what is made of it passes through: collecting when there
		// is this much of that, if it is more than the set, saves a sixth of the time.
		defer debug.SetGCPercent(debug.SetGCPercent(max(100, 100*rotateGarbage/(t.set.Size()+rotateGarbage/4))))
	}
	var done rotated
	err = o.change(ctx, t, store, func(tx *db.Tx) error {
		stream, err := o.deliver.stream(names, t.single, true)
		if err != nil {
			return err
		}
		// One batch's secrets are written while the database changes the next.
		written := make(chan error, 1)
		written <- nil
		err = o.each(ctx, t, "rotating", func(batch []tokens.Credential) (db.Refusals, error) {
			minted, refused, err := batch[0].Of().Rotate(ctx, a.env(), tx, batch, req)
			err = cmp.Or(err, <-written)
			go func() {
				failed := err
				for i := range minted {
					if failed == nil && refused[i] == nil {
						done.add(&minted[i])
						failed = stream.add(&minted[i])
					}
				}
				written <- failed
			}()
			return refused, err
		})
		if err = cmp.Or(err, <-written); err != nil {
			return err
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		return stream.deliver(ctx)
	})
	if err := o.deliver.settle(err); err != nil {
		return err
	}
	done.announce(a)
	return o.report(t.missing, done.n)
}

// rotated is what is to be said about new credentials.
type rotated struct {
	kindCounts
	first    []tokens.Minted // no more than are told of one by one
	disabled int             // how many are of inactive users
}

func (r *rotated) add(m *tokens.Minted) {
	r.kindCounts.add(m.Of(), 1)
	if r.n <= mostTold {
		r.first = append(r.first, *m)
	}
	if m.Status == tokens.Disabled {
		r.disabled++
	}
}

func (r *rotated) announce(a *App) {
	if r.n <= mostTold {
		for i := range r.first {
			a.announce("minted", &r.first[i])
		}
	} else {
		a.say("rotated %s", &r.kindCounts)
		if r.disabled > 0 {
			a.say("note: %d of them are of inactive users: they do not work before tokenctl user activate", r.disabled)
		}
	}
	if r.of[tokens.Session] > 0 {
		a.noteEngine()
	}
}
