package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// changeFlags are what rotate and blacklist have in common: credentials named
// one by one, or picked by a selector that is shown before it is acted on.
type changeFlags struct {
	app           *App
	verb          string // "rotate"
	selector      selectorFlags
	tokenFile     string
	keepGoing     bool
	ignoreMissing bool
	dryRun        bool
	consent       consentFlags
}

func (f *changeFlags) flags(c *cobra.Command) {
	f.selector.flags(f.app, c)
	tokenFileFlag(c, &f.tokenFile)
	c.Flags().BoolVar(&f.keepGoing, "keep-going", false, "do what can be done and report the rest (exit status 6)")
	c.Flags().BoolVar(&f.ignoreMissing, "ignore-missing", false, "absent ones are no fault")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be changed; change nothing")
	f.consent.flags(c)
}

// check is for cobra's Args: ids or a selector, not both and not neither.
func (f *changeFlags) check(c *cobra.Command, args []string) error {
	named := len(args) > 0 || f.tokenFile != ""
	switch picked := f.selector.given(c); {
	case named && picked:
		return usage("ids and selectors do not go together", "give ids, or flags such as --user")
	case !named && !picked:
		return usage("nothing to "+f.verb, "write an id, - to read ids and secrets from standard input, or pick with flags such as --user")
	case f.selector.limit > 0 && f.selector.sort == "":
		return usage("--limit needs --sort here: otherwise it is left to chance which ones are changed", "add --sort created")
	case named && f.selector.sort != "":
		return usage("--sort is for selectors", "leave it out")
	}
	return nil
}

// resolve finds the credentials: by id or secret, without asking; or by
// selector, after showing them and asking. A nil target means that there is
// nothing to do, which has been said.
func (f *changeFlags) resolve(c *cobra.Command, store *db.Store, args []string) (*target, error) {
	ctx, a := c.Context(), f.app
	if len(args) > 0 || f.tokenFile != "" {
		return f.byName(ctx, store, args)
	}
	sel, err := f.selector.resolve(ctx, c, store)
	if err != nil {
		return nil, err
	}
	sel.Places, sel.Doomed = true, f.verb == "blacklist"
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	t := &target{selector: &sel}
	if t.decidable, err = sel.Decidable(layout); err != nil {
		return nil, err
	}
	if sel.Doomed && t.decidable && f.unseen() {
		return t, nil
	}
	if t.set, err = f.show(ctx, store, sel); err != nil {
		return nil, err
	}
	if err := a.noteOthers(ctx, store, sel, f.verb); err != nil {
		return nil, err
	}
	a.noteSkipped(sel)
	if f.dryRun {
		return t, nil
	}
	if t.len() == 0 && f.consent.count <= 0 {
		a.say("nothing to %s", f.verb)
		return nil, a.writeNone()
	}
	asked, err := f.consent.obtain(ctx, a, f.verb, count(t.len(), "credential"), t.len())
	if err != nil || !asked {
		return t, err
	}
	// Time has passed while the person was reading.
	again := new(tokens.Set)
	err = f.pick(ctx, store, sel, func(c *tokens.Credential) error {
		again.Count(c.ID)
		return nil
	})
	if err == nil && !t.set.Same(again) {
		err = &django.Error{Code: django.CodeChanged, Message: "the set changed while you were looking at it", Hint: "nothing was done; run the command again"}
	}
	return t, err
}

// unseen reports whether nobody wants to see what the selector picks, before or
// afterwards.
func (f *changeFlags) unseen() bool {
	return f.app.global.quiet && f.consent.yes && !f.dryRun && !f.app.asked()
}

// show returns what the selector picks, and shows the exact set on stderr, since
// stdout may be a pipe, unless nobody wants that.
func (f *changeFlags) show(ctx context.Context, store *db.Store, sel tokens.Selector) (*tokens.Set, error) {
	a := f.app
	o := output.Options{Format: output.Table, Color: a.colored(a.Term.Stderr)}
	if a.Term.Stderr {
		o.Width = a.width()
	}
	w, err := output.NewWriter(a.remarks(), credentialColumns, o)
	if err != nil {
		return nil, err
	}
	silent := f.dryRun || a.global.quiet && f.consent.yes
	set := new(tokens.Set)
	err = f.pick(ctx, store, sel, func(c *tokens.Credential) error {
		set.Add(c)
		if silent {
			return nil
		}
		return w.Write(credentialRow(c))
	})
	if err == nil {
		err = w.Close()
	}
	return set, err
}

