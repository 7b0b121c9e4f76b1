// Package output writes rows as a table or in one of the formats for scripts. It knows rows, not tokens, and imports
// no other package of this module. Package commands chooses the columns of an object, and writes to stderr.
//
// For all values of the database:
//
//   - json, ndjson and yaml are well-formed; json and ndjson keep every character, and replace only bytes that are not
//     UTF-8, by U+FFFD;
//   - tsv keeps every byte; tab, line feed, carriage return and backslash become \t \n \r \\, as in the text format of
//     PostgreSQL's COPY;
//   - csv follows RFC 4180 with LF line ends, and defuses cells that a spreadsheet would run;
//   - id and --field write one line for each row: a line break inside a value becomes \n or \r, because a pipe would
//     read a second id after it; all other characters are exact;
//   - a table makes deceptive characters visible: control, escape, bidi and invisible characters.
//
// Rows are written when they come, in constant memory. Only the caller's Close ends a document, so a document that a
// failure cuts short does not look complete.
package output

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format names a way to write rows.
type Format string

// The formats. Plain is the default without a terminal: the rows of the table as TSV, without a header and with full
// times.
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

// Formats returns the names of formats that a user may choose.
func Formats() []string {
	return []string{"table", "json", "ndjson", "csv", "tsv", "yaml", "id"}
}

// ParseFormat returns the format with a name of [Formats]. The error for another name lists the valid ones.
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

	// Extra hides the column in tables and in Plain unless Options.Columns names it. It is shown for a single row, which
	// a table shows as name and value pairs.
	Extra bool

	// Fields are the names inside the value if it is an object whose names are always the same, or AnyField. In
	// Options.Field they follow the column's name and a dot.
	Fields []string

	// The fields below are for tables at a terminal: see layout.go.

	Whole   bool              // its text is never cut
	Decides bool              // it is never cut and never left out
	Within  string            // the column that usually holds the same text, alone or before a colon
	Group   string            // the column that shows this boolean together with others
	Words   [2]string         // the words of the group for false and for true; "" for nothing
	Colors  map[string]string // the parameters of the SGR sequence for a text, such as "32" for green
}

// Options are the settings of a [Writer].
type Options struct {
	Format    Format
	Columns   []string // the fields, in this order, for every format; empty: the default ones; "+a" adds a to these
	Field     string   // write only the value of this field, or of a path into it, a line for each row; overrides Format
	Query     *Query   // write the results of this expression for the document in the Format JSON or NDJSON
	NoHeaders bool     // for Table, CSV and TSV
	Single    bool     // there is exactly one row: JSON and YAML are an object, a table is name and value pairs
	Width     int      // of the terminal, in cells; 0: no terminal, and a table is neither cut nor rearranged
	Color     bool     // SGR sequences may be written
	Records   bool     // a table at a terminal is name and value pairs for each row
	CSVRaw    bool     // do not defuse CSV cells that a spreadsheet would run

	Parts *Parts    // the document of the rows; nil: they are a whole document
	Now   time.Time // the time from which ages in a table at a terminal count
}

// UnknownFieldError is the error for a name in Options.Columns or Options.Field that is not one of the columns.
type UnknownFieldError struct {
	Name  string
	Valid []string // all fields, in the order of the columns
}

// Error names the field and lists the valid ones.
func (e *UnknownFieldError) Error() string {
	return fmt.Sprintf("unknown field %q: one of %s", e.Name, strings.Join(e.Valid, ", "))
}

// selection returns the indexes of the columns that opts selects. A repeated field counts once, because JSON objects
// cannot repeat a key.
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

// named reports whether Options.Columns names the field.
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
