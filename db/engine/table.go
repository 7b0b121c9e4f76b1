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
	qualified bool   // messages name it with its schema
	base      *Table // the only table behind a view
	through   string // the view through which the rows are read; empty: none
}

// Form is the kind of relation of a [Table].
type Form string

// The forms.
const (
	Ordinary     Form = "table"
	Partitioned  Form = "partitioned table"
	View         Form = "view"
	Materialized Form = "materialized view"
	Foreign      Form = "foreign table"
)

// Stored reports whether rows have a physical place in the table: a ctid or a rowid.
func (t *Table) Stored() bool { return t.Form != View && t.Form != Materialized && t.Form != Foreign }

// String returns the table's name for people, with its schema if that is needed to tell tables apart.
func (t *Table) String() string {
	if t.qualified && t.Schema != "" {
		return t.Schema + "." + t.Name
	}
	return t.Name
}

// Base returns the only table behind a view. It is nil for a view of several tables, and for a table.
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

// PrimaryKey returns the column of the primary key, or nil if it has several columns. Views and foreign
// tables declare no constraints; the column id is their primary key.
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

// Required returns the columns, other than given, that an insertion must set: they are not null and have
// no default.
func (t *Table) Required(given ...string) []string {
	var names []string
	for _, c := range t.Columns {
		if c.NotNull && !c.HasDefault && !slices.Contains(given, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// SQL returns the name for a statement about rows, qualified and quoted: the table's name, or that
// of the view through which the rows are read.
func (t *Table) SQL() string {
	if t.through != "" {
		return Quote(t.Schema) + "." + Quote(t.through)
	}
	return t.Own()
}

// Own is the table's name for a statement about the table itself, qualified and quoted.
func (t *Table) Own() string {
	if t.Schema == "" {
		return Quote(t.Name)
	}
	return Quote(t.Schema) + "." + Quote(t.Name)
}

// ReadThrough makes statements read the rows through a view of the same schema.
func (t *Table) ReadThrough(view string) { t.through = view }

// Masked reports whether the rows are read through a view.
func (t *Table) Masked() bool { return t != nil && t.through != "" }

// Column is a column of a Table. On SQLite the type is the declared one.
type Column struct {
	Name       string
	Type       string // lower case, without length: "varchar", "uuid", "bigint"
	Length     int    // of a varchar or char; 0: unlimited
	NotNull    bool
	HasDefault bool // the database fills it in if a statement leaves it out
	Generated  bool // the database always fills it in and accepts no value
	PrimaryKey bool
	Unique     bool   // it alone has a unique constraint
	Text       bool   // a text type, citext and domains included
	number     int16  // pg_attribute.attnum
	Refers     *Table // the table of a foreign key; a table that was not read has no name
	RefersTo   string // the column that the foreign key names; empty: the primary key
}

// Target returns the table to which a column refers. It is nil if the table was not read, and for a nil
// column.
func (c *Column) Target() *Table {
	if c == nil || c.Refers == nil || c.Refers.Name == "" {
		return nil
	}
	return c.Refers
}

// Expr returns format with the quoted column in it, or "null" for a nil column.
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

// Quote quotes an identifier. Both engines double the quotes inside it.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal quotes a text for a statement that a person runs.
func Literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
