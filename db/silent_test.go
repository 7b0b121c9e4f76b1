package db_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// ends returns f's error, or fails the test when f hangs.
func ends(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(2 * time.Minute):
		t.Fatal("it hangs")
		return nil
	}
}

// A server that falls silent, whatever it was asked last, ends the work soon after
// the limit. Of a commit the outcome is unknown.
func TestSilentServer(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	address := dbtest.Postgres(t)
	initialised(t, address, db.Options{})
	for n := int32(0); ; n++ {
		var blocks atomic.Int32
		var committing atomic.Bool
		s := open(t, dbtest.Proxy(t, address, func(_, _ *net.TCPConn, _ []byte) bool {
			return blocks.Add(1) <= n
		}), db.Options{Timeout: time.Second, Phase: func(p engine.Phase) { committing.Store(p == engine.Committing) }})
		err := ends(t, func() error {
			return s.Write(t.Context(), func(tx *db.Tx) error {
				if err := tx.Exec(t.Context(), "update auth_user set is_active = true"); err != nil {
					return err
				}
				_, err := tx.UserByID(t.Context(), "1")
				if tokenctl.CodeOf(err) != tokenctl.CodeUserNotFound {
					return err
				}
				return tx.Try(t.Context(), func() error { return tx.Exec(t.Context(), "select 1") })
			})
		})
		switch {
		case err == nil && n > 5:
			return
		case n == 0:
			dbtest.WantCode(t, err, tokenctl.CodeDatabaseUnreachable)
		case committing.Load():
			dbtest.WantCode(t, err, tokenctl.CodeOutcomeUnknown)
		default:
			dbtest.WantCode(t, err, tokenctl.CodeTimeout)
		}
		if n > 50 {
			t.Fatal("it never succeeds")
		}
	}
}

// An interrupt ends the wait for a silent server at once, and so does a rollback.
func TestSilentRollback(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	initialised(t, address, db.Options{})
	var silent atomic.Bool
	s := open(t, dbtest.Proxy(t, address, func(_, _ *net.TCPConn, _ []byte) bool { return !silent.Load() }), db.Options{})
	wrong := errors.New("wrong")
	err := ends(t, func() error {
		return s.Write(t.Context(), func(*db.Tx) error {
			silent.Store(true)
			return wrong
		})
	})
	if err != wrong {
		t.Errorf("%v, want %v", err, wrong)
	}
	silent.Store(false)
	cause := errors.New("ctrl-c")
	ctx, interrupt := context.WithCancelCause(t.Context())
	err = ends(t, func() error {
		return s.WriteMany(ctx, func(tx *db.Tx) error {
			silent.Store(true)
			time.AfterFunc(100*time.Millisecond, func() { interrupt(cause) })
			return tx.Exec(ctx, "select 1")
		})
	})
	if err != cause {
		t.Errorf("%v, want %v", err, cause)
	}
}

// A statement without a limit goes on, although it takes longer than the limit of
// others.
func TestSlowBulk(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	address := dbtest.Postgres(t)
	initialised(t, address, db.Options{})
	s := open(t, address, db.Options{Timeout: time.Second})
	dbtest.WantCode(t, s.WriteMany(t.Context(), func(tx *db.Tx) error { return tx.Exec(t.Context(), "select pg_sleep(2)") }), "")
	dbtest.WantCode(t, s.Write(t.Context(), func(tx *db.Tx) error {
		if err := tx.Bulk(t.Context()); err != nil {
			return err
		}
		return tx.Exec(t.Context(), "select pg_sleep(2)")
	}), "")
}

