package db_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

func write(ctx context.Context, s *db.Store, statements ...string) error {
	return s.Write(ctx, func(tx *db.Tx) error {
		for _, statement := range statements {
			if err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestConnectErrors(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "password 'right' in role needs_password")
	address := dbtest.Postgres(t)
	server := dbtest.PostgresServer(t)
	for _, test := range []struct {
		name, url string
		want      tokenctl.Code
		text      string
	}{
		{"no such host", "postgres://ann@no-such-host.invalid/app", tokenctl.CodeDatabaseUnreachable, "no-such-host.invalid"},
		{"nobody listens", "postgres://ann@127.0.0.1:1/app", tokenctl.CodeDatabaseUnreachable, "refused"},
		{"no socket", "postgres://ann@/app?host=/nowhere", tokenctl.CodeDatabaseUnreachable, "/nowhere"},
		{"no answer", "postgres://ann@" + dbtest.Silent(t) + "/app", tokenctl.CodeDatabaseUnreachable, "no answer in time"},
		{"wrong password", dbtest.As(address, role, "CANARY"), tokenctl.CodeDatabaseRefused, role},
		{"no password", strings.Replace(dbtest.As(address, role, ""), ":@", "@", 1), tokenctl.CodeDatabaseRefused, ""},
		{"no such role", dbtest.As(address, "nobody_here", "CANARY"), tokenctl.CodeDatabaseRefused, "nobody_here"},
		{"no such database", server.Database("no_such_database"), tokenctl.CodeDatabaseRefused, "no_such_database"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var limit time.Duration // enough for an answer
			if test.name == "no answer" {
				limit = time.Second
			}
			_, err := open(t, test.url, db.Options{Timeout: limit}).Layout(t.Context())
			dbtest.WantCode(t, err, test.want)
			if !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "CANARY") {
				t.Error(err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("ctrl-c")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
		if _, err := open(t, "postgres://ann@"+dbtest.Silent(t)+"/app", db.Options{}).Layout(ctx); err != cause {
			t.Errorf("%v, want the cause", err)
		}
	})
}

func TestPrivileges(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "")
	address := dbtest.Postgres(t)
	token := withToken(t, initialised(t, address, db.Options{}), "CANARY", 1)
	s := open(t, dbtest.As(address, role, ""), db.Options{})
	list := func() (err error) {
		for _, err = range s.Tokens(t.Context(), db.Filter{}) {
		}
		return err
	}
	check := func(err error, table string) {
		t.Helper()
		dbtest.WantCode(t, err, tokenctl.CodePermissionDenied)
		if text := err.Error(); !strings.Contains(text, table) || strings.Contains(text, "CANARY") {
			t.Error(text)
		}
	}
	check(list(), "permission denied for table")
	dbtest.Exec(t, address, "grant select on all tables in schema public to "+role)
	if err := list(); err != nil {
		t.Error(err)
	}
	check(s.Write(t.Context(), func(tx *db.Tx) error { _, err := replaceToken(t.Context(), tx, token, key(2)); return err }), "authtoken_token")
	check(s.Write(t.Context(), func(tx *db.Tx) error { return deleteToken(t.Context(), tx, token) }), "authtoken_token")
	dbtest.Exec(t, address, "create schema shown; grant usage on schema shown to "+role)
	check(open(t, dbtest.As(address, role, ""), db.Options{Schema: "shown"}).Init(t.Context()), "shown")
}

// killOn makes the server end the connection that inserts a token, when it does
// so or when it commits.
const killOn = `create function die() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return null; end';
	create constraint trigger die after insert on authtoken_token deferrable initially deferred for each row execute function die()`

func TestLostConnection(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"direct", "pooled"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			address := dbtest.Postgres(t)
			u := newUser(t, initialised(t, address, db.Options{}), "ann")
			dbtest.Exec(t, address, killOn)
			s := open(t, address, db.Options{})
			if way == "pooled" {
				s = open(t, dbtest.PgBouncer(t, address), db.Options{})
			}
			err := s.Write(t.Context(), func(tx *db.Tx) error {
				if _, err := inserted(t.Context(), tx, u, key(1)); err != nil {
					return err
				}
				return tx.CheckConstraints(t.Context()) // this is where it fires
			})
			dbtest.WantCode(t, err, tokenctl.CodeDatabaseUnreachable)
			_, err = insertToken(t.Context(), s, u, key(1))
			dbtest.WantCode(t, err, tokenctl.CodeOutcomeUnknown)
			if got := dbtest.Exec(t, address, "select count(*) from authtoken_token"); got != "0" {
				t.Errorf("%s tokens", got)
			}
			// The next transaction gets a new connection.
			if tokens := collect(t, s.Tokens(t.Context(), db.Filter{})); len(tokens) != 0 {
				t.Error(tokens)
			}
		})
	}
}

