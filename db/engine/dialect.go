package engine

import "strings"

// Dialect is a database's dialect of SQL: PostgreSQL or SQLite. Its methods return the parts of
// statements and the parameters that differ.
type Dialect string

// The dialects.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// Time returns the expression that selects a datetime column.
func (d Dialect) Time(column string) string {
	if d == SQLite {
		return "cast(" + column + " as text)"
	}
	return column
}

// Bytewise returns an expression that sorts a text by its bytes, whatever collation the column has.
func (d Dialect) Bytewise(expr string) string {
	if d == SQLite {
		return "cast(" + expr + " as text) collate binary"
	}
	return "cast(" + expr + ` as text) collate "C"`
}

// IsDate returns the condition that an expression of a date column is a date that Django can read. For
// other values the condition is null or false.
func (d Dialect) IsDate(expr string) string {
	if d == SQLite {
		return dateFunction + "(" + expr + ")"
	}
	// PostgreSQL gives the literals the column's type.
	return expr + " >= '0001-01-01' and " + expr + " < '10000-01-01'"
}

// Dates reports whether a column can be compared with a date. PostgreSQL refuses this for other types.
func (d Dialect) Dates(c *Column) bool {
	return d == SQLite || strings.HasPrefix(c.Type, "timestamp") || c.Type == "date"
}

// Dated returns the condition that an expression of a column is a date that Django can read, and that
// the operator holds between this date and other.
func (d Dialect) Dated(c *Column, expr, operator, other string) string {
	if !d.Dates(c) {
		return "cast(" + other + " as timestamptz) is null"
	}
	return "(" + expr + " " + operator + " " + other + " and " + d.IsDate(expr) + ")"
}

// Unexpired returns the condition that an expression of a column is later than %s, or is not a date
// that Django can read. On PostgreSQL an index on the column serves all three parts.
func (d Dialect) Unexpired(c *Column, expr string) string {
	switch {
	case !d.Dates(c):
		return "cast(%s as timestamptz) is not null"
	case d == SQLite:
		return "(" + expr + " > %s or " + d.IsDate(expr) + " is not true)"
	}
	return "(" + expr + " > %s or " + expr + " < '0001-01-01' or " + expr + " is null)"
}

// KnownDate returns an expression for sorting by a column: it is null for a value that is not a date
// that Django can read.
func (d Dialect) KnownDate(c *Column, expr string) string {
	if !d.Dates(c) {
		return "null"
	}
	return "case when " + d.IsDate(expr) + " then " + expr + " end"
}

// InsertInto returns the beginning of an insert of many rows. Without "or fail" SQLite would keep a copy
// of each changed page, to undo the rows before one that fails. This is not needed here: a failure
// ends the transaction, or rolls back to a savepoint.
func (d Dialect) InsertInto(t *Table) string {
	if d == SQLite {
		return "insert or fail into " + t.SQL()
	}
	return "insert into " + t.SQL()
}
