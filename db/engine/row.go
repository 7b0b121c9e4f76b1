package engine

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"tokenctl"
	"tokenctl/django"
)

// Row reads one row of a result, column by column from the left. The values stay valid after the row.
// The first value of an unexpected type sets Err, and all values after it are zero.
//
// It replaces the Scan of database/sql, which inspects the type of every destination for every value:
// this takes most of the time of a list of a million rows.
type Row struct {
	zone django.Zone
	Err  error

	columns []column // PostgreSQL
	data    string   // the concatenated values, in PostgreSQL's binary format
	lengths []int32  // of the values, in bytes; -1 for NULL

	values []driver.Value // SQLite

	BadValues []BadValue // nil if every value can be read
}

// column is PostgreSQL's description of a column of a result.
type column struct {
	oid   uint32
	types *pgtype.Map
}

var (
	errNull  = errors.New("NULL")
	errShort = errors.New("fewer columns than destinations")
)

// fail sets the error for a value that Django does not write. The driver's text would quote the value, so
// the message leaves it out.
func (r *Row) fail(err error) {
	if r.Err == nil {
		r.Err = &tokenctl.Error{Code: tokenctl.CodeDatabaseError, Message: "a column has a value that Django does not write", Err: err}
	}
}

// next returns PostgreSQL's next value.
func (r *Row) next() (c column, value string, ok bool) {
	if r.Err != nil {
		return c, "", false
	}
	if len(r.lengths) == 0 {
		r.fail(errShort)
		return c, "", false
	}
	n := r.lengths[0]
	c = r.columns[0]
	r.lengths, r.columns = r.lengths[1:], r.columns[1:]
	if n < 0 {
		return c, "", false
	}
	value, r.data = r.data[:n], r.data[n:]
	return c, value, true
}

// Left returns the number of PostgreSQL's columns that are not read yet.
func (r *Row) Left() int { return len(r.columns) }

// NextSQLite returns SQLite's next value; nil is NULL.
func (r *Row) NextSQLite() any {
	if r.Err != nil {
		return nil
	}
	if len(r.values) == 0 {
		r.fail(errShort)
		return nil
	}
	v := r.values[0]
	r.values = r.values[1:]
	return v
}

// IsBytes reports whether SQLite stores the next value as bytes, which never equal a text. An import can
// store bytes in a column of texts.
func (r *Row) IsBytes() bool {
	if len(r.values) == 0 {
		return false
	}
	_, bytes := r.values[0].([]byte)
	return bytes
}

// TextOrNull reads a text; ok is false for NULL.
func (r *Row) TextOrNull() (_ string, ok bool) {
	if r.columns == nil {
		switch v := r.NextSQLite().(type) {
		case nil:
			return "", false
		case string:
			return v, true
		case []byte:
			return string(v), true
		case int64:
			return strconv.FormatInt(v, 10), true
		default:
			return fmt.Sprint(v), true
		}
	}
	c, value, ok := r.next()
	if !ok {
		return "", false
	}
	switch c.oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID, pgtype.UnknownOID:
		return value, true
	case pgtype.BPCharOID:
		return strings.TrimRight(value, " "), true // PostgreSQL ignores blanks at the end of a char
	}
	if _, known := c.types.TypeForOID(c.oid); !known {
		return value, true // a type of an extension, such as citext, is sent as its text
	}
	var text string // declared here because it escapes to the heap
	c.scan(r, value, &text)
	return text, true
}

// Text reads a text that is never NULL.
func (r *Row) Text() string {
	text, ok := r.TextOrNull()
	if !ok {
		r.fail(errNull)
	}
	return text
}

// Optional reads a text; nil is NULL.
func (r *Row) Optional() *string {
	if text, ok := r.TextOrNull(); ok {
		return &text
	}
	return nil
}

var yes, no = true, false

// Flag reads a boolean; nil is NULL. The caller must not change the value behind the pointer.
func (r *Row) Flag() *bool {
	truth := false
	if r.columns == nil {
		switch v := r.NextSQLite().(type) {
		case nil:
			return nil
		case int64:
			truth = v != 0
		default:
			r.fail(fmt.Errorf("a condition is a %T", v))
		}
	} else {
		c, value, ok := r.next()
		switch {
		case !ok:
			return nil
		case c.oid == pgtype.BoolOID && len(value) == 1:
			truth = value[0] != 0
		default:
			c.scan(r, value, &truth)
		}
	}
	switch {
	case r.Err != nil:
		return nil
	case truth:
		return &yes
	}
	return &no
}

// Integer reads a whole number that is never NULL.
func (r *Row) Integer() int64 {
	if r.columns == nil {
		v := r.NextSQLite()
		n, ok := v.(int64)
		if !ok {
			r.fail(fmt.Errorf("an integer column holds a %T", v))
		}
		return n
	}
	c, value, ok := r.next()
	if !ok {
		r.fail(errNull)
		return 0
	}
	switch {
	case c.oid == pgtype.Int8OID && len(value) == 8:
		return bigEndian(value)
	case c.oid == pgtype.Int4OID && len(value) == 4:
		return int64(int32(bigEndian(value)))
	}
	var n int64
	c.scan(r, value, &n)
	return n
}

func bigEndian(s string) int64 {
	var b [8]byte
	copy(b[8-len(s):], s)
	return int64(binary.BigEndian.Uint64(b[:]))
}

// scan reads a value of a type that Django does not use.
func (c column) scan(r *Row, value string, dest any) {
	if err := c.types.Scan(c.oid, pgtype.BinaryFormatCode, []byte(value), dest); err != nil {
		r.fail(err)
	}
}

// Scan reads the next columns into pointers to string, *string, bool, int64 or int. It returns Err.
func (r *Row) Scan(dest ...any) error {
	for _, d := range dest {
		switch d := d.(type) {
		case *string:
			*d = r.Text()
		case **string:
			*d = r.Optional()
		case *bool:
			if flag := r.Flag(); flag != nil {
				*d = *flag
			} else {
				r.fail(errNull)
			}
		case *int64:
			*d = r.Integer()
		case *int:
			*d = int(r.Integer())
		default:
			r.fail(fmt.Errorf("no way to read a %T", d))
		}
	}
	return r.Err
}
