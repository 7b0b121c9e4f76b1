package commands

import (
	"context"
	"errors"
	"slices"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// attempts is the largest number of times that a change runs if it meets a deadlock each time.
const attempts = 3

// apply runs do in a transaction. If the database ended the transaction because of another one, apply runs it
// again. undo takes back the work outside of the database; nil means that there is none. If undo returns false,
// something was delivered that cannot be taken back, and apply does not run the transaction again.
func (f *credentialChange) apply(ctx context.Context, store *db.Store, s *selection, undo func() bool, do func(*db.Tx) error) error {
	change := store.WriteMany
	if s.named && s.refs.Len() < mostTold {
		change = store.Write // so few rows take no longer than --timeout
	}
	if d := f.app.env().Denylist; d != nil {
		d.KeepGoing = f.keepGoing
	}
	f.recordChange(s)
	f.app.noted.Clear() // the result repeats the notes from before the question
	missing := s.missing
	changing := func(tx *db.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return f.rehearse(s)
	}
	return again(func() error { return change(ctx, changing) }, func() bool {
		s.missing = missing
		return undo == nil || undo()
	})
}

// again repeats a transaction that the database ended because of another one. It repeats only if undo could
// take back the work outside of the database.
func again(transaction func() error, undo func() bool) error {
	for attempt := 1; ; attempt++ {
		err := transaction()
		if tokenctl.CodeOf(err) != tokenctl.CodeDeadlock || attempt == attempts || !undo() {
			return err
		}
	}
}

// manyRows is the number of rows that one statement changes at most.
const manyRows = 100_000

// each calls act for all credentials, one kind after the other, with at most size credentials at a time. A
// credential that did not change is an error, unless --keep-going is set or its state is the wanted state.
// each also returns an error if it changed no credential and could not change some. done counts the changed ones.
func (f *credentialChange) each(ctx context.Context, tx *db.Tx, s *selection, doing string, size int, act func([]*tokens.Ref) (db.Outcomes, error)) (done kindCounts, err error) {
	p := f.app.progress(doing, int64(s.refs.Len()))
	defer p.done()
	for _, k := range tokens.Kinds() {
		if !s.has(k) {
			continue
		}
		chunks := 0
		work := func() error {
			for chunk := range s.refs.Chunks(k, size) {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				outcomes, err := act(chunk)
				if err != nil {
					return err
				}
				chunks++
				tokens.Mark(chunk, outcomes)
				var faults []offence
				for i, r := range chunk {
					if outcomes[i] == db.Changed {
						continue
					}
					if e := f.fault(s, r); e != nil {
						faults = append(faults, offence{id: r.ID(), err: e})
					}
				}
				if faults != nil && !f.keepGoing {
					return offences(faults)
				}
				s.missing = append(s.missing, faults...)
				done.add(k, len(chunk)-len(outcomes))
				p.add(int64(len(chunk)))
			}
			return nil
		}
		if !f.keepGoing {
			err = work()
		} else if err = tx.Try(ctx, work); err != nil && chunks == 0 && f.skipKind(s, k, err) {
			err = nil
		}
		if err != nil {
			return done, err
		}
	}
	if done.n == 0 {
		return done, offences(s.missing)
	}
	return done, nil
}

// checkKinds checks each kind of the selection. A kind for which check returns an error is skipped if
// --keep-going is set and the error is about the whole kind. Otherwise checkKinds returns the error.
func (f *credentialChange) checkKinds(s *selection, check func(*tokens.Kind) error) error {
	for _, k := range tokens.Kinds() {
		if !s.has(k) {
			continue
		}
		if err := check(k); err != nil {
			if !f.keepGoing || !f.skipKind(s, k, err) {
				return err
			}
			s.refs.Drop(func(r *tokens.Ref) bool { return r.Kind() == k })
		}
	}
	return nil
}

func (s *selection) has(k *tokens.Kind) bool {
	for r := range s.refs.All() {
		if r.Kind() == k {
			return true
		}
	}
	return false
}

// of returns the credentials of a kind, without those that did not change.
func (s *selection) of(k *tokens.Kind) (refs []*tokens.Ref) {
	for r := range s.refs.All() {
		if r.Kind() == k && r.Outcome() == db.Changed {
			refs = append(refs, r)
		}
	}
	return refs
}

// fault returns the error about a credential that did not change. It returns nil if this is no error. If a
// selector selected the credential and somebody else has deleted or blacklisted it since then, its state is
// the state that the operator wants.
func (f *credentialChange) fault(s *selection, r *tokens.Ref) *tokenctl.Error {
	e := r.WhyUnchanged(f.verb)
	asWanted := f.verb == "blacklist" && (r.Outcome() == db.Gone || r.Outcome() == db.Already)
	switch {
	case f.verb == "blacklist" && r.Lapsed():
		return nil
	case asWanted && (!s.named || f.ignoreMissing):
		return nil
	case asWanted && r.Outcome() == db.Gone:
		e.Code = tokenctl.CodeNotFound
	case f.ignoreMissing && e.Code == tokenctl.CodeNotFound:
		return nil
	}
	return e
}

// cannotCodes are the codes of errors about all credentials of a kind.
var cannotCodes = []tokenctl.Code{tokenctl.CodeKeyMissing, tokenctl.CodeWrongKey, tokenctl.CodeWrongClaims, tokenctl.CodeKindUnsupported, tokenctl.CodeUsage, tokenctl.CodeConfigInvalid,
	tokenctl.CodeLayoutUnsupported, tokenctl.CodeTableMissing, tokenctl.CodePermissionDenied, tokenctl.CodeCacheUnreachable, tokenctl.CodeCacheDenied, tokenctl.CodeColumnsRequired, tokenctl.CodeInvalidValue}

// skipKind keeps the error about a kind that cannot be changed, and marks its credentials. It returns false if err is
// not about the whole kind.
func (f *credentialChange) skipKind(s *selection, k *tokens.Kind, err error) bool {
	var e *tokenctl.Error
	if !errors.As(err, &e) || !slices.Contains(cannotCodes, e.Code) {
		return false
	}
	o := offence{err: new(*e), refs: s.refs.SkipKind(k), reason: e.Message}
	o.err.Message = count(len(o.refs), k.Noun()) + ": " + e.Message
	s.missing = append(s.missing, o)
	return true
}

// noteMeanwhile says what has happened since the preview: how many credentials needed no change any more, and how
// many appeared.
func (f *credentialChange) noteMeanwhile(s *selection) {
	gone, already, lapsed := 0, 0, 0
	for r := range s.refs.All() {
		switch {
		case r.Outcome() == db.Changed, f.fault(s, r) != nil:
		case r.Lapsed():
			lapsed++
		case r.Outcome() == db.Gone:
			gone++
		case r.Outcome() == db.Already:
			already++
		}
	}
	if lapsed > 0 {
		f.app.say("%s", plural(lapsed, "access token has expired and needs no entry in the denylist", "access tokens have expired and need no entry in the denylist"))
	}
	if gone > 0 {
		f.app.say("%s had been deleted meanwhile", count(gone, "credential"))
	}
	if already > 0 {
		f.app.say("%s had been blacklisted meanwhile", count(already, "credential"))
	}
	if s.appeared > 0 {
		f.app.say("note: %s", plural(s.appeared, "credential appeared since you were asked, and stays as it is", "credentials appeared since you were asked, and stay as they are"))
	}
}
