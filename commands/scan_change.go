package commands

import (
	"context"
	"fmt"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// verb is the verb for the found credentials.
func (o *scanOptions) verb() string {
	if o.rotate {
		return "rotate"
	}
	return "blacklist"
}

// take keeps a reference to a found credential that is active, or would be active with an active owner.
func (o *scanOptions) take(ctx context.Context, store *db.Store, found *scanned, c *tokens.Credential) {
	found.mu.Lock()
	defer found.mu.Unlock()
	if found.taken[c.ID] || c.Unchecked() || c.NothingToDo("rotate") {
		return
	}
	found.taken[c.ID] = true
	o.change.verb = o.verb()
	if o.change.cannot(ctx, c, store) != nil {
		found.skipped = append(found.skipped, c)
		return
	}
	found.refs.Add(c)
}

// contain blacklists or rotates the found credentials, as these commands do with selected credentials: it shows them,
// asks, and changes them by reference.
func (o *scanOptions) contain(ctx context.Context, store *db.Store, found *scanned) error {
	a := o.app
	f := o.change
	f.verb = o.verb()
	for _, c := range found.skipped {
		e := f.cannot(ctx, c, store)
		a.say("left: %s: %s", c.ID, e.Message)
		if e.Hint != "" {
			a.say("hint: %s", e.Hint)
		}
	}
	n := found.refs.Len()
	if n == 0 {
		a.say("nothing to %s in %s", f.verb, a.databaseName())
		return nil
	}
	s := &selection{refs: found.refs}
	rotate := &rotateOptions{credentialChange: f, deliver: delivery{app: a, out: o.out}}
	if o.rotate {
		if err := rotate.fits(ctx, s); err != nil {
			return err
		}
		n = s.refs.Len()
	}
	if err := f.consent.preview(a, f.verb, credentialColumns, refRows(&s.refs)); err != nil {
		return err
	}
	f.noteFinal(s)
	if f.dryRun {
		a.say("dry run: would %s %s in %s", f.verb, count(n, "credential"), a.databaseName())
		return nil
	}
	if _, err := f.consent.obtain(ctx, a, f.verb, count(n, "credential"), n); err != nil {
		return err
	}
	if err := o.changeAll(ctx, store, rotate, s); err != nil {
		return err
	}
	for r := range s.refs.All() {
		switch r.Outcome() {
		case 0, db.Gone, db.Already:
			delete(found.active, r.ID())
		}
	}
	found.works = len(found.active) > 0
	return nil
}

// changeAll runs the verb on a selection.
func (o *scanOptions) changeAll(ctx context.Context, store *db.Store, rotate *rotateOptions, s *selection) error {
	change := rotate.change
	if !o.rotate {
		change = (&blacklistOptions{rotate.credentialChange}).change
	}
	// The flags for fields and --jq are meant for findings.
	g := &o.app.global
	g.columns, g.field, g.query = nil, "", nil
	if g.output == sarif || g.output == string(output.ID) || g.output == string(output.Table) {
		g.output = ""
	}
	done, err := change(ctx, store, s)
	if err != nil {
		return err
	}
	return rotate.partly(s, done)
}

// openBundle reads --bundle.
func (o *scanOptions) openBundle(ctx context.Context) (scan.Options, error) {
	text, err := openInput(ctx, o.bundle)
	if err != nil {
		return scan.Options{}, err
	}
	defer text.Close()
	b, err := scan.ReadBundle(text)
	if err != nil {
		return scan.Options{}, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: fmt.Sprintf("%s: %v", o.bundle, err), Hint: "make it again: tokenctl scan bundle " + shellWord(o.bundle)}
	}
	if now := o.app.Now(); !now.Before(b.Expires) {
		return scan.Options{}, &tokenctl.Error{Code: tokenctl.CodeFailed, Message: o.bundle + " expired " + b.Expires.UTC().Format("2006-01-02T15:04:05Z"),
			Hint: "make it again where the database is: tokenctl scan bundle " + shellWord(o.bundle)}
	}
	return scan.Options{Shapes: b.Shapes(), Members: b.Members}, nil
}
