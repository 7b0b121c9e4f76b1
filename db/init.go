package db

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"tokenctl"
	"tokenctl/db/schema"
	"tokenctl/django"
)

// CreateFile makes the empty file of a SQLite database, for its owner alone.
// A file that is there already is left as it is: created is false.
func CreateFile(t Target) (created bool, err error) {
	f, err := os.OpenFile(t.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "cannot create " + t.Path + ": " + reason(err), Err: err}
	}
	return true, f.Close()
}

// reason is the operating system's word for what went wrong with a file.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Init creates Django's tables in an empty database, in one transaction, and
// records the migrations that make them, so that a Django project can take the
// database over. A database with tables is a CodeDatabaseNotEmpty error.
func (s *Store) Init(ctx context.Context) error {
	defer s.layout.Store(nil)
	return s.transact(ctx, mode{bare: true, unlimited: true}, func(tx *Tx) error {
		if s.Engine == PostgreSQL {
			if err := tx.enterSchema(ctx); err != nil {
				return err
			}
		}
		empty, err := tx.isEmpty(ctx)
		if err != nil {
			return err
		}
		if !empty {
			return &tokenctl.Error{Code: tokenctl.CodeDatabaseNotEmpty, Message: "the database has tables already",
				Hint: "init is for an empty database; tokenctl doctor shows what is in this one"}
		}
		for _, statement := range schema.Statements(string(s.Engine)) {
			if err := tx.exec(ctx, statement); err != nil {
				return err
			}
		}
		var applied any = tx.Now
		if s.Engine == SQLite {
			applied = django.FormatSQLiteTime(tx.Now)
		}
		for _, m := range schema.Migrations() {
			if err := tx.exec(ctx, "insert into django_migrations (app, name, applied) values ($1, $2, $3)", m.App, m.Name, applied); err != nil {
				return err
			}
		}
		return nil
	})
}

// enterSchema makes --schema the place for new tables.
func (tx *Tx) enterSchema(ctx context.Context) error {
	name := tx.store.opts.Schema
	if name != "" {
		if err := tx.exec(ctx, "select set_config('search_path', $1, true)", quote(name)); err != nil {
			return err
		}
	}
	var current *string
	if err := tx.conn.QueryRowContext(ctx, "select current_schema()").Scan(&current); err != nil {
		return tx.explain(ctx, err)
	}
	if current == nil && name == "" {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the database has no schema of the role's search_path", Hint: "name one with --schema"}
	}
	if current == nil {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the database has no schema " + name + " for the tables",
			Hint: "create it with psql: create schema " + quote(name)}
	}
	return nil
}

func (tx *Tx) isEmpty(ctx context.Context) (bool, error) {
	query := "select count(*) from sqlite_schema"
	if tx.store.Engine == PostgreSQL {
		query = `select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f')`
	}
	var n int
	err := tx.conn.QueryRowContext(ctx, query).Scan(&n)
	return n == 0, tx.explain(ctx, err)
}

// Now is the store's clock, in UTC and whole microseconds.
func (s *Store) Now() time.Time { return s.opts.Now().UTC().Truncate(time.Microsecond) }

// Untouched reports whether the database is as Init left it, as far as Django's
// migrations tell: Init records all of them at one moment, Django each at its own.
func (tx *Tx) Untouched(ctx context.Context) (bool, error) {
	t := tx.Layout.Migrations()
	if t == nil {
		return false, nil
	}
	var rows, moments int
	err := tx.conn.QueryRowContext(ctx, "select count(*), count(distinct applied) from "+t.SQL()).Scan(&rows, &moments)
	return rows > 1 && moments == 1, tx.explain(ctx, err)
}
