package commands

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// rotate, expire, blacklist and unblacklist change credentials in four steps. audit --fix, scan, incident and
// user deactivate take the last two steps with credentials that they have found. First, the command selects the
// credentials, by id or secret, or by flags. With flags it shows each credential while it reads the list. In
// both cases it keeps a reference to each credential. Second, a person or --yes agrees to the credentials that
// the flags select. Third, one transaction changes exactly these references, one kind after the other
// (apply.go), and writes the denylist just before it commits (blacklist_void.go). Fourth, the command reports the credentials that it did not change, and the reasons.
//
// With --yes and --quiet the command shows the credentials to nobody. blacklist then lets the database change
// everything that the flags select at that moment, if the database alone can decide this, and if no output, report
// file, journal or denylist needs the credentials one by one.

// credentialChange is one change of credentials: its flags, what may be selected and shown, and the steps above.
type credentialChange struct {
	changeFlags
	app       *App
	verb      string // "rotate"
	selector  selectorFlags
	tokenFile string

	// What a verb adds to the steps above. Each of these functions may be nil.

	list            func(context.Context, *db.Store, tokens.Selector) iter.Seq2[tokens.Credential, error] // the credentials to select from; nil: all (see selectsFindings)
	checkSelection  func(*selection) error                                                                // returns an error if the verb cannot change the selection
	checkCredential func(*tokens.Credential, time.Time) *tokenctl.Error                                   // returns an error if the verb cannot change a credential, for a reason that its kind does not know
	question        func(*selection) string                                                               // returns another note before the question
	result          func(*tokens.Ref, *tokens.Credential) bool                                            // sets a credential to its new state; false: it did not change
}

// selectsFindings reports whether the selector selects only from the credentials that audit --fix has found. In all
// other commands it selects from all credentials.
func (f *credentialChange) selectsFindings() bool { return f.list != nil }

func (f *credentialChange) flags(c *cobra.Command) {
	f.selector.flags(f.app, c)
	f.namedFlags(c)
}

// namedFlags adds the flags of a command that takes only ids and secrets.
func (f *credentialChange) namedFlags(c *cobra.Command) {
	tokenFileFlag(c, &f.tokenFile)
	f.changeFlags.flags(f.app, c, "skip ids and secrets that are not there, without an error", "show what would be changed; change nothing")
}

// check checks the arguments for cobra's Args. The command needs ids or a selector, and refuses both together.
func (f *credentialChange) check(c *cobra.Command, args []string) error {
	named := len(args) > 0 || f.tokenFile != ""
	switch selected := f.selector.given(c); {
	case named && selected:
		return usage("ids and selectors do not go together", "give ids, or flags such as --user")
	case !named && !selected:
		return usage("nothing to "+f.verb, "write an id, - to read ids and secrets from standard input, or select with flags such as --user")
	case f.selector.limit > 0 && f.selector.sort == "":
		return usage("--limit needs --sort here: otherwise it is left to chance which ones are changed", "add --sort created")
	case named && f.selector.sort != "":
		return usage("--sort is for selectors", "leave it out")
	}
	return f.app.checkIDs(f.verb, args)
}

// run selects the credentials and changes them. change says what it has done, and returns the number of changed
// credentials.
func (f *credentialChange) run(c *cobra.Command, args []string, change func(context.Context, *db.Store, *selection) (int, error)) error {
	// A wrong flag is an error before the database is opened. choose parses the flags again for the selection.
	if _, err := f.selector.parse(c, f.app.Now()); err != nil {
		return err
	}
	store, err := f.app.open()
	if err != nil {
		return err
	}
	s, err := f.choose(c, store, args)
	if s == nil || err != nil {
		return err
	}
	if f.dryRun {
		return f.showDryRun(s)
	}
	done, err := change(c.Context(), store, s)
	if err != nil {
		return err
	}
	return f.conclude(s, done)
}

// selection is the set of credentials that a change is about.
type selection struct {
	refs        tokens.Refs
	named       bool             // selected by id or secret
	single      bool             // one credential was named, so the result is one object
	unlisted    *tokens.Selector // the change is about everything that it selects, and refs is empty
	missing     []offence        // the things that cannot be changed
	unread      unread           // the parts of the rows that could not be read
	nameless    int              // rows with a null primary key
	appeared    int              // credentials that the selector selects only after the preview
	usersToVoid []db.User        // users whose credentials without a row also become void
	voided      []tokens.Voided  // the entries that were written about these users
}

// choose finds the credentials. It returns nil if there is nothing to do, and has then said so.
func (f *credentialChange) choose(c *cobra.Command, store *db.Store, args []string) (*selection, error) {
	if len(args) > 0 || f.tokenFile != "" {
		return f.byName(c.Context(), store, args)
	}
	return f.bySelector(c, store)
}

