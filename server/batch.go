package server

import (
	"context"
	"fmt"
	"sync"

	"tokenctl"
	"tokenctl/tokens"
)

// batcher answers concurrent look-ups with one query: while a query runs, new look-ups wait for
// the next one. A query always begins after the look-ups that it answers, so no answer is out of
// date. With a query for each request the server reaches a sixth of the rate of `pgbench -S`; the
// goal is half.
type batcher struct {
	find func(context.Context, []tokenctl.Secret) ([]*tokens.Credential, error)

	mu      sync.Mutex
	waiting []*keyLookup
	running bool // a query runs; with two queries at a time each would answer fewer look-ups
}

// keyLookup is one secret that is looked up.
type keyLookup struct {
	secret tokenctl.Secret
	done   chan struct{} // closed when found and err are set
	found  *tokens.Credential
	err    error
}

const maxLookups = 500 // in a query

// get returns the credential of a secret, or nil if there is none.
func (b *batcher) get(ctx context.Context, secret tokenctl.Secret) (*tokens.Credential, error) {
	l := &keyLookup{secret: secret, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, l)
	start := !b.running
	b.running = true
	b.mu.Unlock()
	if start {
		// The end of this request must not end the queries of other requests.
		go b.run(context.WithoutCancel(ctx))
	}
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// run makes queries until no look-up waits.
func (b *batcher) run(ctx context.Context) {
	for {
		b.mu.Lock()
		n := min(len(b.waiting), maxLookups)
		batch := b.waiting[:n:n]
		if b.waiting = b.waiting[n:]; n == 0 {
			b.running = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		secrets := tokenctl.Mapped(batch, func(l *keyLookup) tokenctl.Secret { return l.secret })
		found, err := b.query(ctx, secrets)
		for i, l := range batch {
			if l.err = err; err == nil {
				l.found = found[i]
			}
			close(l.done)
		}
	}
}

// query turns a panic into an error. It runs outside of every request, so a panic would
// end the server.
func (b *batcher) query(ctx context.Context, secrets []tokenctl.Secret) (found []*tokens.Credential, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return b.find(ctx, secrets)
}
