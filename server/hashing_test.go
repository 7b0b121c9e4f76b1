package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func requestFrom(address string) *request {
	return &request{Request: &http.Request{RemoteAddr: address}}
}

// As many passwords are hashed at a time as there are cores; the others wait, and
// stop waiting when their context ends.
func TestHashing(t *testing.T) {
	t.Parallel()
	h := newHashing()
	var now, most, done atomic.Int64
	release := make(chan struct{})
	cores := runtime.GOMAXPROCS(0)
	begun := make(chan struct{}, 10*cores)
	var all sync.WaitGroup
	for range 10 * cores {
		all.Go(func() {
			err := h.do(context.Background(), func() error {
				n := now.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				begun <- struct{}{}
				<-release
				now.Add(-1)
				done.Add(1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range cores {
		<-begun
	}
	// All turns are taken.
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	waited := make(chan error)
	go func() {
		waited <- h.do(ctx, func() error { t.Error("it hashes although nobody waits for it"); return nil })
	}()
	cancel(gone)
	if err := <-waited; err != gone {
		t.Errorf("who has gone: %v", err)
	}
	close(release)
	all.Wait()
	if most.Load() != int64(cores) || done.Load() != int64(10*cores) {
		t.Errorf("%d at a time, %d in all; there are %d cores", most.Load(), done.Load(), cores)
	}
	// Nobody hashes for a context that ended, even where there is room.
	for range 100 {
		if err := h.do(ctx, func() error { t.Error("it hashes for nobody"); return nil }); err != gone {
			t.Error(err)
		}
	}
	// An error is handed on, and the turn given back, also by a panic.
	for range 2 * cores {
		func() {
			defer func() { recover() }() //nolint:errcheck // what it was does not matter
			h.do(context.Background(), func() error { panic("x") })
		}()
		if err := h.do(context.Background(), func() error { return gone }); err != gone {
			t.Error(err)
		}
	}
}
