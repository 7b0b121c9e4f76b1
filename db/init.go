package db

import (
	"context"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/db/schema"
	"tokenctl/django"
)

// Init creates Django's tables in an empty database, in one transaction. It records the migrations that
// make these tables, so that a Django project can continue with the database. If the database has tables,
// the error has the code [tokenctl.CodeDatabaseNotEmpty].
func (s *Store) Init(ctx context.Context) error {
	defer s.layout.Store(nil)
	return s.Transact(ctx, engine.Mode{Unlimited: true}, func(t *engine.Tx) error {
		tx := s.newTx(t)
		if s.Engine == engine.PostgreSQL {
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
			if err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		var applied any = tx.Now
		if s.Engine == engine.SQLite {
			applied = django.FormatSQLiteTime(tx.Now)
		}
		for _, m := range schema.Migrations() {
			if err := tx.Exec(ctx, "insert into django_migrations (app, name, applied) values ($1, $2, $3)", m.App, m.Name, applied); err != nil {
				return err
			}
		}
		return nil
	})
}

// enterSchema makes --schema the schema of new tables.
func (tx *Tx) enterSchema(ctx context.Context) error {
	name := tx.opts.Schema
	if name != "" {
		if err := tx.Exec(ctx, "select set_config('search_path', $1, true)", engine.Quote(name)); err != nil {
			return err
		}
	}
	var current *string
	if err := tx.Scan(ctx, &engine.Query{Text: "select current_schema()"}, &current); err != nil {
		return err
	}
	if current == nil && name == "" {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the database has no schema of the role's search_path", Hint: "name one with --schema"}
	}
	if current == nil {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the database has no schema " + name + " for the tables",
			Hint: "create it with psql: create schema " + engine.Quote(name)}
	}
	return nil
}

func (tx *Tx) isEmpty(ctx context.Context) (bool, error) {
	q := &engine.Query{Text: "select count(*) from sqlite_schema"}
	if tx.Engine == engine.PostgreSQL {
		q.Text = `select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f')`
	}
	var n int
	err := tx.Scan(ctx, q, &n)
	return n == 0, err
}

// Untouched reports whether the recorded migrations are those of [Store.Init], which records all of them
// with one time. Django records each migration with its own time.
func (tx *Tx) Untouched(ctx context.Context) (bool, error) {
	t := tx.Layout.Migrations()
	if t == nil {
		return false, nil
	}
	var rows, moments int
	err := tx.Scan(ctx, &engine.Query{Columns: []string{"count(*)", "count(distinct applied)"}, From: t.SQL()}, &rows, &moments)
	return rows > 1 && moments == 1, err
}
