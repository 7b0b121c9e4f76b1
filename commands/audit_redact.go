package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/audit"
	"tokenctl/db"
	"tokenctl/tokens"
)

// redactOptions are those of --fix clear-refresh.
type redactOptions struct{ credentialChange }

// run replaces the signatures in the rows of dead refresh tokens.
func (o *redactOptions) run(c *cobra.Command) error {
	o.result = func(r *tokens.Ref, _ *tokens.Credential) bool { return r.Outcome() == db.Changed }
	o.question = func(s *selection) string {
		if s.refs.Len() == 0 {
			return ""
		}
		return "this cannot be undone: the claims in the rows stay, and their signatures go"
	}
	return o.credentialChange.run(c, nil, o.change)
}

// change redacts the rows of the selection, tells what was done, and returns how many it was.
func (o *redactOptions) change(ctx context.Context, store *db.Store, s *selection) (int, error) {
	var done kindCounts
	err := o.apply(ctx, store, s, nil, func(tx *db.Tx) (err error) {
		done, err = o.each(ctx, tx, s, "redacting", manyRows, func(chunk []*tokens.Ref) (db.Outcomes, error) {
			return chunk[0].Kind().Redact(ctx, tx, chunk)
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	o.noteMeanwhile(s)
	o.app.sayDone(done.n, "redacted", count(done.n, "refresh token"))
	return done.n, nil
}

// redactLog replaces live drf keys in Django's admin log.
func (o *auditOptions) redactLog(ctx context.Context, rule *audit.Rule) error {
	a, f := o.app, &o.change
	store, err := a.open()
	if err != nil {
		return err
	}
	var list []*tokens.Credential
	for c, err := range o.found(rule)(ctx, store, tokens.Selector{}) {
		if err != nil {
			return err
		}
		list = append(list, &c)
	}
	var entries []int64
	if len(list) > 0 {
		entries, err = db.Read(ctx, store, func(tx *db.Tx) ([]int64, error) { return tx.LogEntries(ctx, tokens.SecretsOf(list)) })
		if err != nil {
			return err
		}
	}
	n := len(entries)
	what := plural(n, "entry of the admin log", "entries of the admin log")
	if n == 0 && f.consent.allowsNothing() {
		a.say("nothing to redact in %s", a.databaseName())
		return a.writeNone()
	}
	rows := tokenctl.Mapped(list, credentialRow)
	if f.dryRun {
		a.say("dry run: would redact %s in %s", what, a.databaseName())
		return a.write(credentialColumns, rows, false)
	}
	if err := f.consent.preview(a, "redact the keys of", credentialColumns, rows); err != nil {
		return err
	}
	a.say("note: this cannot be undone: the word redacted replaces the keys")
	if _, err := f.consent.obtain(ctx, a, "redact", what, n); err != nil {
		return err
	}
	var done int64
	err = again(func() error {
		done = 0
		return store.WriteMany(ctx, func(tx *db.Tx) error {
			for part := range slices.Chunk(entries, manyRows) {
				changed, err := tx.RedactLog(ctx, part, "redacted")
				if err != nil {
					return err
				}
				done += changed
			}
			return nil
		})
	}, func() bool { return true })
	if err != nil {
		return err
	}
	a.sayDone(int(done), "redacted", plural(int(done), "entry of the admin log", "entries of the admin log"))
	a.say("note: who has read the log still has the keys: replace them with tokenctl rotate")
	return a.writeAsked(credentialColumns, rows, false)
}
