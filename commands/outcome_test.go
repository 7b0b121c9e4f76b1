package commands

import (
	"context"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndsOfStuckWork: work that does not end by itself after an interrupt is waited for
// windUp long. The clock is a fake one.
func TestEndsOfStuckWork(t *testing.T) {
	t.Parallel()
	complete1(t, "", "version") // whoever first asks for signals starts a goroutine that never ends
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		defer close(end)
		a := newApp("", io.Discard, io.Discard)
		a.Getenv = func(name string) string {
			if name == "DATABASE_URL" {
				<-end
			}
			return ""
		}
		ctx, interrupt := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { interrupt(interrupted{syscall.SIGINT}) })
		start := time.Now()
		status := a.Run(ctx, []string{"list"})
		if took := time.Since(start); status != 130 || took != time.Minute+900*time.Millisecond {
			t.Errorf("status %d after %v", status, took)
		}
	})
}