// A commit that the server ends by itself has not happened. One that an interrupt
// meets is awaited a little longer, and then its outcome is unknown.
func TestSlowCommit(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	u := newUser(t, initialised(t, address, db.Options{}), "ann")
	dbtest.Exec(t, address, strings.ReplaceAll(killOn, "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1)", "perform pg_sleep(3)"))
	_, err := insertToken(t.Context(), open(t, address, db.Options{Timeout: time.Second}), u, key(1))
	dbtest.WantCode(t, err, tokenctl.CodeTimeout)

	var phases []engine.Phase
	var interrupt context.CancelCauseFunc
	s := open(t, address, db.Options{Phase: func(p engine.Phase) {
		if phases = append(phases, p); p == engine.Committing {
			interrupt(errors.New("ctrl-c"))
		}
	}})
	insert := func(n int) error {
		ctx, cancel := context.WithCancelCause(t.Context())
		interrupt, phases = cancel, nil
		return s.Write(ctx, func(tx *db.Tx) error {
			_, err := inserted(ctx, tx, u, key(n))
			return err
		})
	}
	err = insert(2)
	dbtest.WantCode(t, err, tokenctl.CodeOutcomeUnknown)
	if !strings.HasPrefix(err.Error(), "ctrl-c while ") || !slices.Equal(phases, []engine.Phase{engine.Begun, engine.Committing}) {
		t.Errorf("%v, phases %v", err, phases)
	}
	dbtest.Exec(t, address, "drop trigger die on authtoken_token; delete from authtoken_token")
	dbtest.WantCode(t, insert(3), "")
	if got := dbtest.Exec(t, address, "select key from authtoken_token"); got != key(3).Reveal() || !slices.Equal(phases, []engine.Phase{engine.Begun, engine.Committing, engine.Committed}) {
		t.Errorf("tokens: %q, phases %v", got, phases)
	}
}

func TestLimits(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	address := dbtest.Postgres(t)
	token := withToken(t, initialised(t, address, db.Options{}), "ann", 1)
	remove := func(tx *db.Tx) error { return deleteToken(t.Context(), tx, token) }
	s := open(t, address, db.Options{Timeout: time.Second})
	dbtest.WantCode(t, ends(t, func() error { return write(t.Context(), s, "select pg_sleep(36000)") }), tokenctl.CodeTimeout)

	patient := open(t, address, db.Options{})
	endless := open(t, address, db.Options{Timeout: 10 * time.Hour})
	err := patient.Write(t.Context(), func(tx *db.Tx) error {
		if err := tx.Exec(t.Context(), "select 1 from authtoken_token for update"); err != nil {
			return err
		}
		dbtest.WantCode(t, ends(t, func() error { return s.Write(t.Context(), remove) }), tokenctl.CodeDatabaseLocked)
		if err := tx.Exec(t.Context(), "lock table auth_user"); err != nil {
			return err
		}
		var last error
		for _, last = range s.ListUsers(t.Context(), db.Filter{}) {
		}
		dbtest.WantCode(t, last, tokenctl.CodeDatabaseLocked)
		return nil
	})
	dbtest.WantCode(t, err, "")

	cause := &tokenctl.Error{Code: tokenctl.CodeTimeout, Message: "--max-time has passed"}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, cause)
	defer cancel()
	if err := ends(t, func() error { return write(ctx, endless, "select pg_sleep(36000)") }); err != cause {
		t.Errorf("%v, want %v", err, cause)
	}
	if got := dbtest.Exec(t, address, "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"); got != "0" {
		t.Errorf("%s statements go on", got)
	}
}

func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	s := initialised(t, address, db.Options{})
	dbtest.WantCode(t, write(t.Context(), s, "set transaction read only", "delete from authtoken_token"), tokenctl.CodeDatabaseReadOnly)
	err := s.Read(t.Context(), func(tx *db.Tx) error { return tx.Exec(t.Context(), "delete from authtoken_token") })
	dbtest.WantCode(t, err, tokenctl.CodeDatabaseReadOnly)
}
