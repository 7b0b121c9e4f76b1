package engine

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// array is a parameter that holds a list, in PostgreSQL's binary format: both sides
// are several times faster with it than with text, in which every element is looked
// through for what must be quoted.
type array []byte

// arrayOIDs are the types of elements that arrayOf knows.
var arrayOIDs = map[string]uint32{"text": pgtype.TextOID, "varchar": pgtype.VarcharOID, "int8": pgtype.Int8OID, "int4": pgtype.Int4OID, "uuid": pgtype.UUIDOID}

// ArrayOf is the parameter for an array of a type. Of types that it does not know
// it is what the driver makes of texts.
func ArrayOf(typ string, values []any) any {
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

// typedList is a list of integers or texts as PostgreSQL's driver takes it for
// an array.
func typedList(values []any) any {
	if len(values) > 0 {
		if _, ok := values[0].(int64); ok {
			return listOf[int64](values)
		}
	}
	return listOf[string](values)
}

func listOf[T any](values []any) []T {
	list := make([]T, len(values))
	for i, v := range values {
		list[i] = v.(T)
	}
	return list
}

// Anys are a list's elements as parameters.
func Anys[T any](list []T) []any {
	values := make([]any, len(list))
	for i, v := range list {
		values[i] = v
	}
	return values
}
