package db_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// left is what a client finds in a server connection: it must be the same
// before and after us. The first column tells whether a transaction is open.
const left = `
	select now() = statement_timestamp(), pg_backend_pid(),
		(select count(*) from pg_prepared_statements),
		(select count(*) from pg_cursors where name <> ''),
		(select count(*) from pg_class where relpersistence = 't'),
		(select count(*) from pg_locks where locktype = 'advisory'),
		(select count(*) from pg_listening_channels()),
		current_user, session_user,
		(select string_agg(name || '=' || setting, ' ' order by name) from pg_settings where name in (
			'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'search_path', 'TimeZone', 'DateStyle',
			'IntervalStyle', 'client_encoding', 'bytea_output', 'standard_conforming_strings', 'work_mem', 'synchronous_commit',
			'default_transaction_isolation', 'default_transaction_read_only', 'default_transaction_deferrable'))`

// guestWork is everything that a store can do, and everything that can go wrong
// midway. Each returns what it must.
var guestWork = []struct {
	name string
	want tokenctl.Code
	do   func(ctx context.Context, s *db.Store, u db.User) error
}{
	{"layout", "", func(ctx context.Context, s *db.Store, _ db.User) error { _, err := s.Layout(ctx); return err }},
	{"init", tokenctl.CodeDatabaseNotEmpty, func(ctx context.Context, s *db.Store, _ db.User) error { return s.Init(ctx) }},
	{"users", "", func(ctx context.Context, s *db.Store, u db.User) error {
		return s.Write(ctx, func(tx *db.Tx) error {
			n, err := createUser(ctx, tx, db.NewUser{Username: "temp", Password: "!", IsActive: true}, rand.Reader)
			if err != nil {
				return err
			}
			if err := tx.SetPassword(ctx, n, "!x"); err != nil {
				return err
			}
			if _, _, err := tx.SetActive(ctx, []db.User{n}, false); err != nil {
				return err
			}
			if _, err := named(ctx, tx, "temp", u.Username); err != nil {
				return err
			}
			for _, id := range []string{n.ID, u.ID} {
				if _, err := tx.UserByID(ctx, id); err != nil {
					return err
				}
			}
			if _, err := tx.PasswordUse(ctx); err != nil {
				return err
			}
			if _, err := tx.Dependants(ctx, []db.User{n}); err != nil {
				return err
			}
			return tx.DeleteUsers(ctx, []db.User{n})
		})
	}},
	{"tokens", "", func(ctx context.Context, s *db.Store, u db.User) error {
		return s.Write(ctx, func(tx *db.Tx) error {
			t, err := inserted(ctx, tx, u, key(7))
			if err != nil {
				return err
			}
			if t, err = replaceToken(ctx, tx, t, key(8)); err != nil {
				return err
			}
			if found, err := tx.TokensOf(ctx, []string{u.ID}); err != nil || len(found) != 1 {
				return errors.Join(err, errors.New("no token of the user"))
			}
			if found, err := tx.TokensWithKeys(ctx, []tokenctl.Secret{key(8)}); err != nil || found[0] == nil {
				return errors.Join(err, errors.New("no token with the key"))
			}
			if err := tx.CheckConstraints(ctx); err != nil {
				return err
			}
			return deleteToken(ctx, tx, t)
		})
	}},
	{"lists", "", func(ctx context.Context, s *db.Store, _ db.User) error {
		for range s.ListUsers(ctx, db.Filter{Sort: "username"}) {
		}
		for range s.Tokens(ctx, db.Filter{Sort: "created"}) {
		}
		for _, err := range s.ListUsers(ctx, db.Filter{}) {
			return err // before the end
		}
		return nil
	}},
	{"f fails", tokenctl.CodeFailed, func(ctx context.Context, s *db.Store, u db.User) error {
		return s.Write(ctx, func(tx *db.Tx) error {
			if _, err := inserted(ctx, tx, u, key(9)); err != nil {
				return err
			}
			return errors.New("no")
		})
	}},
	{"a statement fails", tokenctl.CodeDatabaseError, func(ctx context.Context, s *db.Store, _ db.User) error {
		return s.Write(ctx, func(tx *db.Tx) error { return tx.Exec(ctx, "select 1/0") })
	}},
	{"a failure is passed over", tokenctl.CodeDatabaseError, func(ctx context.Context, s *db.Store, _ db.User) error {
		return s.Write(ctx, func(tx *db.Tx) error { _ = tx.Exec(ctx, "select 1/0"); return nil })
	}},
	{"panic", tokenctl.CodeFailed, func(ctx context.Context, s *db.Store, u db.User) (err error) {
		defer func() {
			if recover() != nil {
				err = errors.New("panic")
			}
		}()
		return s.Write(ctx, func(tx *db.Tx) error { panic("no") })
	}},
	{"timeout", tokenctl.CodeTimeout, func(ctx context.Context, s *db.Store, _ db.User) error {
		return s.Write(ctx, func(tx *db.Tx) error {
			if err := tx.Exec(ctx, "set local statement_timeout = 50"); err != nil {
				return err
			}
			return tx.Exec(ctx, "select pg_sleep(9)")
		})
	}},
	{"cancelled in a statement", tokenctl.CodeFailed, func(ctx context.Context, s *db.Store, _ db.User) error {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		return s.Write(ctx, func(tx *db.Tx) error { return tx.Exec(ctx, "select pg_sleep(9)") })
	}},
	{"cancelled between statements", tokenctl.CodeFailed, func(ctx context.Context, s *db.Store, u db.User) error {
		ctx, cancel := context.WithCancel(ctx)
		return s.Write(ctx, func(tx *db.Tx) error {
			defer cancel()
			_, err := inserted(ctx, tx, u, key(9))
			return err
		})
	}},
	{"refused at commit", tokenctl.CodeReferenced, func(ctx context.Context, s *db.Store, _ db.User) error {
		_, err := insertToken(ctx, s, db.User{ID: "4711"}, key(9))
		return err
	}},
}

