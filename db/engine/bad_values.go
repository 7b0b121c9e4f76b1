package engine

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"modernc.org/sqlite"

	"tokenctl/django"
)

// Some values cannot be read: SQLite accepts any value in any column, and PostgreSQL has dates outside
// Python's range. Such a value counts as unknown, and the rest of its row is read. In conditions a date
// that cannot be read is neither before nor after another one, so its row counts as not expired, and
// no selector by date and no purge matches it. Go and SQL must agree about these dates, so SQLite calls
// the Go function that reads them.

// BadValue is a value that could not be read.
type BadValue struct {
	Column string // with its table: "table.column"
	What   string // describes the value: "no date that Django can read"
	// Breaks reports whether Django fails on the row. Otherwise Django reads the value as null.
	Breaks bool
}

// String returns a sentence for people.
func (v BadValue) String() string {
	effect := "it is unknown"
	if v.Breaks {
		effect = "the application cannot use the row"
	}
	return v.Column + " holds " + v.What + ": " + effect
}

// Broken reports whether Django fails on one of the values.
func Broken(list []BadValue) bool {
	return slices.ContainsFunc(list, func(v BadValue) bool { return v.Breaks })
}

// Texts of [BadValue.What].
const (
	NoDate  = "no date that Django can read"
	noText  = "no value"
	badText = "bytes that are no text"
	AsBytes = "bytes, which equal no text"
)

// AddBadValue adds a value that could not be read to r.BadValues.
func (r *Row) AddBadValue(of fmt.Stringer, column, what string, breaks bool) {
	r.BadValues = append(r.BadValues, BadValue{Column: of.String() + "." + column, What: what, Breaks: breaks})
}

// Stored reads a required text, such as a key. For NULL it returns "", and for bytes or text that is
// not UTF-8 the value as it is. All of these are added to r.BadValues.
func (r *Row) Stored(of fmt.Stringer, column string) string {
	bytes := r.IsBytes()
	text, ok := r.TextOrNull()
	switch {
	case !ok:
		r.AddBadValue(of, column, noText, true)
	case r.columns == nil && !utf8.ValidString(text):
		r.AddBadValue(of, column, badText, true)
	case bytes:
		r.AddBadValue(of, column, AsBytes, true)
	}
	return text
}

// The functions that tokenctl registers with SQLite.
const (
	dateFunction = "tokenctl_is_date" // Django can read the value as a date
	IsText       = "tokenctl_is_text" // the value is a text in UTF-8
)

// sqliteDriver is the driver with these functions.
var sqliteDriver = sync.OnceValue(func() *sqlite.Driver {
	d := new(sqlite.Driver)
	register := func(name string, is func(text string, number bool) bool) {
		d.MustRegisterDeterministicScalarFunction(name, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			switch v := args[0].(type) {
			case nil:
				return nil, nil
			case string:
				return is(v, false), nil
			case []byte:
				return is(string(v), false), nil
			}
			return is("", true), nil
		})
	}
	register(dateFunction, func(text string, _ bool) bool {
		t, err := django.ParseSQLiteTime(text)
		return err == nil && readable(t)
	})
	register(IsText, func(text string, number bool) bool { return number || utf8.ValidString(text) })
	return d
})
