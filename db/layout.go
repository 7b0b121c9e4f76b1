package db

import (
	"context"
	"fmt"
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
	User    *UserTable
	tables  map[string]*Table
	zone    django.Zone
	problem error // why there is no User although tables refer to one
	// knoxProblem is why knox cannot be worked with although it is there.
	knoxProblem error
}

// Table is a table found in the database.
type Table struct {
	Schema  string // empty on SQLite
	Name    string
	Columns []Column
}

// Column is a column of a Table. On SQLite the type is the declared one.
type Column struct {
	Name       string
	Type       string // lower case, without length: "varchar", "uuid", "bigint"
	Length     int    // of a varchar or char; 0: unlimited
	NotNull    bool
	HasDefault bool // the database fills it in
	PrimaryKey bool
	Unique     bool   // by itself
	Text       bool   // a text type, citext and domains included
	number     int16  // pg_attribute.attnum
	refers     *Table // by a foreign key; one that was not read has no name
}

// target is the table that a column, if there is one, refers to; nil where that was
// not read.
func (c *Column) target() *Table {
	if c == nil || c.refers == nil || c.refers.Name == "" {
		return nil
	}
	return c.refers
}

// KeyType is the type of a user table's primary key.
type KeyType string

// The key types. Any other type of key is read and written as text.
const (
	KeyInteger KeyType = "integer"
	KeyUUID    KeyType = "uuid"
	KeyText    KeyType = "text"
)

// UserTable is the table of AUTH_USER_MODEL.
type UserTable struct {
	*Table
	Key     string // primary key column
	KeyType KeyType
	// Username is the column of USERNAME_FIELD; empty when the database does
	// not tell, and then usernames holds the columns that could be it.
	Username  string
	usernames []string
	// Children are tables that share the key, of models that inherit from this
	// one (multi-table inheritance), the nearest first.
	Children []*Table
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

// AuthToken is rest_framework.authtoken's table; nil when it is not there.
func (l *Layout) AuthToken() *Table { return l.tables[tableAuthToken] }

// Knox is knox's token table; nil when it is not there.
func (l *Layout) Knox() *Table { return l.tables[tableKnox] }

// Outstanding is the table of simplejwt's OutstandingToken; nil when it is not there.
func (l *Layout) Outstanding() *Table { return l.tables[tableOutstanding] }

// Session is django.contrib.sessions' table; nil when it is not there.
func (l *Layout) Session() *Table { return l.tables[tableSession] }

// Migrations is Django's own record of what was migrated; nil when it is not there.
func (l *Layout) Migrations() *Table { return l.tables[tableMigrations] }

// Users returns the user table, or why there is none to work with.
func (l *Layout) Users() (*UserTable, error) {
	if l.problem != nil {
		return nil, l.problem
	}
	if l.User == nil {
		return nil, &django.Error{Code: django.CodeTableMissing, Message: "the database has no user table",
			Hint: "run manage.py migrate in the Django project, or tokenctl init for a database without one; for another schema give --schema"}
	}
	if l.User.Username == "" {
		e := &django.Error{Code: django.CodeUsernameField,
			Message: "the database does not tell which column of " + l.User.Name + " is the USERNAME_FIELD",
			Hint:    `set username_field under [auth] in tokenctl.toml`}
		if len(l.User.usernames) > 0 {
			e.Hint += " to one of " + strings.Join(l.User.usernames, ", ")
		}
		return nil, e
	}
	return l.User, nil
}

// Column returns the named column, or nil.
func (t *Table) Column(name string) *Column {
	if i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name }); i >= 0 {
		return &t.Columns[i]
	}
	return nil
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