// Behind PgBouncer in transaction mode the next client gets our server
// connection as we leave it.
func TestGoodGuest(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	u := newUser(t, initialised(t, address, db.Options{}), "ann")
	manyUsers(t, address, 1000)
	pooled := dbtest.PgBouncer(t, address)
	before := dbtest.Exec(t, pooled, left)
	s := open(t, dbtest.With(pooled, "options", "-csearch_path=public -cwork_mem=5MB"), db.Options{})
	for _, work := range guestWork {
		err := work.do(t.Context(), s, u)
		if got := tokenctl.CodeOf(err); (err != nil) != (work.want != "") || err != nil && got != work.want {
			t.Errorf("%s: %v (%s), want %q", work.name, err, got, work.want)
		}
		if after := dbtest.Exec(t, pooled, left); after != before {
			t.Errorf("%s left\n%s\nwant\n%s", work.name, after, before)
		}
	}
	if got := dbtest.Exec(t, address, "select count(*) from authtoken_token where user_id = "+u.ID); got != "0" {
		t.Errorf("%s tokens are left", got)
	}
	if n := len(collect(t, s.Tokens(t.Context(), db.Filter{}))); n != 1000 {
		t.Errorf("%d tokens through the pool", n)
	}
}

func TestInitThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooled := dbtest.PgBouncer(t, dbtest.Postgres(t))
	before := dbtest.Exec(t, pooled, left)
	initialised(t, pooled, db.Options{})
	if after := dbtest.Exec(t, pooled, left); after != before {
		t.Errorf("init left\n%s\nwant\n%s", after, before)
	}
}