func (f *changeFlags) pick(ctx context.Context, store *db.Store, sel tokens.Selector, add func(*tokens.Credential) error) error {
	for c, err := range tokens.List(ctx, f.app.env(), store, sel) {
		if err == nil {
			err = c.Of().Refuse(f.verb)
		}
		if err != nil {
			return err
		}
		if c.Settled(f.verb) {
			continue
		}
		if err := add(&c); err != nil {
			return err
		}
	}
	return nil
}

func (f *changeFlags) byName(ctx context.Context, store *db.Store, args []string) (*target, error) {
	refs, err := f.app.references(ctx, args, f.tokenFile)
	// The end of a pipe from list has nothing to read on a good day.
	if err != nil && (err != errNoInput || !f.ignoreMissing) {
		return nil, err
	}
	t := &target{single: len(refs) == 1}
	err = store.Read(ctx, func(tx *db.Tx) error {
		if t.found, t.missing, err = resolve(ctx, f.app.env(), tx, refs); err != nil {
			return err
		}
		for _, c := range t.found {
			if err := c.Of().Refuse(f.verb); err != nil {
				return err
			}
		}
		if f.verb == "rotate" && len(t.found) > len(refs) {
			var ids []string
			for _, c := range t.found {
				ids = append(ids, c.ID)
			}
			return &django.Error{Code: django.CodeAmbiguousID, Message: "a secret stands in the tables of two kinds: " + strings.Join(ids, ", "), Hint: "rotate one of them by its id"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if f.ignoreMissing {
		var kept []offence
		for _, o := range t.missing {
			if o.err.Code != django.CodeNotFound {
				kept = append(kept, o)
			}
		}
		t.missing = kept
	}
	if len(t.missing) > 0 && (!f.keepGoing || len(t.found) == 0) {
		err := offences(t.missing)
		var e *django.Error
		if errors.As(err, &e) && e.Code == django.CodeNotFound {
			e.Hint += "; --ignore-missing makes an absent one no fault"
		}
		return nil, err
	}
	if len(t.found) == 0 {
		f.app.say("nothing to %s: none of them is there", f.verb)
		if !f.dryRun {
			return nil, f.app.writeNone()
		}
	}
	return t, nil
}

// report says of every offender why nothing was done to it, and ends the
// command with the status for partly done work.
func (f *changeFlags) report(missing []offence, done int) error {
	if len(missing) == 0 {
		return nil
	}
	if done == 0 {
		return offences(missing)
	}
	var reasons []string
	for _, o := range missing {
		reasons = append(reasons, o.err.Message)
	}
	return &django.Error{Code: django.CodePartlyDone, Message: fmt.Sprintf("%d of %d were done; not done: %s", done, done+len(missing), strings.Join(reasons, "; "))}
}

// showDryRun is the result of --dry-run: the set, in the form asked for.
func (f *changeFlags) showDryRun(t *target) error {
	if err := t.write(f.app.Stdout, f.app.options(t.single && t.len() == 1), nil); err != nil {
		return err
	}
	f.app.say("dry run: would %s %s", f.verb, count(t.len(), "credential"))
	return f.report(t.missing, t.len())
}

// writeNone is the result of a command that had nothing to do.
func (a *App) writeNone() error {
	if !a.asked() {
		return nil
	}
	return a.write(credentialColumns, nil, false)
}

// noteOthers says which kinds the selector would pick from if tokenctl could
// deal with them, so that nobody takes silence for absence.
func (a *App) noteOthers(ctx context.Context, store *db.Store, sel tokens.Selector, verb string) error {
	if sel.Kinds != nil {
		return nil
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return err
	}
	var left []string
	for _, k := range tokens.Kinds() {
		if k.Present(layout) && !k.Can(verb) {
			left = append(left, k.Title)
		}
	}
	if left != nil {
		a.say("note: the database also has %s, which this tokenctl cannot %s", strings.Join(left, ", "), verb)
	}
	return nil
}

// noteSkipped says what was not picked although it might have been meant: what
// has no date of creation, and sessions that do not tell their owner.
func (a *App) noteSkipped(sel tokens.Selector) {
	if n := *sel.PassedOver; n > 0 {
		a.say("passed over %s without a date of creation", count(n, "session"))
	}
	if n := *sel.Unreadable; n > 0 {
		a.say("note: the data of %s could not be read: it may be anybody's", count(n, "session"))
	}
}

// noteEngine warns of rotated sessions whose old keys may go on.
func (a *App) noteEngine() {
	if ends, why := a.settings.Session.DeletingLogsOut(); !ends {
		a.say("note: the old key may go on for a while: %s", why)
	}
}

// whose names the owner of a credential.
func whose(c *tokens.Credential) string { return cmp.Or(c.Owner.Username, "nobody known") }
