package db

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"tokenctl"
	"tokenctl/db/engine"
)

// The database can keep a row that a statement should have changed: a trigger, a rule or row security prevents the
// change. That is an error.

// kept returns the error for rows that a statement should have changed and did not.
func kept(t *Table, n int64) error {
	rows := "a row"
	if n > 1 {
		rows = strconv.FormatInt(n, 10) + " rows"
	}
	return &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "the database did not change " + rows + " of " + t.String(),
		Hint: "a trigger, a rule or row security of the table prevents it: tokenctl doctor names them"}
}

// noneKept returns an error if q finds rows: the database kept them.
func (tx *Tx) noneKept(ctx context.Context, t *Table, q *engine.Query) error {
	q.Columns = []string{"count(*)"}
	var n int64
	err := tx.Scan(ctx, q, &n)
	if err == nil && n > 0 {
		err = kept(t, n)
	}
	return err
}

// noKeyKept returns an error if q finds rows with one of the keys: the database kept them.
func (tx *Tx) noKeyKept(ctx context.Context, t *Table, q *engine.Query, key string, keys columnValues) error {
	q.Among(tx.Layout.Engine, key, keys.column.Type, keys.each)
	return tx.noneKept(ctx, t, q)
}

// replaced translates err if it comes from a PostgreSQL rule that rewrites the statement. A rewritten
// statement cannot return the changed rows.
func replaced(t *Table, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "0A000" {
		return &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "a rule of the database replaces the change of " + t.String(), Err: pg,
			Hint: "tokenctl doctor names the rule; act without it, or let the application make the change"}
	}
	return err
}
