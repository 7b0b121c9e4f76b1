package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// attempts is how often a change begins again after a deadlock.
const attempts = 3

// apply runs do in a transaction. A transaction that the database ended because of
// another one begins again, unless something was delivered that cannot be taken back;
// undo takes back the rest.
func (f *changeFlags) apply(ctx context.Context, store *db.Store, s *selection, undo func() bool, do func(*db.Tx) error) error {
	change := store.WriteMany
	if s.named && s.refs.Len() < mostTold {
		change = store.Write // a few rows take no longer than --timeout
	}
	if d := f.app.env().Denylist; d != nil {
		d.KeepGoing = f.keepGoing
	}
	f.recordChange(s)
	f.app.noted.Clear() // what was noted before the question is noted again with the result
	missing := s.missing
	changing := func(tx *db.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return f.rehearse(s)
	}
	return again(func() error { return change(ctx, changing) }, func() bool {
		s.missing = missing
		return undo()
	})
}

// again repeats a transaction that the database ended because of another one, if undo could
// take back what it did elsewhere.
func again(transaction func() error, undo func() bool) error {
	for attempt := 1; ; attempt++ {
		err := transaction()
		if tokenctl.CodeOf(err) != tokenctl.CodeDeadlock || attempt == attempts || !undo() {
			return err
		}
	}
}

// manyRows is how many rows one statement changes.
const manyRows = 100_000

// each acts on all credentials, kind after kind, so many at a time. A credential that was
// not changed is an error, unless --keep-going is set or its state is what was wanted. It is
// also an error when none was changed and some could not be.
func (f *changeFlags) each(ctx context.Context, tx *db.Tx, s *selection, doing string, size int, act func([]*tokens.Ref) (db.Outcomes, error)) (err error) {
	done := 0
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
				left, err := act(chunk)
				if err != nil {
					return err
				}
				chunks++
				tokens.Mark(chunk, left)
				var faults []offence
				for i, r := range chunk {
					if left[i] == 0 {
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
				done += len(chunk) - len(left)
				p.add(int64(len(chunk)))
			}
			return nil
		}
		if !f.keepGoing {
			err = work()
		} else if err = tx.Try(ctx, work); err != nil && chunks == 0 && f.leaveOut(s, k, err) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	if done == 0 {
		return offences(s.missing)
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

// fault is why a credential that was left is a fault; nil where it is none. What a
// selector selected and somebody else has deleted or blacklisted meanwhile is as the
// operator wants it.
func (f *changeFlags) fault(s *selection, r *tokens.Ref) *tokenctl.Error {
	e := r.Refusal(f.verb)
	asWanted := f.verb == "blacklist" && r.Left() != db.Changed
	switch {
	case f.verb == "blacklist" && r.Lapsed():
		return nil
	case asWanted && (!s.named || f.ignoreMissing):
		return nil
	case asWanted && r.Left() == db.Gone:
		e.Code = tokenctl.CodeNotFound
	case f.ignoreMissing && e.Code == tokenctl.CodeNotFound:
		return nil
	}
	return e
}

// cannotCodes are errors about all credentials of a kind.
var cannotCodes = []tokenctl.Code{tokenctl.CodeKeyMissing, tokenctl.CodeWrongKey, tokenctl.CodeWrongClaims, tokenctl.CodeKindUnsupported, tokenctl.CodeUsage, tokenctl.CodeConfigInvalid,
	tokenctl.CodeLayoutUnsupported, tokenctl.CodeTableMissing, tokenctl.CodePermissionDenied, tokenctl.CodeCacheUnreachable, tokenctl.CodeCacheDenied, tokenctl.CodeColumnsRequired, tokenctl.CodeInvalidValue}

// leaveOut makes a kind that cannot be changed an offence, where that is what err says.
func (f *changeFlags) leaveOut(s *selection, k *tokens.Kind, err error) bool {
	var e *tokenctl.Error
	if !errors.As(err, &e) || !slices.Contains(cannotCodes, e.Code) {
		return false
	}
	o := offence{err: new(*e), refs: s.refs.LeaveOut(k)}
	o.err.Message = count(len(o.refs), k.Noun()) + ": " + e.Message
	s.missing = append(s.missing, o)
	return true
}

// noteLeft says what was not changed although that is no fault.
func (f *changeFlags) noteLeft(s *selection) {
	gone, already, lapsed := 0, 0, 0
	for r := range s.refs.All() {
		switch {
		case r.Left() == 0, f.fault(s, r) != nil:
		case r.Lapsed():
			lapsed++
		case r.Left() == db.Gone:
			gone++
		case r.Left() == db.Already:
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

// mostTold is how many are told of one by one.
const mostTold = 20

// kindCounts are how many there are of each kind.
type kindCounts struct {
	n  int
	of map[*tokens.Kind]int
}

func (k *kindCounts) add(kind *tokens.Kind, n int) {
	if k.of == nil {
		k.of = map[*tokens.Kind]int{}
	}
	k.n += n
	k.of[kind] += n
}

// String is like "12 knox tokens, 3 jwt tokens".
func (k *kindCounts) String() string {
	var parts []string
	for _, kind := range tokens.Kinds() {
		if n := k.of[kind]; n > 0 {
			parts = append(parts, count(n, kind.Noun()))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
