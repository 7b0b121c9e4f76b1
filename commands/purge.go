package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

type purgeOptions struct {
	changeFlags
	app            *App
	kinds          []string
	users, userIDs []string
	batchSize      int
	pause          time.Duration
	keepNewer      time.Duration
	expiresBefore  dateValue
	inactive       bool
	orphans        bool
	skipErrors     []error // why some of it was not done, with keepGoing
}

// purgeBatch is how many rows are deleted in a transaction, if no flag says otherwise.
const purgeBatch = 20000

var purgeColumns = []output.Column{{Name: "kind", Decides: true}, {Name: "expired"}, {Name: "deleted"}}

func newPurge(a *App) *cobra.Command {
	o := &purgeOptions{app: a}
	c := &cobra.Command{
		Use:   "purge",
		Short: "Delete what has expired, in batches",
		Long: `Delete the rows of knox tokens, JWTs and sessions that have expired. What never
expires, or has no expiry date, stays. A blacklisted sliding JWT stays as long as
it could be refreshed: without its row it would come back to life.

With --orphans the rows of all kinds are deleted whose user is gone, and the rows of the
blacklist whose token does not exist. A blacklisted JWT
that has not expired stays.

The numbers are shown first, and confirmed. Each batch is a transaction of its
own, so that nobody waits long for a lock: what has been deleted when the command
is interrupted stays deleted, and running it again goes on from there.`,
		Example: `  tokenctl purge --dry-run
  tokenctl purge --kind session --yes
  tokenctl purge --orphans --dry-run
  tokenctl purge --keep-newer-than 30d --batch-size 1000 --pause 100ms`,
		Args: o.check,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	listVar(f, &o.kinds, "kind", "only this `KIND`; may be repeated")
	repeatedVar(f, &o.users, "user", "only those of the user `NAME`; may be repeated")
	repeatedVar(f, &o.userIDs, "user-id", "only those of the user with this primary key `PK`; may be repeated")
	f.IntVar(&o.batchSize, "batch-size", purgeBatch, "delete at most `N` rows in a transaction")
	pauseVar(f, &o.pause, "pause", "rest for a `TIME` after each transaction, so that others get ahead")
	pauseVar(f, &o.keepNewer, "keep-newer-than", "keep what expired less than this `AGE` ago, such as 30d")
	f.StringVar(&o.expiresBefore.text, "expires-before", "", "only what expired before the `DATE`, or longer ago than an age such as 30d")
	f.BoolVar(&o.inactive, "inactive", false, "only those of inactive users")
	f.BoolVar(&o.orphans, "orphans", false, "delete the rows whose user is gone, instead of those that have expired")
	for _, name := range []string{"user", "user-id", "inactive", "expires-before", "keep-newer-than"} {
		c.MarkFlagsMutuallyExclusive("orphans", name)
	}
	o.changeFlags.flags(a, c, "skip users who do not exist, without an error", "count what would be deleted; delete nothing")
	must(c.RegisterFlagCompletionFunc("kind", a.completeKinds("purge")))
	must(c.RegisterFlagCompletionFunc("user", a.completeUsers))
	return c
}

func (o *purgeOptions) check(c *cobra.Command, args []string) error {
	switch {
	case len(args) > 0 && len(idsAmong(args)) > 0:
		return usage("purge takes no arguments: it deletes what has expired", commandLine("blacklist", args, ""))
	case len(args) > 0:
		return noArguments(c, args)
	case o.batchSize < 1:
		return usage("--batch-size must be at least 1", "write --batch-size 1000")
	}
	return nil
}

// purgeWork is what is to be done about one kind.
type purgeWork struct {
	kind    *tokens.Kind
	expired []db.Ref
	deleted int64
	kept    int // orphans that are blacklisted, and have not expired
}

func (o *purgeOptions) run(ctx context.Context) error {
	a := o.app
	kinds, err := kindsNamed(o.kinds)
	if err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	req, kinds, err := o.request(ctx, store, kinds)
	if err != nil {
		return err
	}
	work, err := o.count(ctx, store, req, kinds)
	if err != nil {
		return err
	}
	var total int64
	for _, w := range work {
		total += int64(len(w.expired))
		if w.kept > 0 {
			a.say("note: %s: they are blacklisted, and would work again without their rows", plural(w.kept, w.kind.Noun()+" of nobody stays until it expires", w.kind.Title+" of nobody stay until they expire"))
		}
		if o.orphans || w.kind.AssumedExpired == nil || len(w.expired) == 0 {
			continue
		}
		if text := w.kind.AssumedExpired(a.env()); text != "" {
			a.say("note: %s; --keep-newer-than keeps what expired lately", text)
		}
	}
	switch {
	case o.dryRun:
		expired := purgeSummary(work, func(w *purgeWork) int64 { return int64(len(w.expired)) })
		return cmp.Or(a.writeDryRun(purgeColumns, purgeRows(work), false, "purge", expired), partlyDone(expired, o.skipErrors))
	case total == 0 && o.consent.allowsNothing():
		a.say("nothing to purge in %s", a.databaseName())
		return cmp.Or(a.writeAsked(purgeColumns, purgeRows(work), false), partlyDone(purgeSummary(work, purgedRows), o.skipErrors))
	}
	if a.asked() {
		if err := writeRows(io.Discard, purgeColumns, purgeRows(work), a.options(false)); err != nil {
			return err
		}
	}
	rows := purgeRows(work)
	for i := range rows {
		rows[i] = rows[i][:2]
	}
	if err := o.consent.preview(a, "purge", purgeColumns[:2], rows); err != nil {
		return err
	}
	if _, err := o.consent.obtain(ctx, a, "purge", o.rows(int(total)), int(total)); err != nil {
		return err
	}
	for _, w := range work {
		if err := o.skip(ctx, w.kind, o.purgeKind(ctx, store, req, w, work)); err != nil {
			return err
		}
	}
	remaining := total
	for _, w := range work {
		remaining -= w.deleted
	}
	done := purgeSummary(work, purgedRows)
	a.sayDone(int(total-remaining), "purged", done)
	if remaining > 0 && o.skipErrors == nil {
		a.say("%s", plural(int(remaining), "row was renewed or deleted meanwhile, and was left", "rows were renewed or deleted meanwhile, and were left"))
	}
	return cmp.Or(a.writeAsked(purgeColumns, purgeRows(work), false), partlyDone(done, o.skipErrors))
}

// skip keeps an error about a kind in skipErrors if --keep-going is given. Otherwise it returns the
// error.
func (o *purgeOptions) skip(ctx context.Context, k *tokens.Kind, err error) error {
	var known *tokenctl.Error
	if !o.keepGoing || ctx.Err() != nil || !errors.As(err, &known) || known.Code == tokenctl.CodeDatabaseUnreachable || known.Code == tokenctl.CodeOutcomeUnknown {
		return err
	}
	o.skipErrors = append(o.skipErrors, prefixed(k.Title+": ", err))
	return nil
}

// rows counts rows that are purged.
func (o *purgeOptions) rows(n int) string {
	if o.orphans {
		return plural(n, "row without a user", "rows without a user")
	}
	return count(n, "expired row")
}

// purgeKind deletes batch by batch. What a batch deleted stands, whatever becomes of
// the rest, and an early end says so.
func (o *purgeOptions) purgeKind(ctx context.Context, store *db.Store, req tokens.PurgeRequest, w *purgeWork, work []*purgeWork) error {
	a := o.app
	p := a.progress("purging "+w.kind.Title, int64(len(w.expired)))
	defer p.done()
	first := true
	for batch := range slices.Chunk(w.expired, o.batchSize) {
		if !first {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(o.pause):
			}
		}
		first = false
		var n int64
		o.record(w, batch, &n)
		err := again(func() error {
			return store.WriteMany(ctx, func(tx *db.Tx) (err error) {
				if o.orphans {
					n, err = w.kind.DeleteOrphans(ctx, o.app.env(), tx, batch)
				} else {
					n, err = w.kind.Purge(ctx, a.env(), tx, batch, req)
				}
				if err != nil {
					return err
				}
				return tx.CheckConstraints(ctx)
			})
		}, func() bool { return true })
		if err != nil && tokenctl.CodeOf(err) != tokenctl.CodeOutcomeUnknown {
			n = -1
		}
		if err != nil {
			return err
		}
		w.deleted += n
		p.add(int64(len(batch)))
		a.outcome.standing = "purged so far, which stands: " + purgeSummary(work, purgedRows)
	}
	return nil
}

