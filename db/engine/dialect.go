package engine

import "strings"

// Dialect is what a database speaks: PostgreSQL or SQLite. Its methods are what differs in
// statements and their parameters.
type Dialect string

// The dialects.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// Time is the expression that selects a datetime column.
func (d Dialect) Time(column string) string {
	if d == SQLite {
		return "cast(" + column + " as text)"
	}
	return column
}

// Bytewise orders a text expression by its bytes, whatever collation the
// column has.
func (d Dialect) Bytewise(expr string) string {
	if d == SQLite {
		return "cast(" + expr + " as text) collate binary"
	}
	return "cast(" + expr + ` as text) collate "C"`
}

// IsDate is the condition that an expression, of a date column, is a date that can be read;
// null or false where it is not.
func (d Dialect) IsDate(expr string) string {
	if d == SQLite {
		return dateFunction + "(" + expr + ")"
	}
	// The literals take the column's type.
	return expr + " >= '0001-01-01' and " + expr + " < '10000-01-01'"
}

// Dates reports whether a column holds dates: PostgreSQL compares no others with one.
func (d Dialect) Dates(c *Column) bool {
	return d == SQLite || strings.HasPrefix(c.Type, "timestamp") || c.Type == "date"
}

// Dated is the condition that an expression, of a column, is a date that can be read, and
// that it compares with another one.
func (d Dialect) Dated(c *Column, expr, operator, other string) string {
	if !d.Dates(c) {
		return "cast(" + other + " as timestamptz) is null"
	}
	return "(" + expr + " " + operator + " " + other + " and " + d.IsDate(expr) + ")"
}

// Unexpired is the condition that an expression, of a column, is later than %s, or is not
// known. On PostgreSQL an index on the column finds all three parts.
func (d Dialect) Unexpired(c *Column, expr string) string {
	switch {
	case !d.Dates(c):
		return "cast(%s as timestamptz) is not null"
	case d == SQLite:
		return "(" + expr + " > %s or " + d.IsDate(expr) + " is not true)"
	}
	return "(" + expr + " > %s or " + expr + " < '0001-01-01' or " + expr + " is null)"
}

// KnownDate is an expression, of a column, to sort by: null where it is no date that can be
// read.
func (d Dialect) KnownDate(c *Column, expr string) string {
	if !d.Dates(c) {
		return "null"
	}
	return "case when " + d.IsDate(expr) + " then " + expr + " end"
}

// InsertInto begins the insertion of many rows. Other than "or fail", SQLite would
// keep each page as it was before the statement, so that it can take back the rows
// before one that fails. Here that ends the transaction, or goes back to a savepoint.
func (d Dialect) InsertInto(t *Table) string {
	if d == SQLite {
		return "insert or fail into " + t.SQL()
	}
	return "insert into " + t.SQL()
}
