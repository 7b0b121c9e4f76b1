package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Layout is what a database was found to hold. It is read from the catalogue,
// never from django_migrations, whose names do not prove a layout.
type Layout struct {
	Engine  engine.Dialect
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

// Table is a table of a Django app, or that of a model in its place.
type Table struct {
	*engine.Table
	// Owner is the table of the users whose rows a table of credentials holds, as
	// its foreign key tells. Without a foreign key it is AUTH_USER_MODEL's; nil
	// where that is not known.
	Owner *UserTable
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

// MainTables are the names of the tables of users and credentials.
func MainTables() []string {
	return []string{tableUser, tableAuthToken, tableKnox, tableOutstanding, tableSession}
}

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

// detect reads the catalogue.
func (tx *Tx) detect(ctx context.Context) (*Layout, error) {
	o := *tx.opts
	names := slices.Clone(knownTables)
	for _, name := range []string{o.UserTable, o.AuthTokenTable, o.TokenTable, o.SessionTable} {
		if name != "" {
			names = append(names, name)
		}
	}
	c, err := tx.ReadCatalogue(ctx, engine.Search{Names: names, Follow: "user_id",
		Columns: [][]string{{"digest"}, {"key", "created", "user_id"}, {"session_data"}}})
	if err != nil {
		return nil, err
	}
	l := &Layout{Engine: tx.Engine, Version: c.Version, Schema: c.Schema, tables: map[string]*Table{}, problems: map[string]error{}, zone: o.Zone}
	if len(c.Tables) == 0 && l.Engine == engine.PostgreSQL && o.Schema != "" {
		if err := tx.checkSchema(ctx, l); err != nil {
			return nil, err
		}
	}
	all := make([]*Table, len(c.Tables))
	for i, t := range c.Tables {
		all[i] = &Table{Table: t}
		if c.Visible[t.Name] == t {
			l.tables[t.Name] = all[i]
		}
	}
	l.findCredentials(all, o)
	return l, l.findUsers(ctx, tx, o)
}

// checkSchema notes that a schema is not there, which must not pass for one without
// Django's tables.
func (tx *Tx) checkSchema(ctx context.Context, l *Layout) error {
	name := tx.opts.Schema
	if has, err := tx.HasSchema(ctx, name); err != nil || has {
		return err
	}
	schemas, err := tx.SchemasWith(ctx, MainTables())
	e := &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "there is no schema " + name, Hint: "correct --schema"}
	if schemas != nil {
		e.Hint = "Django's tables are in " + strings.Join(schemas, ", ")
	}
	l.schemaProblem = e
	return err
}
