package commands

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// change runs f in a transaction, in which the statements about a set that a
// selector picked may take as long as they take.
func (f *changeFlags) change(ctx context.Context, t *target, store *db.Store, do func(*db.Tx) error) error {
	if t.selector != nil {
		return f.app.changeMany(ctx, store, do)
	}
	return f.app.change(ctx, store, do)
}

// each acts on all credentials of the target, batch by batch. One that is refused
// ends it, unless that is tolerated; so does a target of which nothing is left.
func (f *changeFlags) each(ctx context.Context, t *target, doing string, act func([]tokens.Credential) (db.Refusals, error)) error {
	p := f.app.progress(doing, int64(t.len()))
	defer p.done()
	done := 0
	for batch := range t.batches() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		refused, err := act(batch)
		if err != nil {
			return err
		}
		for _, i := range slices.Sorted(maps.Keys(refused)) {
			if !f.tolerate(t, batch[i], refused[i]) {
				return refused[i]
			}
		}
		done += len(batch) - len(refused)
		p.add(int64(len(batch)))
	}
	if done == 0 {
		return offences(t.missing)
	}
	return nil
}

// tolerate turns a change by somebody else into an offence, with --keep-going.
func (f *changeFlags) tolerate(t *target, c tokens.Credential, err error) bool {
	var e *django.Error
	if !errors.As(err, &e) {
		return false
	}
	if f.ignoreMissing && e.Code == django.CodeAlreadyExists {
		return true
	}
	if !f.keepGoing || e.Code != django.CodeChanged && e.Code != django.CodeNotFound && e.Code != django.CodeAlreadyExists {
		return false
	}
	t.missing = append(t.missing, offence{c.ID, e})
	return true
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
			parts = append(parts, count(n, strings.TrimSuffix(kind.Title, "s")))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