func (f *credentialChange) bySelector(c *cobra.Command, store *db.Store) (*selection, error) {
	ctx, a := c.Context(), f.app
	sel, err := f.selector.resolve(ctx, c, store)
	if err != nil {
		return nil, err
	}
	sel.Compare = true
	voids, err := f.usersToVoid(c, store, &sel)
	if err != nil {
		return nil, err
	}
	if f.verb == "blacklist" && !f.selectsFindings() && voids == nil && f.consent.silent(a) && !f.dryRun && !a.asked() && !a.recording() {
		layout, err := store.Layout(ctx)
		if err != nil {
			return nil, err
		}
		if exact, err := sel.Exact(a.env(), layout); exact || err != nil {
			return &selection{unlisted: &sel}, err
		}
	}
	s, err := f.preview(ctx, store, sel)
	if err != nil {
		return nil, err
	}
	s.usersToVoid = voids
	n := s.refs.Len()
	switch {
	case f.dryRun:
		return s, nil
	case n == 0 && s.missing == nil && voids == nil && f.consent.allowsNothing():
		a.say("nothing to %s in %s", f.verb, a.databaseName())
		return nil, a.writeNone()
	}
	f.consent.note = ""
	if f.question != nil {
		f.consent.note = f.question(s)
	}
	if voids != nil {
		f.consent.note = s.voiding()
	}
	if f.consent.note != "" {
		a.say("note: %s", f.consent.note)
	}
	affected := n
	if n == 0 {
		affected = len(voids)
	}
	asked, err := f.consent.obtain(ctx, a, f.verb, count(n, "credential"), affected)
	if err != nil || !asked {
		return s, err
	}
	return s, f.countAppeared(ctx, store, sel, s)
}

// preview shows the credentials that the selector selects, and keeps references to them. It also writes the
// notes that a person needs before a change.
func (f *credentialChange) preview(ctx context.Context, store *db.Store, sel tokens.Selector) (*selection, error) {
	a, s := f.app, new(selection)
	if err := f.show(ctx, store, sel, s); err != nil {
		return nil, err
	}
	a.noteUnread(s.unread)
	if s.nameless > 0 {
		a.say("note: skipped %s with an empty primary key: the application cannot find such a row", count(s.nameless, "row"))
	}
	if !f.selectsFindings() {
		if err := a.noteOthers(ctx, store, sel, f.verb); err != nil {
			return nil, err
		}
	}
	a.noteSkipped(sel)
	f.noteFinal(s)
	if f.checkSelection == nil {
		return s, nil
	}
	return s, f.checkSelection(s)
}

// countAppeared counts the credentials that the selector selects only after the preview, because a person
// needs time to read the preview.
func (f *credentialChange) countAppeared(ctx context.Context, store *db.Store, sel tokens.Selector, s *selection) error {
	shown := make(map[string]bool, s.refs.Len())
	for r := range s.refs.All() {
		shown[r.ID()] = true
	}
	return f.eachSelected(ctx, store, sel, func(c *tokens.Credential) error {
		if !shown[c.ID] {
			s.appeared++
		}
		return nil
	})
}

// show keeps references to the credentials that the selector selects. It writes the exact set to stderr,
// because stdout may be a pipe. With --dry-run, or if the command is silent, it does not write the set.
func (f *credentialChange) show(ctx context.Context, store *db.Store, sel tokens.Selector, s *selection) error {
	a := f.app
	w, err := output.NewWriter(a.remarks(), credentialColumns, a.previewOptions())
	if err != nil {
		return err
	}
	quiet := f.dryRun || f.consent.silent(a)
	err = f.eachSelected(ctx, store, sel, func(c *tokens.Credential) error {
		s.unread.add(c.BadValues, c.Owner.BadValues)
		if c.Nameless() {
			s.nameless++
			return nil
		}
		if e := f.cannot(ctx, c, store); e != nil {
			if !f.keepGoing {
				return e
			}
			s.missing = append(s.missing, offence{id: c.ID, err: e})
			return nil
		}
		s.refs.Add(c)
		if quiet {
			return nil
		}
		if s.refs.Len() == 1 {
			a.introduce(f.verb)
		}
		return w.Write(credentialRow(c))
	})
	if err == nil {
		err = w.Close()
	}
	return err
}

// cannot returns the reason why the verb cannot change a credential in the state that was read. It returns nil
// if the verb can.
func (f *credentialChange) cannot(ctx context.Context, c *tokens.Credential, store *db.Store) (e *tokenctl.Error) {
	k := c.Of()
	if errors.As(k.CheckVerb(f.verb), &e) {
		return e
	}
	if k.Cannot != nil {
		layout, err := store.Layout(ctx)
		if err != nil && !errors.As(err, &e) {
			e = &tokenctl.Error{Code: tokenctl.CodeFailed, Message: err.Error()}
		}
		if err != nil {
			return e
		}
		e = k.Cannot(f.app.env(), layout, f.verb, c, store.Now())
	}
	if e == nil && f.checkCredential != nil {
		e = f.checkCredential(c, store.Now())
	}
	return e
}

func (f *credentialChange) eachSelected(ctx context.Context, store *db.Store, sel tokens.Selector, add func(*tokens.Credential) error) error {
	list := tokens.List(ctx, f.app.env(), store, sel)
	if f.selectsFindings() {
		list = f.list(ctx, store, sel)
	}
	for c, err := range list {
		if err == nil && !f.keepGoing {
			err = c.Of().CheckVerb(f.verb)
		}
		if err != nil {
			return err
		}
		if c.NothingToDo(f.verb) {
			continue
		}
		if err := add(&c); err != nil {
			return err
		}
	}
	return nil
}
