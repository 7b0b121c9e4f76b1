package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"tokenctl"
	"tokenctl/tokens"
)

// TestBatch holds a query up and asks for more meanwhile.
func TestBatch(t *testing.T) {
	t.Parallel()
	type query struct {
		secrets []tokenctl.Secret
		answer  chan error
	}
	queries := make(chan query)
	b := &batcher{find: func(_ context.Context, secrets []tokenctl.Secret) ([]*tokens.Credential, error) {
		q := query{secrets, make(chan error)}
		queries <- q
		if err := <-q.answer; err != nil {
			return nil, err
		}
		found := make([]*tokens.Credential, len(secrets))
		for i, s := range secrets {
			if s.Reveal() != "nobody's" {
				found[i] = &tokens.Credential{ID: s.Reveal()}
			}
		}
		return found, nil
	}}
	var all sync.WaitGroup
	ask := func(key, want string) {
		all.Go(func() {
			c, err := b.get(t.Context(), tokenctl.NewSecret(key))
			got := fmt.Sprint(err)
			if err == nil {
				got = "none"
				if c != nil {
					got = c.ID
				}
			}
			if got != want {
				t.Errorf("%s: got %s", key, got)
			}
		})
	}
	ask("first", "lost")
	held := <-queries
	for range 3 {
		ask("same", "same")
	}
	ask("nobody's", "none")
	for len(b.snapshot()) < 4 {
	}
	held.answer <- errors.New("lost")
	next := <-queries
	if len(next.secrets) != 4 {
		t.Errorf("the next query asks for %d secrets, want 4", len(next.secrets))
	}
	close(next.answer)
	all.Wait()
}

func (b *batcher) snapshot() []*keyLookup {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

func TestBatchOutlivesItsRequests(t *testing.T) {
	t.Parallel()
	started, release := make(chan bool), make(chan bool)
	b := &batcher{find: func(ctx context.Context, secrets []tokenctl.Secret) ([]*tokens.Credential, error) {
		started <- true
		<-release
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		panic(secrets[0].Reveal())
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var gone, stayed error
	var all sync.WaitGroup
	all.Go(func() { _, gone = b.get(ctx, tokenctl.NewSecret("k")) })
	<-started
	cancel()
	all.Wait()
	if !errors.Is(gone, context.Canceled) {
		t.Errorf("who went away got %v", gone)
	}
	all.Go(func() { _, stayed = b.get(t.Context(), tokenctl.NewSecret("key-of-somebody")) })
	go func() { <-started; release <- true }()
	release <- true
	all.Wait()
	if stayed == nil || stayed.Error() != "panic: string" {
		t.Errorf("a panic became %v", stayed)
	}
}
