// Package output writes rows as a table or in one of the formats that scripts read. It knows rows, not tokens, and imports
// no other package of this module. Which columns an object has, and what is written to stderr, is in package commands.
//
// What is promised, whatever the database holds:
//
//   - json, ndjson and yaml are always well-formed; json and ndjson keep every character and replace only bytes that are
//     no UTF-8, by U+FFFD;
//   - tsv keeps every byte; tab, line feed, carriage return and backslash are written \t \n \r \\, as PostgreSQL's COPY
//     does in its text format;
//   - csv follows RFC 4180 with LF line ends and defuses cells that a spreadsheet would run;
//   - id and --field write one line a row: a line break inside a value, which could smuggle a second id into a pipe, is
//     written \n or \r, and everything else is exact;
//   - a table shows what a person should not be fooled by: control, escape, bidi and invisible characters.
//
// Rows are written as they come, in flat memory. Nothing but the caller's Close ends a document, so that one cut short
// by a failure does not look complete.
package output

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format names a way to write rows.
type Format string

// The formats. Plain is what a pipe gets when the user asked for none: the rows of the table as TSV, without header and
// with full times.
const (
	Table  Format = "table"
	JSON   Format = "json"
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
	TSV    Format = "tsv"
	YAML   Format = "yaml"
	ID     Format = "id"
	Plain  Format = "plain"
)

// Formats lists the names that a user may type.
func Formats() []string {
	return []string{"table", "json", "ndjson", "csv", "tsv", "yaml", "id"}
}

// ParseFormat returns the format a user typed. The error for any other name lists the valid ones.
func ParseFormat(s string) (Format, error) {
	if slices.Contains(Formats(), s) {
		return Format(s), nil
	}
	return "", fmt.Errorf("unknown output format %q: one of %s", s, strings.Join(Formats(), ", "))
}

// Column is a field of the rows.
type Column struct {
	// Name is the field's name: the key in JSON and YAML, the heading in CSV and TSV, and in upper case, with spaces for
	// underscores, the heading in a table.
	Name string

	// Extra keeps the column out of tables and of Plain unless Options.Columns names it. A single row, which a table
	// shows as name and value pairs, has room for it.
	Extra bool

	// Fields are the names inside the value, where it is an object whose names are always the same, or AnyField.
	// Options.Field takes them behind the column's name and a dot.
	Fields []string

	// What follows is for tables at a terminal, see layout.go.

	Whole   bool              // its text is never cut
	Decides bool              // it is never cut and never left out
	Within  string            // the column that usually holds the same text, alone or before a colon
	Group   string            // the column that shows this truth value together with others
	Words   [2]string         // what the group shows when the value is false, and when it is true; "" for nothing
	Colors  map[string]string // the parameters of the SGR sequence for a text, such as "32" for green
}

// Options says how rows are written.
type Options struct {
	Format    Format
	Columns   []string // the fields wanted, in this order, in every format; empty for the default ones, to which "+a" adds a
	Field     string   // write the value of this one field, or of a path into it, and nothing else, a line for each row; overrides Format
	Query     *Query   // write what this makes of the document in the Format JSON or NDJSON
	NoHeaders bool     // for Table, CSV and TSV
	Single    bool     // there is exactly one row: JSON and YAML are an object, a table is name and value pairs
	Width     int      // of the terminal; 0 when there is none, and then a table is neither cut nor arranged anew
	Color     bool     // SGR sequences may be written
	Records   bool     // a table at a terminal is name and value pairs for each row
	CSVRaw    bool     // leave CSV cells that a spreadsheet would run as they are

	Parts *Parts    // the rows are a part of this document; nil: they are a document of their own
	Now   time.Time // what the ages in a table at a terminal are counted from
}

// UnknownFieldError is the answer to a name in Options.Columns or Options.Field that is not one of the columns.
type UnknownFieldError struct {
	Name  string
	Valid []string // every field there is, in the order of the columns
}

// Error names the field and lists the valid ones.
func (e *UnknownFieldError) Error() string {
	return fmt.Sprintf("unknown field %q: one of %s", e.Name, strings.Join(e.Valid, ", "))
}

// selection returns the indexes of the columns that opts asks for. A field named twice counts once: JSON objects cannot
// have a key twice.
func selection(cols []Column, opts Options) ([]int, error) {
	var sel []int
	if slices.ContainsFunc(opts.Columns, Added) && opts.Format != ID {
		usual := opts
		usual.Columns = nil
		sel, _ = selection(cols, usual)
	}
	for _, name := range opts.Columns {
		i, err := columnIndex(cols, strings.TrimPrefix(name, "+"))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(sel, i) {
			sel = append(sel, i)
		}
	}
	if opts.Format == ID {
		i, err := columnIndex(cols, "id")
		return []int{i}, err
	}
	if len(opts.Columns) > 0 {
		return sel, nil
	}
	noExtra := opts.Format == Plain || opts.Format == Table && !opts.Single
	for i, c := range cols {
		if !c.Extra || !noExtra {
			sel = append(sel, i)
		}
	}
	return sel, nil
}

// named reports whether opts asks for the field by its name.
func (o *Options) named(field string) bool {
	return slices.ContainsFunc(o.Columns, func(name string) bool { return strings.TrimPrefix(name, "+") == field })
}

// Added reports whether a name in Options.Columns adds its field to the default ones.
func Added(name string) bool { return strings.HasPrefix(name, "+") }

func columnIndex(cols []Column, name string) (int, error) {
	i := slices.IndexFunc(cols, func(c Column) bool { return c.Name == name })
	if i >= 0 {
		return i, nil
	}
	valid := make([]string, len(cols))
	for i, c := range cols {
		valid[i] = c.Name
	}
	return 0, &UnknownFieldError{Name: name, Valid: valid}
}
