package db

import (
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
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
	Column string // with its table: "authtoken_token.created"
	what   string // is held there: "no date that Django can read"
	// Breaks says that Django does not read it as null but fails on the row.
	Breaks bool
}

// String is a sentence for people.
func (u Unread) String() string {
	text := u.Column + " holds " + u.what + ": it is unknown"
	if u.Breaks {
		text = u.Column + " holds " + u.what + ": the application cannot use the row"
	}
	return text
}

// Broken reports whether Django fails on one of the values.
func Broken(list []Unread) bool {
	for _, u := range list {
		if u.Breaks {
			return true
		}
	}
	return false
}

// Unfindable reports whether the jti of a recorded token is stored as bytes, by what could
// not be read of it: the application finds neither the row nor what blacklists it.
func Unfindable(list []Unread) bool {
	return slices.ContainsFunc(list, func(u Unread) bool { return u.what == asBytes && strings.HasSuffix(u.Column, ".jti") })
}

const (
	noDate  = "no date that Django can read"
	noText  = "no value"
	badText = "bytes that are no text"
	asBytes = "bytes, which equal no text"
	padded  = "blanks behind its text, which knox compares"
)

// lose notes that a column's value could not be read.
func (r *row) lose(t *Table, column, what string, breaks bool) {
	r.unread = append(r.unread, Unread{Column: t.String() + "." + column, what: what, Breaks: breaks})
}

// stored reads a text of which a row needs one. What is no text is empty, or stays as it is
// where it is not UTF-8.
func (r *row) stored(t *Table, column string) string {
	bytes := r.isBytes()
	text, ok := r.maybe()
	switch {
	case !ok:
		r.lose(t, column, noText, true)
	case r.columns == nil && !utf8.ValidString(text):
		r.lose(t, column, badText, true)
	case bytes:
		r.lose(t, column, asBytes, true)
	}
	return text
}

// isDate is the condition that an expression, of a date column, is a date that can be read;
// null or false where it is not.
func (l *Layout) isDate(expr string) string {
	if l.Engine == SQLite {
		return dateFunction + "(" + expr + ")"
	}
	// The literals take the column's type.
	return expr + " >= '0001-01-01' and " + expr + " < '10000-01-01'"
}

// dates reports whether a column holds dates: PostgreSQL compares no others with one.
func (l *Layout) dates(c *Column) bool {
	return l.Engine == SQLite || strings.HasPrefix(c.Type, "timestamp") || c.Type == "date"
}

// dated is the condition that an expression, of a column, is a date that can be read, and
// that it compares with another one.
func (l *Layout) dated(c *Column, expr, operator, other string) string {
	if !l.dates(c) {
		return "cast(" + other + " as timestamptz) is null"
	}
	return "(" + expr + " " + operator + " " + other + " and " + l.isDate(expr) + ")"
}

// unexpired is the condition that an expression, of a column, is later than %s, or is not
// known. On PostgreSQL an index on the column finds all three parts.
func (l *Layout) unexpired(c *Column, expr string) string {
	switch {
	case !l.dates(c):
		return "cast(%s as timestamptz) is not null"
	case l.Engine == SQLite:
		return "(" + expr + " > %s or " + l.isDate(expr) + " is not true)"
	}
	return "(" + expr + " > %s or " + expr + " < '0001-01-01' or " + expr + " is null)"
}

// knownDate is an expression, of a column, to sort by: null where it is no date that can be
// read.
func (l *Layout) knownDate(c *Column, expr string) string {
	if !l.dates(c) {
		return "null"
	}
	return "case when " + l.isDate(expr) + " then " + expr + " end"
}

// The functions that tokenctl gives SQLite.
const (
	dateFunction = "tokenctl_is_date" // Django can read the value as a date
	textFunction = "tokenctl_is_text" // the value is a text in UTF-8
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
	register(textFunction, func(text string, number bool) bool { return number || utf8.ValidString(text) })
	return d
})

// dateBreaks reports whether Django fails on what is no date.
func dateBreaks(err error) bool { return errors.Is(err, django.ErrDateBreaks) }
