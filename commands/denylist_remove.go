package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/tokens"
)

// denylist remove looks up the entries first. It removes them after a transaction has written its intent, so
// the journal, the protection of a database and an interrupt work as they do for rows.

type removeOptions struct {
	changeFlags
	app *App
}

func newDenylistRemove(a *App) *cobra.Command {
	o := &removeOptions{app: a}
	c := &cobra.Command{
		Use:   "remove {<id>... | -}",
		Short: "Remove entries: the JWTs work again until they expire",
		Long: `Remove entries by their ids, as denylist list shows them. An access token works again
until it expires. Without the entry of a user all access tokens work again that the user
got before; refresh tokens that were blacklisted stay so.

Ids are arguments, or are read from standard input with -, one a line.`,
		Example: `  tokenctl denylist remove user:7
  tokenctl denylist list -o id | tokenctl denylist remove - --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("nothing to remove", "write the id of an entry, such as user:7, or - to read ids from standard input")
			}
			return nil
		},
		ValidArgsFunction: a.completeDenials,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	o.changeFlags.flags(a, c, "skip entries that are not there, without an error", "show what would be removed; change nothing")
	return c
}

// ids returns the ids that the arguments or the lines of standard input name, each of them once. It returns a
// usage error for a text that cannot be the id of an entry.
func (o *removeOptions) ids(ctx context.Context, args []string) ([]string, error) {
	if len(args) == 1 && args[0] == "-" {
		lines, err := readLines(ctx, o.app.Stdin, "standard input")
		if err != nil {
			return nil, err
		}
		args = nil
		for _, line := range lines {
			if line = strings.Trim(line, blanks); line != "" {
				args = append(args, line)
			}
		}
		if args == nil {
			return nil, usage("standard input is empty", "write the id of an entry a line")
		}
	}
	for _, id := range args {
		if !cache.IsDenialID(id) {
			return nil, usage("an id of an entry of the denylist is jti:JTI or user:VALUE", "tokenctl denylist list -o id shows them; tokenctl unblacklist takes the ids of tokens")
		}
	}
	return dedupe(args), nil
}

func (o *removeOptions) run(ctx context.Context, args []string) error {
	a := o.app
	ids, err := o.ids(ctx, args)
	if err != nil {
		return err
	}
	store, d, err := a.openDenylist()
	if err != nil {
		return err
	}
	list, missing, err := o.find(ctx, d, ids)
	if err != nil {
		return err
	}
	rows, err := a.denialRows(ctx, store, list)
	if err != nil {
		return err
	}
	if o.dryRun {
		if err := a.write(denylistColumns, rows, len(ids) == 1); err != nil {
			return err
		}
		a.say("dry run: would remove %s", plural(len(list), "entry", "entries"))
		return partlyDone(plural(len(list), "entry", "entries"), missing)
	}
	if len(list) > 0 {
		if err := o.consent.obtainNamed(ctx, a, "remove", plural(len(list), "entry of the denylist", "entries of the denylist"), len(list)); err != nil {
			return err
		}
		if err := o.remove(ctx, store, d, list); err != nil {
			return err
		}
	}
	if err := a.writeAsked(denylistColumns, rows, len(ids) == 1); err != nil {
		return err
	}
	for i := 0; i < len(list) && len(list) <= mostTold; i++ {
		a.say("removed %s", list[i].ID)
	}
	a.say("removed %s", plural(len(list), "entry of the denylist", "entries of the denylist"))
	return partlyDone(plural(len(list), "entry", "entries"), missing)
}

// find looks up the entries. missing has the error about the entries that do not exist, if --keep-going is set
// and at least one entry exists.
func (o *removeOptions) find(ctx context.Context, d *tokens.Denylist, ids []string) (list []cache.Denial, missing []error, err error) {
	found, err := d.Find(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	var absent []string
	for i, e := range found {
		if e != nil {
			list = append(list, *e)
		} else if !o.ignoreMissing {
			absent = append(absent, ids[i])
		}
	}
	if absent == nil {
		return list, nil, nil
	}
	e := &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the denylist has no entry " + firstOf(absent, ", "), Hint: "look with tokenctl denylist list; --ignore-missing skips them"}
	if !o.keepGoing || list == nil {
		return nil, nil, e
	}
	return list, []error{e}, nil
}

// remove removes the entries and records each of them.
func (o *removeOptions) remove(ctx context.Context, store *db.Store, d *tokens.Denylist, list []cache.Denial) error {
	o.app.record(func(add func(recordedRow)) {
		for _, e := range list {
			add(recordedRow{action: "denylist remove", outcome: rowDone, kind: "denylist", id: e.ID})
		}
	})
	ids := tokenctl.Mapped(list, func(e cache.Denial) string { return e.ID })
	return store.Write(ctx, func(tx *db.Tx) error {
		d.Remove(tx, ids)
		return nil
	})
}
