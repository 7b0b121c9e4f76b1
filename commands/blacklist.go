package commands

import (
	"context"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/tokens"
)

type blacklistOptions struct{ credentialChange }

func newBlacklist(a *App) *cobra.Command {
	o := &blacklistOptions{credentialChange{app: a, verb: "blacklist"}}
	c := &cobra.Command{
		Use:     "blacklist {<id>... | - | --user <username> ...}",
		Aliases: []string{"revoke"},
		Short:   "Make credentials stop working",
		Long: `Make credentials stop working, whatever their kind: the row of a drf or knox
token or of a session is deleted, and a session in a cache that cache_url names. A
session may outlive its row; where the settings tell, that is said. A refresh or sliding JWT gets a row in simplejwt's
blacklist, which unblacklist takes away again; by its id that takes no key.

Where a denylist is configured, an access JWT gets an entry there until it expires. With
--user and no other selector but --kind, every JWT that the user got until now becomes
void there, also those without a row: see tokenctl denylist.

Ids and secrets that are named are blacklisted without asking. What flags such
as --user or --older-than select is shown first, and confirmed. With --yes and
--quiet nobody sees it, and it is blacklisted as it is then.`,
		Example: `  tokenctl blacklist drf:7@1f0c3a55
  tokenctl blacklist - <leaked.txt
  tokenctl blacklist --user alice
  tokenctl blacklist --status disabled --yes`,
		Args:              o.check,
		ValidArgsFunction: a.completeIDs,
		RunE:              o.run,
	}
	o.credentialChange.flags(c)
	c.Flags().BoolVar(&a.unverified, "unverified", false, "also a JWT without a row whose signature no configured key can check")
	return c
}

func (o *blacklistOptions) run(c *cobra.Command, args []string) error {
	o.result = func(r *tokens.Ref, c *tokens.Credential) bool {
		c.Status = tokens.Blacklisted
		return r.Outcome() == db.Changed
	}
	return o.credentialChange.run(c, args, o.change)
}

// change blacklists the selection, tells what was done, and returns how many it was.
func (o *blacklistOptions) change(ctx context.Context, store *db.Store, s *selection) (int, error) {
	a := o.app
	var done kindCounts
	var remains []string
	err := o.apply(ctx, store, s, nil, func(tx *db.Tx) (err error) {
		if s.unlisted != nil {
			done, err = o.blacklistUnlisted(ctx, tx, s.unlisted)
			return err
		}
		done, err = o.blacklist(ctx, tx, s)
		if err == nil && !a.global.quiet {
			remains, err = o.remains(ctx, tx, s)
		}
		if err != nil {
			return err
		}
		return tx.CheckConstraints(ctx)
	})
	if err != nil {
		return 0, err
	}
	o.tell(s, &done)
	for _, note := range remains {
		a.say("note: %s", note)
	}
	if done.n > 0 || s.voided == nil {
		a.sayDone(done.n, "blacklisted", done.String())
	}
	return done.n, nil
}

// blacklist blacklists the selection in a transaction, and counts what it blacklisted.
func (f *credentialChange) blacklist(ctx context.Context, tx *db.Tx, s *selection) (done kindCounts, err error) {
	done, err = f.each(ctx, tx, s, "blacklisting", manyRows, func(chunk []*tokens.Ref) (db.Outcomes, error) {
		return chunk[0].Kind().Blacklist(ctx, f.app.env(), tx, chunk)
	})
	if err != nil {
		return done, err
	}
	return done, f.void(ctx, tx, s)
}

// noteFinal says which of the credentials a blacklisting deletes: nothing brings them back.
func (f *credentialChange) noteFinal(s *selection) {
	if f.verb != "blacklist" {
		return
	}
	var final kindCounts
	for r := range s.refs.All() {
		if !r.Kind().Can("unblacklist") {
			final.add(r.Kind(), 1)
		}
	}
	if final.n > 0 {
		f.app.say("note: this cannot be undone: %s will be deleted", &final)
	}
}

// blacklistUnlisted blacklists all that a selector selects, and counts it.
func (o *blacklistOptions) blacklistUnlisted(ctx context.Context, tx *db.Tx, sel *tokens.Selector) (done kindCounts, err error) {
	kinds, err := sel.Chosen(tx.Layout)
	if err != nil {
		return done, err
	}
	for _, k := range kinds {
		if err := k.CheckVerb(o.verb); err != nil {
			return done, err
		}
		n, err := k.BlacklistWhere(ctx, tx, sel)
		if err != nil {
			return done, err
		}
		done.add(k, int(n))
	}
	return done, tx.CheckConstraints(ctx)
}

// remains are notes about what goes on although the credentials are blacklisted, each
// once.
func (o *blacklistOptions) remains(ctx context.Context, tx *db.Tx, s *selection) (notes []string, err error) {
	said := map[string]bool{}
	for _, k := range tokens.Kinds() {
		if k.Remains == nil {
			continue
		}
		refs := s.of(k)
		if refs == nil {
			continue
		}
		list, err := k.Remains(ctx, o.app.env(), tx, refs[:min(len(refs), chunkTold)], s.voided != nil)
		if err != nil {
			return nil, err
		}
		for _, note := range list {
			if said[note] {
				continue
			}
			if len(notes) == mostTold {
				return append(notes, "the like holds for others of them"), nil
			}
			said[note] = true
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// chunkTold limits how many credentials of a kind Remains is asked about.
const chunkTold = 1000

// tell says what was blacklisted, one by one where it is not much.
func (o *blacklistOptions) tell(s *selection, done *kindCounts) {
	a := o.app
	if a.global.quiet {
		return
	}
	if done.n <= mostTold && s.unlisted == nil {
		for r := range s.refs.All() {
			if r.Outcome() == db.Changed {
				a.say("blacklisted %s of %s", r.ID(), whose(r.Owner()))
			}
		}
	}
	o.tellVoided(s)
	o.noteMeanwhile(s)
}
