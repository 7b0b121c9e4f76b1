package commands

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// rotatedRows is how many credentials are replaced at a time: their secrets are written
// while the database replaces the next.
const rotatedRows = 5000

type rotateOptions struct {
	credentialChange
	lifetime lifetimeFlags
	request  tokens.RotateRequest // what the flags say
	overlap  time.Duration
	force    bool
	deliver  delivery
}

func newRotate(a *App) *cobra.Command {
	o := &rotateOptions{credentialChange: credentialChange{app: a, verb: "rotate"}, deliver: delivery{app: a}}
	o.checkCredential, o.question = o.cannotKeep, o.shorter
	c := &cobra.Command{
		Use:   "rotate {<id>... | - | --user <username> ...}",
		Short: "Replace credentials; the old ones are dead at once",
		Long: `Replace credentials in one transaction and print the new secrets, once. The old
ones are dead as soon as the new ones live; with --overlap old knox tokens go on
for a while.

Ids and secrets that are named are replaced without asking. What flags such as
--user or --older-than select is shown first, and confirmed.`,
		Example: `  tokenctl rotate drf:7@1f0c3a55
  tokenctl rotate - <old.token >new.token
  tokenctl rotate --user alice
  tokenctl rotate --kind drf --older-than 365d --out new.csv -o csv --yes`,
		Args:              o.check,
		ValidArgsFunction: a.completeIDs,
		RunE:              o.run,
	}
	o.credentialChange.flags(c)
	o.lifetime.flags(c)
	c.Flags().BoolVar(&o.lifetime.keep, "keep-expiry", false, "the new one expires when the old one would have")
	c.MarkFlagsMutuallyExclusive("keep-expiry", "ttl", "expires", "never")
	durationVar(c.Flags(), &o.overlap, "overlap", "let a knox predecessor live on for a `TIME` such as 72h, but not beyond its own expiry")
	c.Flags().BoolVar(&o.force, "force", false, "make it although the key, or the claims, differ from those of the application")
	o.deliver.flags(c)
	return c
}

func (o *rotateOptions) run(c *cobra.Command, args []string) error {
	if err := o.deliver.check(); err != nil {
		return err
	}
	lifetime, err := o.lifetime.resolve(o.app.Now())
	if err != nil {
		return err
	}
	o.request = tokens.RotateRequest{Lifetime: lifetime, Overlap: o.overlap, Force: o.force}
	o.checkSelection = func(s *selection) error { return o.fits(c.Context(), s) }
	return o.credentialChange.run(c, args, o.change)
}

// change replaces the selection, delivers the new secrets, and returns how many it was.
func (o *rotateOptions) change(ctx context.Context, store *db.Store, s *selection) (int, error) {
	a := o.app
	if err := o.deliver.openFile(); err != nil {
		return 0, err
	}
	var done announcement
	a.recordMinted(&done)
	undo := func() bool {
		done = announcement{keep: done.keep}
		return o.deliver.emptyFile()
	}
	err := o.apply(ctx, store, s, undo, func(tx *db.Tx) error { return o.replace(ctx, tx, s, &done) })
	if err := o.deliver.settleFile(err); err != nil {
		return 0, err
	}
	done.tell(a)
	for k, n := range done.of {
		if n > 0 && k.OutlivesRow != nil {
			a.noteOutlives(k)
		}
	}
	if told := o.shorter(s); told != "" {
		a.say("note: %s", told)
	}
	o.noteMeanwhile(s)
	a.sayDone(done.n, "rotated", done.kindCounts.String())
	return done.n, nil
}

// fits looks whether each kind can be rotated as it is asked for, and the application would
// accept what is made. A kind that does not fit is an error, or skipped.
func (o *rotateOptions) fits(ctx context.Context, s *selection) error {
	err := o.checkKinds(s, func(k *tokens.Kind) error {
		if err := k.CheckRotate(o.app.env(), o.request); err != nil || k.CheckApplication == nil {
			return err
		}
		return o.app.store.Read(ctx, func(tx *db.Tx) error {
			_, err := k.CheckApplication(ctx, o.app.env(), tx, o.force, s.of(k))
			return err
		})
	})
	return cmp.Or(err, o.deliver.checkCount(s.refs.Len()))
}

// secretNamesOf are the names of the new secrets.
func secretNamesOf(refs *tokens.Refs) (names []string) {
	for _, form := range refs.Forms() {
		for _, name := range form.Kind.SecretNames(form.Type) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func severalKinds(refs *tokens.Refs) bool {
	forms := refs.Forms()
	return slices.ContainsFunc(forms, func(form tokens.Form) bool { return form.Kind != forms[0].Kind })
}

// replace rotates the credentials and delivers the new secrets. The secrets of a chunk
// are written while the database changes the next.
func (o *rotateOptions) replace(ctx context.Context, tx *db.Tx, s *selection, done *announcement) error {
	o.deliver.reasons = o.keepGoing
	o.deliver.kinds = severalKinds(&s.refs)
	stream, err := o.deliver.stream(secretNamesOf(&s.refs), s.single, true)
	if err != nil {
		return err
	}
	written := make(chan error, 1)
	written <- nil
	_, err = o.each(ctx, tx, s, "rotating", rotatedRows, func(chunk []*tokens.Ref) (db.Outcomes, error) {
		minted, outcomes, err := chunk[0].Kind().Rotate(ctx, o.app.env(), tx, chunk, o.request)
		if err = cmp.Or(err, <-written); err != nil {
			written <- nil
			return nil, err
		}
		order := outcomes.Changed(len(chunk))
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(chunk[i].Index(), chunk[j].Index()) })
		go func() {
			for _, i := range order {
				done.add(&minted[i])
				if err := stream.add(&minted[i]); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		return outcomes, nil
	})
	if err = cmp.Or(err, <-written); err != nil {
		return err
	}
	if stream.arrangement != nil && stream.asked {
		if err := o.writeOffenders(s, stream.columns, stream.rows.Write); err != nil {
			return err
		}
	}
	if err := tx.CheckConstraints(ctx); err != nil {
		return err
	}
	return stream.deliver(ctx)
}

// cannotKeep says why a credential's expiry cannot be kept, where it is to be.
func (o *rotateOptions) cannotKeep(c *tokens.Credential, now time.Time) *tokenctl.Error {
	if o.request.Lifetime.By != tokens.Kept {
		return nil
	}
	return c.CannotKeep(now)
}

// shorter says how many of the new credentials end before the old ones would have, and
// why; nothing where none does.
func (o *rotateOptions) shorter(s *selection) string {
	var reasons []string
	counts := map[string]int{}
	now := o.app.Now()
	for r := range s.refs.All() {
		if r.Outcome() != db.Changed {
			continue
		}
		if why := r.Shortens(o.app.env(), now, o.request.Lifetime); why != "" {
			if counts[why]++; counts[why] == 1 {
				reasons = append(reasons, why)
			}
		}
	}
	for i, why := range reasons {
		reasons[i] = plural(counts[why], "new one expires", "new ones expire") + " earlier than the old (" + why + ")"
	}
	if reasons == nil {
		return ""
	}
	return strings.Join(reasons, "; ") + "; --keep-expiry keeps the expiry"
}
