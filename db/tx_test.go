package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

func TestRollback(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		u := newUser(t, s, "ann")
		wrong := errors.New("wrong")
		insert := func(after func()) func(*db.Tx) error {
			return func(tx *db.Tx) error {
				if _, err := inserted(t.Context(), tx, u, key(1)); err != nil {
					return err
				}
				after()
				return wrong
			}
		}
		if err := s.Write(t.Context(), insert(func() {})); err != wrong {
			t.Errorf("%v, want f's error", err)
		}
		func() {
			defer func() {
				if v := recover(); v != "oops" {
					t.Errorf("recovered %v", v)
				}
			}()
			_ = s.Write(t.Context(), insert(func() { panic("oops") }))
		}()
		cause := errors.New("ctrl-c")
		ctx, cancel := context.WithCancelCause(t.Context())
		err := s.Write(ctx, func(tx *db.Tx) error {
			_, err := inserted(ctx, tx, u, key(1))
			cancel(cause)
			return err
		})
		if err != cause {
			t.Errorf("%v, want the cause of the cancel", err)
		}
		if got := dbtest.Query(address, "select count(*) from authtoken_token"); got != "0\n" {
			t.Errorf("%s tokens", got)
		}
		if _, err := insertToken(t.Context(), s, u, key(1)); err != nil {
			t.Error(err)
		}
	})
}

// race runs f n times at once and counts what came of it.
func race(n int, f func(i int) error) map[tokenctl.Code]int {
	outcomes := map[tokenctl.Code]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			var code tokenctl.Code
			if err := f(i); err != nil {
				code = tokenctl.CodeOf(err)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[code]++
		})
	}
	group.Wait()
	return outcomes
}

func TestRaces(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const n = 50
		u := newUser(t, s, "ann")
		var won tokenctl.Secret
		var mu sync.Mutex
		note := func(k tokenctl.Secret, err error) error {
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				won = k
			}
			return err
		}
		check := func(name string, got map[tokenctl.Code]int, others tokenctl.Code) {
			t.Helper()
			if got[""] != 1 || got[others] != n-1 {
				t.Errorf("%s: %v", name, got)
			}
			if live := dbtest.Query(address, "select key from authtoken_token"); live != won.Reveal()+"\n" {
				t.Errorf("%s: the live keys are %q, the winner has %q", name, live, won.Reveal())
			}
		}
		check("insert", race(n, func(i int) error {
			_, err := insertToken(t.Context(), s, u, key(100+i))
			return note(key(100+i), err)
		}), tokenctl.CodeTokenExists)
		old := collect(t, s.Tokens(t.Context(), db.Filter{}))[0]
		check("replace", race(n, func(i int) error {
			return note(key(200+i), s.Write(t.Context(), func(tx *db.Tx) error {
				_, err := replaceToken(t.Context(), tx, old, key(200+i))
				return err
			}))
		}), isChanged)
		old.Key = won
		won = tokenctl.NewSecret("")
		got := race(n, func(int) error {
			return s.Write(t.Context(), func(tx *db.Tx) error { return deleteToken(t.Context(), tx, old) })
		})
		if got[""] != 1 || got[isGone] != n-1 {
			t.Errorf("delete: %v", got)
		}
	})
}

// A transaction has one time, as Django would write it.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	for at, text := range map[time.Time]string{
		time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("", -6*3600)): "2026-01-02 09:04:05.123456",
		time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC):                          "2026-01-02 03:04:05",
		time.Date(2026, 1, 2, 3, 4, 5, 120000000, time.UTC):                    "2026-01-02 03:04:05.120000",
	} {
		t.Run(text, func(t *testing.T) {
			dbtest.Engines(t, func(t *testing.T, engine, address string) {
				t.Parallel()
				s := initialised(t, address, db.Options{Now: func() time.Time { return at }})
				token := withToken(t, s, "ann", 1)
				want := at.UTC().Truncate(time.Microsecond)
				list := collect(t, s.Tokens(t.Context(), db.Filter{}))
				if !token.Created.Equal(want) || !list[0].Created.Equal(want) || !collect(t, s.ListUsers(t.Context(), db.Filter{}))[0].DateJoined.Equal(want) || token.Created.Location() != time.UTC {
					t.Errorf("created %v, listed %v, want %v", token.Created, list[0], want)
				}
				query := "select cast(created as text), cast(date_joined as text), (select cast(min(applied) as text) from django_migrations) from authtoken_token, auth_user"
				stored := strings.Repeat("|"+text, 3)[1:] + "\n"
				if engine == "postgres" {
					// PostgreSQL keeps no zeros.
					text := strings.TrimSuffix(text, "0000")
					stored = strings.Repeat("|"+text+"+00", 3)[1:] + "\n"
				}
				if got := dbtest.Query(address, query); got != stored {
					t.Errorf("stored %q, want %q", got, stored)
				}
				// The bounds are strict, and to the microsecond.
				for _, d := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
					before := len(collect(t, s.Tokens(t.Context(), db.Filter{CreatedBefore: new(want.Add(d))})))
					after := len(collect(t, s.Tokens(t.Context(), db.Filter{CreatedAfter: new(want.Add(d))})))
					if (before == 1) != (d > 0) || (after == 1) != (d < 0) {
						t.Errorf("%v: %d before, %d after", d, before, after)
					}
				}
			})
		})
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		withToken(t, s, "ann", 1)
		dbtest.WantCode(t, s.Init(t.Context()), tokenctl.CodeDatabaseNotEmpty)
		if got := names(collect(t, s.Tokens(t.Context(), db.Filter{}))); got != "ann" {
			t.Errorf("tokens of %q", got)
		}
	})
	t.Run("view", func(t *testing.T) {
		t.Parallel()
		address := dbtest.Postgres(t)
		dbtest.Exec(t, address, "create view v as select 1")
		dbtest.WantCode(t, open(t, address, db.Options{}).Init(t.Context()), tokenctl.CodeDatabaseNotEmpty)
	})
	t.Run("schema", func(t *testing.T) {
		t.Parallel()
		address := dbtest.Postgres(t)
		s := open(t, address, db.Options{Schema: `Odd "One", public`})
		dbtest.WantCode(t, s.Init(t.Context()), tokenctl.CodeNotFound)
		dbtest.Exec(t, address, `create schema "Odd ""One"", public"; create table public.other (n int)`)
		dbtest.WantCode(t, s.Init(t.Context()), "")
		dbtest.WantCode(t, s.Init(t.Context()), tokenctl.CodeDatabaseNotEmpty)
		withToken(t, s, "ann", 1)
		if got := dbtest.Exec(t, address, "select count(*) from pg_tables where schemaname = 'public'"); got != "1" {
			t.Errorf("%s tables in public", got)
		}
		_, err := open(t, dbtest.With(address, "search_path", "nowhere"), db.Options{}).Layout(t.Context())
		dbtest.WantCode(t, err, tokenctl.CodeTableMissing)
		dbtest.WantCode(t, open(t, dbtest.With(address, "search_path", "nowhere"), db.Options{}).Init(t.Context()), tokenctl.CodeNotFound)
	})
}

