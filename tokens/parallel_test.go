package tokens

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestParallel(t *testing.T) {
	t.Parallel()
	const n = 1000
	var done [n]atomic.Int32
	if err := parallel(t.Context(), n, func(i int) error { done[i].Add(1); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if got := done[i].Load(); got != 1 {
			t.Fatalf("%d was done %d times", i, got)
		}
	}
	wrong := errors.New("wrong")
	var calls atomic.Int32
	err := parallel(t.Context(), 1<<30, func(i int) error {
		if calls.Add(1); i == 10 {
			return wrong
		}
		return nil
	})
	if err != wrong {
		t.Errorf("%v, want f's error", err)
	}
	if got := calls.Load(); got == 1<<30 {
		t.Error("it went on behind the error")
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	err = parallel(ctx, 1<<30, func(i int) error {
		if i == 10 {
			cancel(stopped)
		}
		return nil
	})
	if err != stopped {
		t.Errorf("%v, want the cause of the end", err)
	}
}