// After a statement that failed, every other one fails for the same reason, unless a
// savepoint was gone back to.
func TestAbortedTransaction(t *testing.T) {
	t.Parallel()
	s := initialised(t, dbtest.Postgres(t), db.Options{})
	const insert = "insert into auth_group (name) values ('a')"
	var first, then, read error
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		if err := tx.Exec(t.Context(), insert); err != nil {
			return err
		}
		dbtest.WantCode(t, tx.Try(t.Context(), func() error { return tx.Exec(t.Context(), insert) }), tokenctl.CodeAlreadyExists)
		dbtest.WantCode(t, tx.Exec(t.Context(), "select 1"), "")
		first = tx.Exec(t.Context(), "select 1 from auth_user for update nowait; select 'x'::int")
		then = tx.Exec(t.Context(), "select 1")
		_, read = tx.UserByID(t.Context(), "1")
		return nil
	})
	for _, e := range []error{first, then, read, err} {
		if e == nil || e.Error() != first.Error() || tokenctl.CodeOf(e) != tokenctl.CodeInvalidValue {
			t.Errorf("%v (%s), want %v", e, tokenctl.CodeOf(e), first)
		}
	}
}

// Two transactions that wait for each other: the database ends one, which can be
// done again.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	s := initialised(t, dbtest.Postgres(t), db.Options{})
	newUser(t, s, "ann")
	newUser(t, s, "bob")
	var ready [2]chan struct{}
	for i := range ready {
		ready[i] = make(chan struct{})
	}
	got := race(2, func(i int) error {
		return s.Write(t.Context(), func(tx *db.Tx) error {
			names := []string{"ann", "bob"}
			if err := tx.Exec(t.Context(), "select 1 from auth_user where username = $1 for update", names[i]); err != nil {
				return err
			}
			close(ready[i])
			<-ready[1-i]
			return tx.Exec(t.Context(), "select 1 from auth_user where username = $1 for update", names[1-i])
		})
	})
	if got[""] != 1 || got[tokenctl.CodeDeadlock] != 1 {
		t.Error(got)
	}
}

// Somebody's pg_cancel_backend is no limit of ours.
func TestCancelledByOthers(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	s := initialised(t, address, db.Options{})
	for _, write := range []func(context.Context, func(*db.Tx) error) error{s.Write, s.WriteMany} {
		err := write(t.Context(), func(tx *db.Tx) error {
			return tx.Exec(t.Context(), "select pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")
		})
		dbtest.WantCode(t, err, tokenctl.CodeDatabaseError)
		if !strings.Contains(err.Error(), "cancelled") {
			t.Error(err)
		}
	}
}

// A commit that does not wait for its standby any longer has happened, and the user
// is told what that means. One that waits is unknown to whoever gives up.
func TestUnreplicated(t *testing.T) {
	t.Parallel()
	// The standby is asked for from the start: a reload reaches the server's processes late.
	server := dbtest.OwnPostgres(t, "synchronous_standby_names = 'nobody'")
	initialised(t, server.URL, db.Options{})
	dbtest.Exec(t, server.URL, "alter database postgres set synchronous_commit = on")
	const insert = "insert into auth_group (name) values ($1)"
	var warnings []string
	s := open(t, server.URL, db.Options{Timeout: time.Second, Warn: func(text string) { warnings = append(warnings, text) }})
	dbtest.WantCode(t, s.Write(t.Context(), func(tx *db.Tx) error { return tx.Exec(t.Context(), insert, "a") }), "")
	if len(warnings) != 1 || !strings.Contains(warnings[0], "standby") {
		t.Error(warnings)
	}
	s = open(t, server.URL, db.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		dbtest.Await(t, server.URL, "wait_event = 'SyncRep'", 1)
		cancel(&tokenctl.Error{Code: tokenctl.CodeTimeout, Message: "--max-time was reached"})
	}()
	err := ends(t, func() error {
		return s.Write(ctx, func(tx *db.Tx) error { return tx.Exec(ctx, insert, "b") })
	})
	dbtest.WantCode(t, err, tokenctl.CodeOutcomeUnknown)
	if !strings.HasPrefix(err.Error(), "--max-time was reached while ") {
		t.Error(err)
	}
}
