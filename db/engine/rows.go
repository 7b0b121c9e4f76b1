package engine

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// ErrStop ends a stream whose consumer needs no more rows.
var ErrStop = errors.New("stop")

// Each calls f for every row of q. f must not run a statement: the connection is busy, and the statement
// would deadlock, so it panics. With [InTurns] several lists may wait for the connection.
func (tx *Tx) Each(ctx context.Context, q *Query, f func(Row) error) (err error) {
	read := eachPostgres
	if tx.Engine == SQLite {
		read = eachSQLite
	}
	conn := tx.conn
	if ctx.Value(inTurns{}) == nil {
		tx.conn = nil
	}
	defer func() {
		if tx.conn == nil {
			tx.conn = conn
		}
		err = tx.explain(ctx, err)
	}()
	return read(ctx, conn, tx.db.opts.Zone, q, f)
}

// Collect returns the rows of a query, read by scan.
func Collect[T any](ctx context.Context, tx *Tx, q *Query, scan func(*Row) T) ([]T, error) {
	list := slices.Grow([]T(nil), q.Most)
	err := tx.Each(ctx, q, func(r Row) error {
		list = append(list, scan(&r))
		return r.Err
	})
	return list, err
}

// texts returns the only column of a query's rows.
func (tx *Tx) texts(ctx context.Context, q *Query) ([]string, error) {
	return Collect(ctx, tx, q, (*Row).Text)
}

// Scan reads the only row of a query: see [Row.Scan]. Without a row the error is [sql.ErrNoRows].
func (tx *Tx) Scan(ctx context.Context, q *Query, dest ...any) error {
	found := false
	err := tx.Each(ctx, q, func(r Row) error {
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}
