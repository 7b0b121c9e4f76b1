package engine

import (
	"slices"
	"strings"
)

// Table is a table found in the database, or a view of one.
type Table struct {
	Schema    string // empty on SQLite
	Name      string
	Form      Form
	Columns   []Column
	qualified bool   // is spoken of with its schema
	base      *Table // of a view: the only table behind it
}

// Form is what kind of relation a Table is.
type Form string

// The forms.
const (
	Ordinary     Form = "table"
	Partitioned  Form = "partitioned table"
	View         Form = "view"
	Materialized Form = "materialized view"
	Foreign      Form = "foreign table"
)

// Stored reports whether rows have places of their own in the table: a ctid or a
// rowid.
func (t *Table) Stored() bool { return t.Form != View && t.Form != Materialized && t.Form != Foreign }

// String is the table's name for people, with its schema where that is in doubt.
func (t *Table) String() string {
	if t.qualified && t.Schema != "" {
		return t.Schema + "." + t.Name
	}
	return t.Name
}

// Base is the only table behind a view; nil where there are several, or it is none.
func (t *Table) Base() *Table { return t.base }

// Column returns the named column, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// PrimaryKey is the column of the primary key; nil where it has several. Views and
// foreign tables declare no constraints: theirs is the column id.
func (t *Table) PrimaryKey() *Column {
	var key *Column
	for i := range t.Columns {
		if t.Columns[i].PrimaryKey {
			if key != nil {
				return nil
			}
			key = &t.Columns[i]
		}
	}
	if key == nil && !t.Stored() {
		return t.Column("id")
	}
	return key
}

// Required are the columns that an insertion must give besides those named: they
// may not be null, and the database has no value for them.
func (t *Table) Required(given ...string) []string {
	var names []string
	for _, c := range t.Columns {
		if c.NotNull && !c.HasDefault && !slices.Contains(given, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// SQL is the table's name for a statement, qualified and quoted.
func (t *Table) SQL() string {
	if t.Schema == "" {
		return Quote(t.Name)
	}
	return Quote(t.Schema) + "." + Quote(t.Name)
}

// Column is a column of a Table. On SQLite the type is the declared one.
type Column struct {
	Name       string
	Type       string // lower case, without length: "varchar", "uuid", "bigint"
	Length     int    // of a varchar or char; 0: unlimited
	NotNull    bool
	HasDefault bool // the database fills it in
	Generated  bool // always, and takes no value
	PrimaryKey bool
	Unique     bool   // by itself
	Text       bool   // a text type, citext and domains included
	number     int16  // pg_attribute.attnum
	Refers     *Table // by a foreign key; one that was not read has no name
	RefersTo   string // the column that the foreign key names; empty: the primary key
}

// Target is the table that a column, if there is one, refers to; nil where that was
// not read.
func (c *Column) Target() *Table {
	if c == nil || c.Refers == nil || c.Refers.Name == "" {
		return nil
	}
	return c.Refers
}

// Expr is format with the quoted column in it, or null where there is no column.
func (c *Column) Expr(format string) string {
	if c == nil {
		return "null"
	}
	return strings.ReplaceAll(format, "%s", Quote(c.Name))
}

// Holds reports whether a text is short enough for the column.
func (c *Column) Holds(text string) bool {
	return c.Length == 0 || len(text) <= c.Length || len([]rune(text)) <= c.Length
}

// Integer reports whether the column holds whole numbers.
func (c *Column) Integer() bool {
	return strings.Contains(c.Type, "int") || strings.HasSuffix(c.Type, "serial")
}

// Quote quotes an identifier; both engines double the quotes inside.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal quotes a text for a statement that a person is to run.
func Literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
