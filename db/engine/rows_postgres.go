package engine

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl/django"
)

// rowBuffer holds the concatenated values of rows from PostgreSQL. It becomes one text, so many rows
// take one allocation, and texts that are read from a row are parts of it.
type rowBuffer struct {
	data    []byte
	lengths []int32
}

// rowBufferSize is the size in bytes from which the rows of a buffer are read.
const rowBufferSize = 32 << 10

func (b *rowBuffer) add(values [][]byte) {
	for _, v := range values {
		n := int32(-1)
		if v != nil {
			n = int32(len(v))
		}
		b.data, b.lengths = append(b.data, v...), append(b.lengths, n)
	}
}

// rows calls f for every row and empties the buffer.
func (b *rowBuffer) rows(r Row, f func(Row) error) error {
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

// eachPostgres reads the result in the binary format. The server would have to format text, and
// tokenctl to parse it.
func eachPostgres(ctx context.Context, on *sql.Conn, zone django.Zone, q *Query, f func(Row) error) error {
	// Closing reads a result to its end. Cancelling ends the result early.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return execPostgres(ctx, on, q.SQL(), q.Args, func(types *pgtype.Map, result *pgconn.ResultReader) error {
		r := Row{zone: zone}
		b := new(rowBuffer)
		for result.NextRow() {
			if r.columns == nil {
				for _, field := range result.FieldDescriptions() {
					r.columns = append(r.columns, column{field.DataTypeOID, types})
				}
			}
			if b.add(result.Values()); len(b.data) < rowBufferSize {
				continue
			}
			if err := b.rows(r, f); err != nil {
				cancel(ErrStop)
				result.Close() //nolint:errcheck // err is the cause
				return err
			}
		}
		if _, err := result.Close(); err != nil {
			return err
		}
		return b.rows(r, f)
	})
}

// execPostgres sends a statement and calls f with the result. It works like QueryExecModeExec, except
// that arrays and the result are in the binary format.
func execPostgres(ctx context.Context, on *sql.Conn, text string, args []any, f func(*pgtype.Map, *pgconn.ResultReader) error) error {
	return on.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		ctx, done := stateOf(conn.PgConn()).begin(ctx, text)
		defer done()
		plain := make([]any, len(args))
		for i, arg := range args {
			if _, is := arg.(array); !is {
				plain[i] = arg
			}
		}
		var params pgx.ExtendedQueryBuilder
		if err := params.Build(conn.TypeMap(), nil, plain); err != nil {
			return err
		}
		for i, arg := range args {
			if a, is := arg.(array); is {
				params.ParamValues[i], params.ParamFormats[i] = a, pgx.BinaryFormatCode
			}
		}
		return f(conn.TypeMap(), conn.PgConn().ExecParams(ctx, text, params.ParamValues, nil, params.ParamFormats, []int16{pgx.BinaryFormatCode}))
	})
}
