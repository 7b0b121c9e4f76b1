package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
)

// array is a parameter that holds a list, in PostgreSQL's binary format: both sides
// are several times faster with it than with text, in which every element is looked
// through for what must be quoted.
type array []byte

// arrayOIDs are the types of elements that arrayOf knows.
var arrayOIDs = map[string]uint32{"text": pgtype.TextOID, "varchar": pgtype.VarcharOID, "int8": pgtype.Int8OID, "int4": pgtype.Int4OID, "uuid": pgtype.UUIDOID}

// arrayOf is the parameter for an array of a type. Of types that it does not know
// it is what the driver makes of texts.
func arrayOf(typ string, values []any) any {
	oid, known := arrayOIDs[typ]
	if !known || len(values) == 0 {
		return typedList(values)
	}
	// array_send of arrayfuncs.c: dimensions, whether there are nulls, the type; the
	// length and the lower bound of the one dimension; each with its length before it.
	a := make(array, 0, 20+len(values)*40)
	for _, n := range []uint32{1, 0, oid, uint32(len(values)), 1} {
		a = binary.BigEndian.AppendUint32(a, n)
	}
	for _, v := range values {
		at := len(a)
		a = append(a, 0, 0, 0, 0)
		switch v := v.(type) {
		case string:
			if oid == pgtype.UUIDOID {
				var err error
				if a, err = hex.AppendDecode(a, []byte(strings.ReplaceAll(v, "-", ""))); err != nil {
					return typedList(values) // PostgreSQL will say so
				}
			} else {
				a = append(a, v...)
			}
		case int64:
			if oid == pgtype.Int4OID {
				a = binary.BigEndian.AppendUint32(a, uint32(v))
			} else {
				a = binary.BigEndian.AppendUint64(a, uint64(v))
			}
		}
		binary.BigEndian.PutUint32(a[at:], uint32(len(a)-at-4))
	}
	return a
}

// execPostgres sends a statement as QueryExecModeExec does, but for arrays and for
// the format of the result, which is binary.
func execPostgres(ctx context.Context, conn *pgx.Conn, text string, args []any) (*pgconn.ResultReader, error) {
	plain := make([]any, len(args))
	for i, arg := range args {
		if _, is := arg.(array); !is {
			plain[i] = arg
		}
	}
	var params pgx.ExtendedQueryBuilder
	if err := params.Build(conn.TypeMap(), nil, plain); err != nil {
		return nil, err
	}
	for i, arg := range args {
		if a, is := arg.(array); is {
			params.ParamValues[i], params.ParamFormats[i] = a, pgx.BinaryFormatCode
		}
	}
	return conn.PgConn().ExecParams(ctx, text, params.ParamValues, nil, params.ParamFormats, []int16{pgx.BinaryFormatCode}), nil
}

// countPostgres runs a statement and returns how many rows it touched.
func countPostgres(ctx context.Context, on *sql.Conn, text string, args []any) (n int64, err error) {
	return n, on.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		ctx, done := stateOf(conn.PgConn()).begin(ctx, text)
		defer done()
		result, err := execPostgres(ctx, conn, text, args)
		if err != nil {
			return err
		}
		tag, err := result.Close()
		n = tag.RowsAffected()
		return err
	})
}
