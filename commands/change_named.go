package commands

import (
	"context"
	"errors"
	"slices"

	"tokenctl"
	"tokenctl/db"
)

func (f *credentialChange) byName(ctx context.Context, store *db.Store, args []string) (*selection, error) {
	names, err := f.app.references(ctx, f.verb, args, f.tokenFile)
	// The end of a pipe from list has nothing to read on a good day.
	if err != nil && (err != errNoInput || !f.ignoreMissing) {
		return nil, err
	}
	s := &selection{named: true, single: len(names) == 1}
	err = store.Read(ctx, func(tx *db.Tx) error {
		list, err := f.app.lookUp(ctx, tx, names)
		if err != nil {
			return err
		}
		if err := f.app.checkLines(list); err != nil {
			return err
		}
		for i := range list {
			if s := list[i].secrets; f.verb == "rotate" && s != nil && len(s[0]) > 1 {
				return &tokenctl.Error{Code: tokenctl.CodeAmbiguousID, Message: "a secret stands in the tables of two kinds: " + s[0][0].ID + ", " + s[0][1].ID, Hint: "rotate one of them by its id"}
			}
		}
		found, missing, err := resolve(list)
		if err != nil {
			return err
		}
		s.missing = missing
		s.refs.Grow(len(found))
		for _, c := range found {
			if e := f.cannot(ctx, c, store); e != nil {
				s.missing = append(s.missing, offence{id: c.ID, err: e})
				continue
			}
			s.refs.Add(c)
		}
		return nil
	})
	if err == nil && f.checkSelection != nil {
		err = f.checkSelection(s)
	}
	if err != nil {
		return nil, err
	}
	s.single = s.single && s.refs.Len()+len(s.missing) == 1
	if f.ignoreMissing {
		s.missing = slices.DeleteFunc(s.missing, func(o offence) bool { return o.err.Code == tokenctl.CodeNotFound })
	}
	if len(s.missing) > 0 && (!f.keepGoing || s.refs.Len() == 0) {
		err := offences(s.missing)
		var e *tokenctl.Error
		if errors.As(err, &e) && e.Code == tokenctl.CodeNotFound {
			e.Hint = joinHints(e.Hint, "--ignore-missing skips them")
		}
		if f.keepGoing && f.app.asked() {
			if err := f.write(s, f.app.Stdout, f.app.options(s.single), nil); err != nil {
				return nil, err
			}
		}
		return nil, err
	}
	if s.refs.Len() == 0 {
		f.app.say("nothing to %s: none of them is in %s", f.verb, f.app.databaseName())
		if !f.dryRun {
			return nil, f.app.writeNone()
		}
	}
	if f.dryRun || s.refs.Len() == 0 {
		return s, nil
	}
	return s, f.consent.obtainNamed(ctx, f.app, f.verb, count(s.refs.Len(), "credential"), s.refs.Len())
}