// The role's own settings are odd, or hostile to a text protocol.
func TestOddDefaults(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	s := initialised(t, address, db.Options{})
	token := withToken(t, s, "zoë", 1)
	var alter strings.Builder
	database := dbtest.Exec(t, address, "select current_database()")
	for _, setting := range []string{"datestyle to 'SQL, DMY'", "timezone to 'America/Chicago'", "intervalstyle to 'sql_standard'",
		"default_transaction_isolation to 'serializable'", "default_transaction_deferrable to on",
		"standard_conforming_strings to off", "statement_timeout to '1s'", "lock_timeout to '1ms'", "bytea_output to 'escape'",
		"client_encoding to 'LATIN1'", "extra_float_digits to 0", "search_path to nowhere, public", "xmlbinary to hex", "row_security to off",
		"backslash_quote to off", "array_nulls to off", "default_with_oids to off", "transform_null_equals to on", "client_min_messages to 'debug5'"} {
		fmt.Fprintf(&alter, "alter role postgres in database %s set %s;\n", database, setting)
	}
	dbtest.Exec(t, address, alter.String())
	odd := open(t, address, db.Options{})
	list := collect(t, odd.Tokens(t.Context(), db.Filter{Prefix: "zoë", CreatedAfter: new(token.Created.Add(-time.Second))}))
	if len(list) != 1 || list[0].User.Username != "zoë" || !list[0].Created.Equal(token.Created) {
		t.Fatalf("tokens: %+v, want %+v", list, token)
	}
	// The role would let no statement take a second, nor wait for a lock.
	outside, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	holder, err := outside.Begin()
	if err == nil {
		_, err = holder.Exec("set local statement_timeout = 0; lock table authtoken_token")
	}
	if err != nil {
		t.Fatal(err)
	}
	slashed := newUser(t, odd, `back\slash 'quote'`)
	var second db.Token
	written := make(chan error)
	go func() {
		var err error
		second, err = insertToken(t.Context(), odd, slashed, key(2))
		written <- err
	}()
	dbtest.AwaitLock(t, address, 1)
	if _, err := holder.Exec("select pg_sleep(1.1)"); err != nil {
		t.Fatal(err)
	}
	if err := holder.Commit(); err != nil {
		t.Fatal(err)
	}
	dbtest.WantCode(t, <-written, "")
	list = collect(t, s.Tokens(t.Context(), db.Filter{UserIDs: []string{second.User.ID}}))
	if len(list) != 1 || list[0].User.Username != `back\slash 'quote'` || !list[0].Created.Equal(second.Created) {
		t.Errorf("tokens: %+v, want %+v", list, second)
	}
	err = odd.Write(t.Context(), func(tx *db.Tx) error {
		if _, err := named(t.Context(), tx, "zoë", `back\slash 'quote'`); err != nil {
			return err
		}
		return tx.DeleteUsers(t.Context(), []db.User{second.User})
	})
	dbtest.WantCode(t, err, "")
}

// A role that is read-only by default is guarded on purpose.
func TestReadOnlyByDefault(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	token := withToken(t, initialised(t, address, db.Options{}), "alice", 1)
	database := dbtest.Exec(t, address, "select current_database()")
	dbtest.Exec(t, address, fmt.Sprintf("alter role postgres in database %s set default_transaction_read_only to on", database))
	s := open(t, address, db.Options{})
	if n := len(collect(t, s.Tokens(t.Context(), db.Filter{}))); n != 1 {
		t.Errorf("%d tokens are listed", n)
	}
	err := s.Write(t.Context(), func(tx *db.Tx) error { return deleteToken(t.Context(), tx, token) })
	dbtest.WantCode(t, err, tokenctl.CodeDatabaseReadOnly)
}

func TestLatin1(t *testing.T) {
	t.Parallel()
	server := dbtest.PostgresServer(t)
	dbtest.Exec(t, server.URL, "create database tokenctl_latin1 encoding 'LATIN1' locale 'C' template template0")
	t.Cleanup(func() { dbtest.Exec(t, server.URL, "drop database tokenctl_latin1 with (force)") })
	s := initialised(t, server.Database("tokenctl_latin1"), db.Options{})
	withToken(t, s, "andré", 1)
	if got := dbtest.Exec(t, server.Database("tokenctl_latin1"), "select encode(username::bytea, 'escape') from auth_user"); got != `andr\351` {
		t.Errorf("stored %s", got)
	}
	if got := names(collect(t, s.Tokens(t.Context(), db.Filter{Prefix: "andré"}))); got != "andré" {
		t.Errorf("tokens of %q", got)
	}
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		_, err := createUser(t.Context(), tx, db.NewUser{Username: "日本"}, rand.Reader)
		return err
	})
	dbtest.WantCode(t, err, tokenctl.CodeInvalidValue)
}
