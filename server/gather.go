package server

import (
	"context"
	"fmt"
	"sync"

	"tokenctl"
	"tokenctl/tokens"
)

// gatherer turns what is looked up at the same time into one query: while one is
// under way, those who come wait together for the next. Each is answered by a
// query that began after it came, so nobody gets an old answer; the more there
// are, the less each costs the database, and they take few of its connections.
type gatherer struct {
	find func(context.Context, []tokenctl.Secret) ([]*tokens.Credential, error)

	mu      sync.Mutex
	waiting []*keyLookup
	running bool // a query is under way; with two of them each would be shared by fewer
}

// keyLookup is one secret that is looked up.
type keyLookup struct {
	secret tokenctl.Secret
	done   chan struct{} // closed when the rest is there
	found  *tokens.Credential
	err    error
}

const maxLookups = 500 // in a query

// get returns the credential of a secret; nil where it is nobody's.
func (g *gatherer) get(ctx context.Context, secret tokenctl.Secret) (*tokens.Credential, error) {
	l := &keyLookup{secret: secret, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, l)
	start := !g.running
	g.running = true
	g.mu.Unlock()
	if start {
		// Not within the request, whose end would be everybody's.
		go g.run(context.WithoutCancel(ctx))
	}
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// run makes queries until nobody waits.
func (g *gatherer) run(ctx context.Context) {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), maxLookups)
		batch := g.waiting[:n:n]
		if g.waiting = g.waiting[n:]; n == 0 {
			g.running = false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		g.answer(ctx, batch)
	}
}

// answer looks a batch up, each secret once.
func (g *gatherer) answer(ctx context.Context, batch []*keyLookup) {
	var secrets []tokenctl.Secret
	place := make(map[string]int, len(batch))
	for _, l := range batch {
		text := l.secret.Reveal()
		if _, known := place[text]; !known {
			place[text] = len(secrets)
			secrets = append(secrets, l.secret)
		}
	}
	found, err := g.guarded(ctx, secrets)
	for _, l := range batch {
		if l.err = err; err == nil {
			l.found = found[place[l.secret.Reveal()]]
		}
		close(l.done)
	}
}

// guarded keeps a panic from ending the server: it would be nobody's request's.
func (g *gatherer) guarded(ctx context.Context, secrets []tokenctl.Secret) (found []*tokens.Credential, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return g.find(ctx, secrets)
}
