package engine

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"tokenctl"
)

// array is an array parameter in PostgreSQL's binary format. The text format is several times
// slower on both sides, because every element is searched for characters that need quotes.
type array []byte

// arrayOIDs are the element types that [ArrayOf] encodes.
var arrayOIDs = map[string]uint32{"text": pgtype.TextOID, "varchar": pgtype.VarcharOID, "int8": pgtype.Int8OID, "int4": pgtype.Int4OID, "uuid": pgtype.UUIDOID}

// ArrayOf returns the parameter for an array of a type. For a type without an encoding here it
// returns a list of texts or integers, which the driver encodes.
func ArrayOf(typ string, values []any) any {
	oid, known := arrayOIDs[typ]
	if !known || len(values) == 0 {
		return typedList(values)
	}
	// The format of array_send in arrayfuncs.c: the number of dimensions, a flag for nulls, the type;
	// the length and the lower bound of the only dimension; each element after its length.
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
					return typedList(values) // PostgreSQL reports the invalid value
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

// typedList returns integers or texts in a form that PostgreSQL's driver encodes as an array.
func typedList(values []any) any {
	if len(values) > 0 {
		if _, ok := values[0].(int64); ok {
			return listOf[int64](values)
		}
	}
	return listOf[string](values)
}

func listOf[T any](values []any) []T {
	return tokenctl.Mapped(values, func(v any) T { return v.(T) })
}

// Anys returns the elements of a list as parameters.
func Anys[T any](list []T) []any {
	return tokenctl.Mapped(list, func(v T) any { return v })
}
