package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl/django"
)

// Layout is what a database was found to hold. It is read from the catalogue,
// never from django_migrations, whose names do not prove a layout.
type Layout struct {
	Engine  Engine
	Version string // the server's, such as "15.18"
	Schema  string // PostgreSQL: the schema new tables would go to
	// User is the table of the users that names mean: that of AUTH_USER_MODEL, or
	// after [Store.UsersOf] that of the kinds asked for. It is nil where the
	// database does not tell. A table of credentials has its own users: see
	// [Table.Owner].
	User   *UserTable
	auth   *UserTable        // that of AUTH_USER_MODEL
	tables map[string]*Table // by the names of Django's own tables
	zone   django.Zone
	// schemaProblem is that the schema which was asked for is not there.
	schemaProblem error
	// userProblem is why there is no User.
	userProblem error
	// problems are why kinds cannot be worked with, by the names of their tables.
	problems map[string]error
	// contradicted says which foreign keys contradict the setting user_table.
	contradicted string
}

// Table is a table found in the database, or a view of one.
type Table struct {
	Schema  string // empty on SQLite
	Name    string
	Form    Form
	Columns []Column
	// Owner is the table of the users whose rows a table of credentials holds, as
	// its foreign key tells. Without a foreign key it is AUTH_USER_MODEL's; nil
	// where that is not known.
	Owner     *UserTable
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
	refers     *Table // by a foreign key; one that was not read has no name
	refersTo   string // the column that the foreign key names; empty: the primary key
}

// target is the table that a column, if there is one, refers to; nil where that was
// not read.
func (c *Column) target() *Table {
	if c == nil || c.refers == nil || c.refers.Name == "" {
		return nil
	}
	return c.refers
}

// Holds reports whether a text is short enough for the column.
func (c *Column) Holds(text string) bool {
	return c.Length == 0 || len(text) <= c.Length || len([]rune(text)) <= c.Length
}

// Integer reports whether the column holds whole numbers.
func (c *Column) Integer() bool {
	return strings.Contains(c.Type, "int") || strings.HasSuffix(c.Type, "serial")
}

// KeyType is the type of a user table's primary key.
type KeyType string

// The key types. Any other type of key is read and written as text.
const (
	KeyInteger KeyType = "integer"
	KeyUUID    KeyType = "uuid"
	KeyText    KeyType = "text"
)

func (c *Column) keyType(engine Engine) KeyType {
	switch {
	case c.Type == "uuid", engine == SQLite && c.Type == "char" && c.Length == 32:
		return KeyUUID
	case c.Integer():
		return KeyInteger
	}
	return KeyText
}

// The tables that tokenctl knows, by the Django app that makes them.
const (
	tableUser         = "auth_user"
	tableAuthToken    = "authtoken_token"
	tableKnox         = "knox_authtoken"
	tableOutstanding  = "token_blacklist_outstandingtoken"
	tableBlacklisted  = "token_blacklist_blacklistedtoken"
	tableSession      = "django_session"
	tableAdminLog     = "django_admin_log"
	tableMigrations   = "django_migrations"
	tableContentTypes = "django_content_type"
)

var knownTables = []string{tableUser, tableAuthToken, tableKnox, tableOutstanding, tableBlacklisted,
	tableSession, tableAdminLog, tableMigrations, tableContentTypes}

// AuthToken is rest_framework.authtoken's table, or that of a token model of the
// project's own; nil when it is not there.
func (l *Layout) AuthToken() *Table { return l.tables[tableAuthToken] }

// Knox is knox's token table; nil when it is not there.
func (l *Layout) Knox() *Table { return l.tables[tableKnox] }

// Outstanding is the table of simplejwt's OutstandingToken; nil when it is not there.
func (l *Layout) Outstanding() *Table { return l.tables[tableOutstanding] }

// Blacklisted is the table of simplejwt's BlacklistedToken; nil when it is not there.
func (l *Layout) Blacklisted() *Table { return l.tables[tableBlacklisted] }

// Session is django.contrib.sessions' table, or that of a session model of the
// project's own; nil when it is not there.
func (l *Layout) Session() *Table { return l.tables[tableSession] }

// SchemaProblem says that the schema which was asked for is not there; else nil.
func (l *Layout) SchemaProblem() error { return l.schemaProblem }

// Migrations is Django's own record of what was migrated; nil when it is not there.
func (l *Layout) Migrations() *Table { return l.tables[tableMigrations] }

// Column returns the named column, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
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

// primaryKey is the column of the primary key; nil where it has several. Views and
// foreign tables declare no constraints: theirs is Django's usual one.
func (t *Table) primaryKey() *Column {
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

// SQL is the table's name for a statement, qualified and quoted.
func (t *Table) SQL() string {
	if t.Schema == "" {
		return quote(t.Name)
	}
	return quote(t.Schema) + "." + quote(t.Name)
}

// quote quotes an identifier; both engines double the quotes inside.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a text for a statement that a person is to run.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// detect reads the catalogue.
func (tx *Tx) detect(ctx context.Context) (*Layout, error) {
	o := tx.store.opts
	names := slices.Clone(knownTables)
	for _, name := range []string{o.UserTable, o.AuthTokenTable, o.TokenTable, o.SessionTable} {
		if name != "" {
			names = append(names, name)
		}
	}
	l := &Layout{Engine: tx.store.Engine, tables: map[string]*Table{}, problems: map[string]error{}, zone: o.Zone}
	read := tx.readPostgresCatalogue
	if tx.store.Engine == SQLite {
		read = tx.readSQLiteCatalogue
	}
	all, err := read(ctx, l, names)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && l.Engine == PostgreSQL && o.Schema != "" {
		if err := tx.checkSchema(ctx, l); err != nil {
			return nil, err
		}
	}
	qualify(all)
	l.findCredentials(all, o)
	return l, l.findUsers(ctx, tx, o)
}

// qualify lets tables be spoken of with their schemas where these differ.
func qualify(all []*Table) {
	mixed := slices.ContainsFunc(all, func(t *Table) bool { return t.Schema != all[0].Schema })
	for _, t := range all {
		t.qualified = mixed
	}
}
