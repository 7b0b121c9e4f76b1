package commands

import (
	"context"
	"errors"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// action is one thing that the command did.
type action struct {
	name string // "blacklist", "deactivate" or "reset_password"
	kind string // the kind of the credential, or "user", or "denylist"
	id   string // of the credential or of the entry, or the user's primary key
}

// choose selects the credentials that the command would end. It returns an error for a change that is not
// possible.
func (n *incident) choose(ctx context.Context) error {
	o := n.o
	layout, err := n.store.Layout(ctx)
	if err != nil {
		return err
	}
	n.change.credentialChange = credentialChange{app: n.app, verb: "blacklist", changeFlags: o.changeFlags}
	n.chosen = &selection{}
	targets := n.leaked
	if o.all {
		targets = append(targets[:len(targets):len(targets)], n.reach()...)
	}
	for _, c := range targets {
		if !c.Endable(n.app.env(), layout) || c.Nameless() {
			continue
		}
		if e := n.change.cannot(ctx, c, n.store); e != nil {
			if !o.keepGoing {
				return e
			}
			n.chosen.missing = append(n.chosen.missing, offence{id: c.ID, err: e})
			continue
		}
		n.chosen.refs.Add(c)
	}
	if o.all && n.owner != nil && tokens.Voids(n.app.env(), layout, n.users) {
		n.chosen.usersToVoid = []db.User{*n.owner}
	}
	switch {
	case !o.all && !o.deactivate && !o.reset:
		return nil
	case n.owner == nil:
		return usage("nobody is known who owns it: there is nothing for --all, --deactivate and --reset-password", "leave them out")
	case o.deactivate:
		if err := layout.Deactivatable(n.users); err != nil {
			return err
		}
		return n.store.Read(ctx, func(tx *db.Tx) error { return n.deactivation().guard(ctx, tx, []db.User{*n.owner}) })
	case o.reset && !layout.AuthUsers(n.users):
		return &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: n.users.String() + " is not the table of AUTH_USER_MODEL: tokenctl sets no password there", Hint: "leave out --reset-password"}
	}
	return nil
}

// deactivation returns the command user deactivate for the owner.
func (n *incident) deactivation() *userChange {
	return &userChange{userFlags: n.o.users, verb: "deactivate", self: n.o.self}
}

// acts reports whether the command has anything to do.
func (n *incident) acts() bool {
	return n.chosen.refs.Len() > 0 || n.chosen.usersToVoid != nil || n.o.deactivate || n.o.reset
}

// planned returns the incident in its state after the change.
func (n *incident) planned() tokens.Incident {
	in := tokens.Incident{Users: n.users, Leaked: n.leaked, Whole: n.o.all || n.leaked == nil, Held: n.held, Ended: map[string]bool{}, Reset: n.o.reset, Voided: n.chosen.usersToVoid != nil}
	for r := range n.chosen.refs.All() {
		in.Ended[r.ID()] = true
	}
	if n.owner != nil {
		in.Owner = *n.owner
		if n.o.deactivate {
			in.Owner.IsActive = new(bool)
		}
	}
	return in
}

