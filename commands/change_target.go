package commands

import (
	"io"
	"iter"
	"slices"

	"tokenctl/output"
	"tokenctl/tokens"
)

// target is what a change is about: credentials that were named one by one, or
// what a selector picked.
type target struct {
	found     []tokens.Credential
	selector  *tokens.Selector // nil: they were named
	set       *tokens.Set      // what it picked; nil where nobody wants to see that, nor need we
	decidable bool             // it can be done without naming each
	missing   []offence
	single    bool // one was named, so the result is one object
}

func (t *target) len() int {
	if t.set != nil {
		return t.set.Len()
	}
	return len(t.found)
}

func (t *target) all() iter.Seq[tokens.Credential] {
	if t.set != nil {
		return t.set.All()
	}
	return slices.Values(t.found)
}

// forms are the kinds and types that occur.
func (t *target) forms() []tokens.Form {
	if t.set != nil {
		return t.set.Forms()
	}
	var forms []tokens.Form
	for _, c := range t.found {
		if f := (tokens.Form{Kind: c.Of(), Type: c.Type}); !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	return forms
}

// batchSize is how many rows one statement changes.
const batchSize = 5000

// batches yields all in their order, credentials of one kind at a time. The next
// are unpacked while the consumer has some.
func (t *target) batches() iter.Seq[[]tokens.Credential] {
	return ahead(func(yield func([]tokens.Credential) bool) {
		var batch []tokens.Credential
		for c := range t.all() {
			if len(batch) == batchSize || len(batch) > 0 && batch[0].Kind != c.Kind {
				if !yield(batch) {
					return
				}
				batch = nil
			}
			batch = append(batch, c)
		}
		if len(batch) > 0 {
			yield(batch)
		}
	})
}

// ahead reads list one value ahead of whoever reads it.
func ahead[T any](list iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		values, stop := make(chan T), make(chan struct{})
		go func() {
			defer close(values)
			for v := range list {
				select {
				case values <- v:
				case <-stop:
					return
				}
			}
		}()
		// Nobody reads the list when this returns.
		defer func() {
			close(stop)
			for range values {
			}
		}()
		for v := range values {
			if !yield(v) {
				return
			}
		}
	}
}

// write writes the credentials. now, where there is one, sets what has become of
// each, and leaves out those that it returns false for.
func (t *target) write(to io.Writer, o output.Options, now func(*tokens.Credential) bool) error {
	w, err := output.NewWriter(to, credentialColumns, o)
	if err != nil {
		return err
	}
	for c := range t.all() {
		if now != nil && !now(&c) {
			continue
		}
		if err := w.Write(credentialRow(&c)); err != nil {
			return err
		}
	}
	return w.Close()
}