// detect reads the catalogue.
func (tx *Tx) detect(ctx context.Context) (*Layout, error) {
	names := knownTables
	for _, name := range []string{tx.store.opts.UserTable, tx.store.opts.TokenTable} {
		if name != "" {
			names = append(slices.Clone(names), name)
		}
	}
	l := &Layout{Engine: tx.store.Engine, tables: map[string]*Table{}, zone: tx.store.opts.Zone}
	read := tx.readPostgresCatalogue
	if tx.store.Engine == SQLite {
		read = tx.readSQLiteCatalogue
	}
	all, err := read(ctx, l, names)
	if err != nil {
		return nil, err
	}
	l.findKnox(all, tx.store.opts.TokenTable)
	l.findUser(tx.store.opts)
	return l, nil
}

// findUser follows the foreign keys of the tables that belong to users, in
// design order; auth_user counts only where none of them refers to anything.
func (l *Layout) findUser(o Options) {
	var target *Table
	var from string
	if o.UserTable != "" {
		if target = l.tables[o.UserTable]; target == nil {
			l.problem = &django.Error{Code: django.CodeTableMissing, Message: "the database has no table " + o.UserTable,
				Hint: "correct user_table under [auth] in tokenctl.toml"}
			return
		}
	} else {
		for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding, tableAdminLog} {
			t := l.tables[name]
			if t == nil {
				continue
			}
			users := t.Column("user_id").target()
			if users == nil {
				continue
			}
			if target != nil && users != target {
				l.problem = &django.Error{Code: django.CodeLayoutUnsupported,
					Message: fmt.Sprintf("%s refers to the users in %s, but %s to those in %s", from, target.Name, name, users.Name),
					Hint:    "set user_table under [auth] in tokenctl.toml to the table of AUTH_USER_MODEL"}
				return
			}
			target, from = users, name
		}
		if target == nil {
			target = l.tables[tableUser]
		}
	}
	if target == nil {
		return
	}
	u := &UserTable{Table: target}
	// A model that inherits from a concrete one has its parent's key as its
	// own, under a column that refers to the parent.
	for {
		key := u.primaryKey()
		if key == nil {
			l.problem = &django.Error{Code: django.CodeLayoutUnsupported, Message: "the user table " + u.Name + " has no primary key of one column"}
			return
		}
		u.Key = key.Name
		parent := key.target()
		if parent == nil || u.Column("password") != nil || slices.Contains(u.Children, parent) {
			u.KeyType = key.keyType(l.Engine)
			break
		}
		u.Children = append(u.Children, u.Table)
		u.Table = parent
	}
	if u.Column("password") == nil {
		l.problem = &django.Error{Code: django.CodeLayoutUnsupported, Message: "the table " + u.Name + " has no password column: it is not a Django user table",
			Hint: "set user_table under [auth] in tokenctl.toml to the table of AUTH_USER_MODEL"}
		return
	}
	l.User = u
	u.findUsername(l, o.UsernameField)
}

func (u *UserTable) findUsername(l *Layout, named string) {
	if named != "" {
		if u.Column(named) == nil {
			l.User, l.problem = nil, &django.Error{Code: django.CodeUsernameField, Message: "the user table " + u.Name + " has no column " + named,
				Hint: "correct username_field under [auth] in tokenctl.toml"}
			return
		}
		u.Username = named
		return
	}
	for _, c := range u.Columns {
		if c.Unique && c.Text && !c.PrimaryKey {
			u.usernames = append(u.usernames, c.Name)
		}
	}
	switch {
	case len(u.usernames) == 1:
		u.Username = u.usernames[0]
	case len(u.usernames) == 0 && u.Column("username") != nil:
		// Unique only by an expression such as lower(username), or not at all.
		u.Username = "username"
	}
}

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
	return key
}

func (c *Column) keyType(engine Engine) KeyType {
	switch {
	case c.Type == "uuid", engine == SQLite && c.Type == "char" && c.Length == 32:
		return KeyUUID
	case strings.Contains(c.Type, "int"), strings.HasSuffix(c.Type, "serial"):
		return KeyInteger
	}
	return KeyText
}
