package commands

import (
	"context"
	"path/filepath"

	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// lookUp opens the database or the bundle that recognises credentials.
func (o *scanOptions) lookUp(ctx context.Context, found *scanned) (options scan.Options, notes func() []string, store *db.Store, err error) {
	a := o.app
	if o.bundle != "" {
		options, err = o.openBundle(ctx)
		return options, func() []string { return nil }, nil, err
	}
	if store, err = a.open(); err != nil {
		return options, nil, nil, err
	}
	d := &scan.Database{Env: a.env(), Store: store, Unchecked: o.unchecked}
	if o.blacklist || o.rotate {
		found.active = map[string]bool{}
		d.Took = func(c *tokens.Credential) { o.take(ctx, store, found, c) }
	}
	shapes, short, odd, err := d.Shapes(ctx)
	if err != nil {
		return options, nil, nil, err
	}
	if short > 0 {
		a.say("note: not searched for: %s of fewer than %d characters", plural(int(short), "drf key", "drf keys"), scan.Least)
	}
	if odd > 0 {
		a.say("note: not searched for: %s with blanks, quotation marks or other odd characters, or longer than 255", plural(int(odd), "drf key", "drf keys"))
	}
	options = scan.Options{Shapes: shapes, Members: d.Members}
	if t, err := a.resolveTarget(); err == nil && t.Engine == engine.SQLite {
		options.Own = ownFiles(t.Path)
	}
	return options, func() []string {
		if err := d.Refused(); err != nil {
			found.unread = append(found.unread, err.Error())
			a.say("not searched for: %s", err.Error())
		}
		return d.Notes()
	}, store, nil
}

// ownFiles returns the files of a SQLite database. They are not searched.
func ownFiles(path string) []string {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil
	}
	return []string{real, real + "-wal", real + "-shm", real + "-journal"}
}
