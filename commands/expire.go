package commands

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// expire moves the ends of live credentials. It chooses, shows and changes them as rotate
// does, but makes no secrets: clients go on with the secrets that they have.

type expireOptions struct {
	credentialChange
	lifetime lifetimeFlags
	given    tokens.Lifetime // what these flags say
	ends     map[*tokens.Ref]time.Time
}

func newExpire(a *App) *cobra.Command {
	o := &expireOptions{credentialChange: credentialChange{app: a, verb: "expire"}}
	o.question = o.about
	o.checkCredential = func(c *tokens.Credential, _ time.Time) *tokenctl.Error { return c.CannotExpire() }
	c := &cobra.Command{
		Use:   "expire {<id>... | - | --user <username> ...} {--ttl <time> | --expires <date> | --never}",
		Short: "Prolong or shorten the life of credentials",
		Long: `Give live knox tokens and sessions another end, without a new secret: later or
earlier than now. What has expired stays expired.

If AUTO_REFRESH is on, knox moves the expiry of a token when the token is used.
Django sets the expiry of a session again when it saves the session.

Ids and secrets that are named are changed without asking. What flags such as
--user or --expires-before select is shown first, and confirmed.`,
		Example: `  tokenctl expire knox:4f5ac0dcf9b04cc3 --ttl 90d
  tokenctl expire - --expires 2027-01-31 <token
  tokenctl expire --kind knox --expires-before 2099-01-01 --ttl 30d
  tokenctl expire --kind session --staff --ttl 1h --yes`,
		Args: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args); err != nil {
				return err
			}
			if o.lifetime == (lifetimeFlags{}) {
				return usage("nothing says when they are to expire", "add --ttl 90d, --expires DATE or --never; to end them now: tokenctl blacklist")
			}
			return nil
		},
		ValidArgsFunction: a.completeIDs,
		RunE:              o.run,
	}
	durationVar(c.Flags(), &o.lifetime.ttl, "ttl", "they expire in a `TIME` such as 90d from now")
	c.Flags().StringVar(&o.lifetime.expires.text, "expires", "", "they expire at a `DATE`")
	c.Flags().BoolVar(&o.lifetime.never, "never", false, "they never expire (knox)")
	c.MarkFlagsMutuallyExclusive("ttl", "expires", "never")
	o.credentialChange.flags(c)
	return c
}

func (o *expireOptions) run(c *cobra.Command, args []string) error {
	var err error
	if o.given, err = o.lifetime.resolve(o.app.Now()); err != nil {
		return err
	}
	o.checkSelection = func(s *selection) error {
		return o.checkKinds(s, func(k *tokens.Kind) error { return k.CheckExpire(o.given) })
	}
	o.result = func(r *tokens.Ref, c *tokens.Credential) bool {
		c.Expires = o.ends[r]
		return r.Outcome() == db.Changed
	}
	return o.credentialChange.run(c, args, o.change)
}

// change moves the ends of the selection, tells what was done, and returns how many it was.
func (o *expireOptions) change(ctx context.Context, store *db.Store, s *selection) (int, error) {
	told := o.about(s)
	var done kindCounts
	err := o.apply(ctx, store, s, nil, func(tx *db.Tx) (err error) {
		o.ends = map[*tokens.Ref]time.Time{}
		done, err = o.each(ctx, tx, s, "changing", rotatedRows, func(chunk []*tokens.Ref) (db.Outcomes, error) {
			ends, outcomes, err := chunk[0].Kind().Expire(ctx, o.app.env(), tx, chunk, o.given)
			if err != nil {
				return nil, err
			}
			for i, r := range chunk {
				o.ends[r] = ends[i]
			}
			return outcomes, nil
		})
		if err != nil {
			return err
		}
		return tx.CheckConstraints(ctx)
	})
	if err != nil {
		return 0, err
	}
	a := o.app
	if done.n > mostTold {
		a.say("%s: %s", &done, told)
	} else {
		for r := range s.refs.All() {
			if r.Outcome() != db.Changed {
				continue
			}
			c := r.Credential()
			before := "never expired before"
			if !c.Expires.IsZero() {
				before = "would have expired " + c.Expires.UTC().Format(time.RFC3339)
			}
			c.Expires, c.Created = o.ends[r], time.Time{}
			a.say("%s of %s now %s; it %s", r.ID(), whose(r.Owner()), a.ends(&c), before)
		}
	}
	o.noteMoves(&done)
	o.noteMeanwhile(s)
	a.sayDone(done.n, "changed the expiry of", done.String())
	return done.n, nil
}

// noteMoves says who moves the ends again.
func (o *expireOptions) noteMoves(done *kindCounts) {
	for _, k := range tokens.Kinds() {
		if done.of[k] == 0 {
			continue
		}
		for _, note := range k.ExpireNotes(o.app.settings, o.given) {
			o.app.say("note: %s", note)
		}
	}
}

// about says what becomes of the selection.
func (o *expireOptions) about(s *selection) string {
	n := s.refs.Len()
	if n == 0 {
		return ""
	}
	end, when := o.given.At(o.app.Now()), "they never expire then"
	if !end.IsZero() {
		when = "they expire " + o.app.in(new(tokens.Credential), end)
	}
	later, earlier := s.refs.LaterAndEarlier(end)
	var parts []string
	if later > 0 {
		parts = append(parts, strconv.Itoa(later)+" later")
	}
	if earlier > 0 {
		parts = append(parts, strconv.Itoa(earlier)+" earlier")
	}
	if parts == nil {
		return when + ", as before"
	}
	return when + ", " + strings.Join(parts, " and ") + " than before"
}