// uninitialised runs f on each engine with a database without tables, and the query that
// counts them.
func uninitialised(t *testing.T, f func(t *testing.T, name, address, tables string, s *db.Store)) {
	dbtest.Engines(t, func(t *testing.T, name, address string) {
		t.Parallel()
		tables := "select count(*) from pg_tables where schemaname = 'public'"
		if name == "sqlite" {
			tables = "select count(*) from sqlite_schema"
			if _, err := engine.CreateFile(parse(t, address)); err != nil {
				t.Fatal(err)
			}
		}
		f(t, name, address, tables, open(t, address, db.Options{}))
	})
}

// An init that is interrupted, wherever, leaves nothing.
func TestInitInterrupted(t *testing.T) {
	t.Parallel()
	uninitialised(t, func(t *testing.T, _, address, tables string, s *db.Store) {
		for ms := range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(ms)*time.Millisecond)
			err := s.Init(ctx)
			cancel()
			made := dbtest.Query(address, tables) != "0\n"
			if made != (err == nil) && tokenctl.CodeOf(err) != tokenctl.CodeOutcomeUnknown {
				t.Fatalf("after %d ms: %v, and tables: %v", ms, err, made)
			}
			if made {
				return
			}
		}
	})
}

// An init that fails, or that others do at the same time, leaves nothing of its own.
func TestInitFails(t *testing.T) {
	t.Parallel()
	uninitialised(t, func(t *testing.T, name, address, tables string, s *db.Store) {
		if name == "postgres" {
			dbtest.Exec(t, address, `create function no() returns event_trigger language plpgsql as $$ begin
				if to_regclass('django_session') is not null then raise exception 'no'; end if; end $$;
				create event trigger no on ddl_command_end execute function no()`)
			dbtest.WantCode(t, s.Init(t.Context()), tokenctl.CodeDatabaseError)
			if got := dbtest.Query(address, tables); got != "0\n" {
				t.Errorf("%s tables", got)
			}
			dbtest.Exec(t, address, "drop event trigger no")
		}
		got := race(4, func(int) error { return s.Init(t.Context()) })
		if got[""] != 1 {
			t.Errorf("four at once: %v", got)
		}
	})
}

// The list of a user's holdings works on a key of any type.
func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, _ string) {
		withToken(t, s, "ann", 1)
		for _, id := range []string{"", "x", "1x", "-1", "99999999999", "999999999999999999999", "1\x00", "é", "00000000-0000-0000-0000-000000000001"} {
			err := s.Read(t.Context(), func(tx *db.Tx) error {
				if found, err := tx.TokensOf(t.Context(), []string{id}); found != nil || err != nil {
					return fmt.Errorf("%v, %w", found, err)
				}
				if _, err := tx.UserByID(t.Context(), id); tokenctl.CodeOf(err) != tokenctl.CodeUserNotFound {
					return err
				}
				return nil
			})
			if err != nil {
				t.Errorf("%q: %v", id, err)
			}
			if n := len(collect(t, s.Tokens(t.Context(), db.Filter{UserIDs: []string{id}}))); n != 0 {
				t.Errorf("%q: %d tokens", id, n)
			}
		}
		for _, text := range []string{"", "x", key(1).Reveal() + " ", strings.ToUpper(key(0xabc).Reveal()), "\x00", "\xff", "日"} {
			err := s.Read(t.Context(), func(tx *db.Tx) error {
				if found, err := tx.TokensWithKeys(t.Context(), []tokenctl.Secret{tokenctl.NewSecret(text)}); err != nil || found[0] != nil {
					return fmt.Errorf("%v, %w", found[0], err)
				}
				return nil
			})
			if err != nil {
				t.Errorf("key %q: %v", text, err)
			}
		}
	})
}