// words returns the text about the planned changes: the first verb, and the rest.
func (n *incident) words() (verb, what string) {
	var parts []string
	switch k := n.chosen.refs.Len(); {
	case k == 1:
		for r := range n.chosen.refs.All() {
			parts = append(parts, "blacklist "+r.ID()+" of "+whose(r.Owner()))
		}
	case k > 1:
		parts = append(parts, "blacklist "+count(k, "credential")+" of "+whose(n.owner))
	}
	if n.chosen.usersToVoid != nil {
		parts = append(parts, "make void every JWT that "+whose(n.owner)+" got until now")
	}
	if n.o.deactivate {
		parts = append(parts, "deactivate "+whose(n.owner))
	}
	switch {
	case n.o.generate:
		parts = append(parts, "give "+whose(n.owner)+" a random password")
	case n.o.reset:
		parts = append(parts, "make the password of "+whose(n.owner)+" unusable")
	}
	text := parts[0]
	if last := len(parts) - 1; last > 0 {
		text = strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	verb, what, _ = strings.Cut(text, " ")
	return verb, what
}

// ask asks whether to make the changes. It shows the screen before a question, and then shown is true. If nobody
// could be asked, it writes the screen as the result.
func (n *incident) ask(ctx context.Context) (shown bool, err error) {
	a, consent := n.app, &n.o.consent
	affected := max(n.chosen.refs.Len(), 1)
	switch {
	case consent.allows(a, affected):
		err = n.preview()
	case consent.count.n == nil && a.interactive():
		shown, n.asking = true, true
		err = n.screen(a.remarks(), a.previewOptions(), true)
		n.asking = false
	}
	if err != nil {
		return shown, err
	}
	n.change.noteFinal(n.chosen)
	verb, what := n.words()
	_, err = consent.obtain(ctx, a, verb, what, affected)
	var e *tokenctl.Error
	if !errors.As(err, &e) || e.Code != tokenctl.CodeConfirmation || a.interactive() {
		return shown, err
	}
	if failed := n.write(true); failed != nil {
		return shown, failed
	}
	if !n.given.IsZero() && n.o.tokenFile == "" {
		e.Hint += "; or give the secret with --token-file FILE: then standard input is free for the answer"
	}
	return shown, err
}

// preview shows the credentials that --all selects, if the command does not ask.
func (n *incident) preview() error {
	if n.app.global.quiet || !n.o.all {
		return nil
	}
	return n.app.preview(credentialColumns, refRows(&n.chosen.refs))
}

// contain makes the confirmed changes in one transaction.
func (n *incident) contain(ctx context.Context) error {
	o := n.o
	if err := n.preparePassword(ctx); err != nil {
		return err
	}
	deactivated := false
	if o.deactivate {
		n.app.recordUsers("deactivate", func() []db.User {
			if !deactivated {
				return nil
			}
			return []db.User{*n.owner}
		}, everyDone)
	}
	if o.reset {
		n.app.recordUsers("password", func() []db.User { return []db.User{*n.owner} }, everyDone)
	}
	err := n.change.apply(ctx, n.store, n.chosen, o.deliver.emptyFile, func(tx *db.Tx) error {
		if o.deactivate {
			owner := []db.User{*n.owner}
			if err := n.deactivation().lockSuperusers(ctx, tx, owner); err != nil {
				return err
			}
			_, changed, err := tx.SetActive(ctx, owner, false)
			if err != nil {
				return err
			}
			deactivated = changed[n.owner.ID]
		}
		if o.reset {
			if err := tx.SetPassword(ctx, *n.owner, n.encoded); err != nil {
				return err
			}
		}
		if n.chosen.refs.Len() > 0 || n.chosen.usersToVoid != nil {
			if _, err := n.change.blacklist(ctx, tx, n.chosen); err != nil {
				return err
			}
		}
		if err := tx.CheckConstraints(ctx); err != nil || n.secret.IsZero() {
			return err
		}
		return o.deliver.write(ctx, []byte(n.secret.Reveal()+"\n")) // before the commit, so that an error undoes the change
	})
	if err := o.deliver.settleFile(err); err != nil {
		return err
	}
	for r := range n.chosen.refs.All() {
		if r.Outcome() == db.Changed {
			n.done = append(n.done, action{"blacklist", r.Kind().Name, r.ID()})
		}
	}
	for _, v := range n.chosen.voided {
		n.done = append(n.done, action{"blacklist", "denylist", v.ID})
	}
	if deactivated {
		n.done = append(n.done, action{"deactivate", "user", n.owner.ID})
	}
	if o.reset {
		n.done = append(n.done, action{"reset_password", "user", n.owner.ID})
	}
	return nil
}

// preparePassword encodes the new password and makes the file for it. It runs before the transaction of the
// change, because the encoding takes long.
func (n *incident) preparePassword(ctx context.Context) (err error) {
	a := n.app
	if !n.o.reset {
		return nil
	}
	var cost hashing
	if n.o.generate {
		text, err := django.GeneratePassword(a.Random, a.settings.Auth.MinPasswordLength())
		if err != nil {
			return err
		}
		n.secret = tokenctl.NewSecret(text)
		if cost, err = db.Read(ctx, n.store, func(tx *db.Tx) (hashing, error) { return a.hashing(ctx, tx) }); err != nil {
			return err
		}
	}
	if n.encoded, err = a.encode(ctx, cost, n.secret); err != nil || !n.o.generate {
		return err
	}
	return n.o.deliver.openFile()
}
