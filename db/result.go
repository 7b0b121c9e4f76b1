package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl/django"
)

// errStop ends a stream whose consumer has had enough.
var errStop = errors.New("stop")

// each calls f for every row of q. f runs no statement of its own: the
// connection is busy, and waiting for it would have no end. It panics instead,
// but where others wait for the connection too, and rightly.
func (tx *Tx) each(ctx context.Context, q *query, f func(row) error) error {
	read := eachPostgres
	if tx.store.Engine == SQLite {
		read = eachSQLite
	}
	conn := tx.conn
	if ctx.Value(inTurns{}) == nil {
		tx.conn = nil
		defer func() { tx.conn = conn }()
	}
	return tx.explain(ctx, read(ctx, conn, tx.store.opts.Zone, q, f))
}

// bundle is rows as they came from PostgreSQL: their values behind each other.
// One text for many rows is one allocation, and what is read from a row is a
// part of it.
type bundle struct {
	data    []byte
	lengths []int32
}

// bundleSize is how much a bundle gathers.
const bundleSize = 32 << 10

func (b *bundle) add(values [][]byte) {
	for _, v := range values {
		n := int32(-1)
		if v != nil {
			n = int32(len(v))
		}
		b.data, b.lengths = append(b.data, v...), append(b.lengths, n)
	}
}

// rows calls f for every row and empties the bundle.
func (b *bundle) rows(r row, f func(row) error) error {
	data, lengths, width := string(b.data), b.lengths, len(r.columns)
	b.data, b.lengths = b.data[:0], b.lengths[:0]
	for ; len(lengths) > 0; lengths = lengths[width:] {
		r.data, r.lengths = data, lengths[:width]
		if err := f(r); err != nil {
			return err
		}
		for _, n := range r.lengths {
			data = data[max(n, 0):]
		}
	}
	return nil
}

// eachPostgres reads the result as pgx has it. Text would have to be formatted
// by the server and parsed here.
func eachPostgres(ctx context.Context, on *sql.Conn, zone django.Zone, q *query, f func(row) error) error {
	// Closing reads to the end of a result, and only a cancelled one is short.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return on.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		ctx, done := stateOf(conn.PgConn()).begin(ctx, q.sql())
		defer done()
		types := conn.TypeMap()
		result, err := execPostgres(ctx, conn, q.sql(), q.args)
		if err != nil {
			return err
		}
		r := row{zone: zone}
		b := new(bundle)
		for result.NextRow() {
			if r.columns == nil {
				for _, field := range result.FieldDescriptions() {
					r.columns = append(r.columns, column{field.DataTypeOID, types})
				}
			}
			if b.add(result.Values()); len(b.data) < bundleSize {
				continue
			}
			if err := b.rows(r, f); err != nil {
				cancel(errStop)
				result.Close() //nolint:errcheck // err is why
				return err
			}
		}
		if _, err := result.Close(); err != nil {
			return err
		}
		return b.rows(r, f)
	})
}

// eachSQLite reads the driver's own rows: database/sql would copy every value
// into an interface once more.
func eachSQLite(ctx context.Context, on *sql.Conn, zone django.Zone, q *query, f func(row) error) error {
	args, err := namedValues(q.args)
	if err != nil {
		return err
	}
	return on.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, q.sql(), args)
		if err != nil {
			return err
		}
		defer rows.Close()
		r := row{zone: zone, values: make([]driver.Value, len(rows.Columns()))}
		for ctx.Err() == nil {
			switch err := rows.Next(r.values); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			}
			if err := f(r); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
}

// namedValues are arguments as a driver takes them.
func namedValues(args []any) ([]driver.NamedValue, error) {
	list := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return list, nil
}