// record records a batch. deleted is how many of its rows the
// database deleted, which does not say which ones; -1 if it deleted none.
func (o *purgeOptions) record(w *purgeWork, batch []db.Ref, deleted *int64) {
	o.app.record(func(add func(recordedRow)) {
		if *deleted < 0 {
			return
		}
		row := recordedRow{action: "purge", outcome: rowDone, kind: w.kind.Name}
		if remaining := int64(len(batch)) - *deleted; remaining > 0 {
			row.outcome, row.reason = rowUnclear, fmt.Sprintf("%d of %d rows were renewed or deleted meanwhile", remaining, len(batch))
		}
		for i := range batch {
			row.id, row.user = w.kind.RowID(batch[i]), &db.User{ID: batch[i].Owner}
			add(row)
		}
	})
}

func purgeRows(work []*purgeWork) [][]output.Value {
	return tokenctl.Mapped(work, func(w *purgeWork) []output.Value {
		return []output.Value{output.String(w.kind.Name), output.Int(int64(len(w.expired))), output.Int(w.deleted)}
	})
}

// purgedRows are the rows of a kind that were deleted.
func purgedRows(w *purgeWork) int64 { return w.deleted }

// purgeSummary is like "12 knox tokens, 3 jwt tokens".
func purgeSummary(work []*purgeWork, number func(*purgeWork) int64) string {
	var counts kindCounts
	for _, w := range work {
		counts.add(w.kind, int(number(w)))
	}
	return counts.String()
}
