package engine

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"modernc.org/sqlite"

	"tokenctl/django"
)

// A value that cannot be read is unknown, and does not keep the rest of its row from being
// read. SQLite takes anything in any column, and PostgreSQL has dates that Python does not
// have. In conditions such a date is neither before nor after any other: a row that expires
// then counts as not expired, and no selector of dates and no purge matches it. Go and SQL
// must agree about which dates these are, so SQLite asks the Go function that reads them.

// Unread is a value that could not be read.
type Unread struct {
	Column string // with its table: "table.column"
	What   string // is held there: "no date that Django can read"
	// Breaks says that Django does not read it as null but fails on the row.
	Breaks bool
}

// String is a sentence for people.
func (u Unread) String() string {
	effect := "it is unknown"
	if u.Breaks {
		effect = "the application cannot use the row"
	}
	return u.Column + " holds " + u.What + ": " + effect
}

// Broken reports whether Django fails on one of the values.
func Broken(list []Unread) bool {
	return slices.ContainsFunc(list, func(u Unread) bool { return u.Breaks })
}

const (
	NoDate  = "no date that Django can read"
	noText  = "no value"
	badText = "bytes that are no text"
	AsBytes = "bytes, which equal no text"
)

// Lose notes that a column's value could not be read.
func (r *Row) Lose(of fmt.Stringer, column, what string, breaks bool) {
	r.Unread = append(r.Unread, Unread{Column: of.String() + "." + column, What: what, Breaks: breaks})
}

// Stored reads a text of which a row needs one. What is no text is empty, or stays as it is
// where it is not UTF-8.
func (r *Row) Stored(of fmt.Stringer, column string) string {
	bytes := r.IsBytes()
	text, ok := r.Maybe()
	switch {
	case !ok:
		r.Lose(of, column, noText, true)
	case r.columns == nil && !utf8.ValidString(text):
		r.Lose(of, column, badText, true)
	case bytes:
		r.Lose(of, column, AsBytes, true)
	}
	return text
}

// The functions that tokenctl gives SQLite.
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

// dateBreaks reports whether Django fails on what is no date.
func dateBreaks(err error) bool { return errors.Is(err, django.ErrDateBreaks) }
