package commands

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tokenctl/db/engine"
)

// This file knows when a command must end and what it has done by then. The work
// runs beside finish, which must be able to speak when the work hangs: so the work
// publishes what is known whenever that changes.

// runEnd is what ends a run, and what is known of it at the end.
type runEnd struct {
	stop      context.CancelCauseFunc // ends the work
	enough    chan struct{}           // closed when nobody waits for the work any longer
	serving   atomic.Bool             // requests that have begun are finished before the end
	outcome   outcome
	helpError error // why help could not be written
}

// outcome is what became of the rows. Only known may be read beside the work.
type outcome struct {
	begun     bool      // a transaction that changes rows has begun
	standing  string    // what stands of a change that is made in parts; the command sets it after each part
	changed   bool      // a transaction that changed rows was committed
	delivered *delivery // its secrets went out, and their rows are not committed yet
	outside   []string  // what stands outside the database, whose rows are not committed yet
	known     atomic.Pointer[knowledge]
}

// knowledge is what finish says of the rows.
type knowledge struct {
	begun   bool   // the change has begun
	unknown bool   // a commit was sent, and no answer came
	text    string // for a hint; empty for a command that only reads
}

const nothingChanged = "nothing was changed"

// publishOutcome tells finish what is known now. unknown says that a commit is under way.
func (a *App) publishOutcome(unknown bool) {
	a.outcome.known.Store(&knowledge{a.outcome.begun, unknown, a.consequence(unknown)})
}

// consequence says what became of the rows; nothing for commands that only read.
func (a *App) consequence(unknown bool) string {
	if !a.mutating {
		return ""
	}
	others := a.schemas.standing()
	parts := []string{others, a.outcome.standing}
	d := a.outcome.delivered
	switch {
	case unknown && d != nil:
		parts = append(parts, d.howToFindOut())
	case unknown:
		parts = append(parts, "look with "+a.look()+" whether it happened")
	case a.outcome.standing != "":
	case a.outcome.changed:
		parts = append(parts, "the change itself was made; look with "+a.look())
	case others != "":
		parts = append(parts, nothingChanged+" in "+a.schemas.here())
	default:
		parts = append(parts, nothingChanged)
	}
	if d != nil && !unknown {
		parts = append(parts, d.dead())
	}
	return joinHints(append(parts, a.outcome.outside...)...)
}

// look is the command that shows what this one changes.
func (a *App) look() string {
	if len(a.args) > 0 && a.args[0] == "user" {
		return "tokenctl user list"
	}
	return "tokenctl list"
}

// followTransaction keeps what is known of a transaction that writes. Package db/engine calls it at each phase.
func (a *App) followTransaction(p engine.Phase) {
	a.outcome.begun = true
	if p == engine.RolledBack {
		a.settleEntry(p) // before the rollback itself: journal_entry.go
	}
	if p == engine.Begun {
		a.outcome.outside = nil
	}
	if p == engine.Committed {
		a.outcome.changed, a.outcome.delivered, a.outcome.outside, a.outcome.standing = true, nil, nil, ""
	}
	a.publishOutcome(p == engine.Committing)
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted" }

// windUp is how long work may take to end after it was stopped. The database rolls
// back by itself what has lost its client.
const windUp = 900 * time.Millisecond

// watch ends the work at the first SIGINT or SIGTERM, and closes a.enough at the
// second, or when the work takes too long to end; ctx is the work's.
func (a *App) watch(ctx context.Context) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	a.enough = make(chan struct{})
	go func() {
		var stopped syscall.Signal
		select {
		case s := <-signals:
			stopped = s.(syscall.Signal)
			a.stop(interrupted{stopped})
		case <-ctx.Done():
		case <-done:
			return
		}
		if a.Term.Restore != nil {
			a.Term.Restore()
		}
		go a.line.stop()                            // the terminal may be held up
		if pager := a.paging.Load(); pager != nil { // the person ends it
			for stopped != syscall.SIGTERM {
				select {
				case s := <-signals:
					stopped = s.(syscall.Signal)
				case <-done:
					return
				}
			}
			pager.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		}
		var limit <-chan time.Time
		if !a.serving.Load() {
			limit = time.After(windUp)
		}
		select {
		case <-signals:
		case <-limit:
		case <-done:
			return
		}
		close(a.enough)
	}()
	return sync.OnceFunc(func() { signal.Stop(signals); close(done) })
}
