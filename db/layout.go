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
	// empty is why there is nothing to work with at all.
	empty error
	// userProblem is why there is no User.
	userProblem error
	// problems are why kinds cannot be worked with, by the names of their tables.
	problems map[string]error
	// contradicted says which foreign keys contradict the setting user_table.
	contradicted string
	factors      []*factorTable
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
	tableMFA          = "mfa_authenticator"
)

var knownTables = []string{tableUser, tableAuthToken, tableKnox, tableOutstanding, tableBlacklisted,
	tableSession, tableAdminLog, tableMigrations, tableContentTypes, tableMFA}

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

// Empty is a CodeTableMissing error if the database has none of Django's tables, or not the
// schema that was asked for; else nil.
func (l *Layout) Empty() error { return l.empty }

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
		Columns: [][]string{{"digest"}, {"key", "created", "user_id"}, {"session_data"}, {"confirmed", "name", "user_id"}, {"device_id", "token"}}})
	if err != nil {
		return nil, err
	}
	l := &Layout{Engine: tx.Engine, Version: c.Version, Schema: c.Schema, tables: map[string]*Table{}, problems: map[string]error{}, zone: o.Zone}
	if len(c.Tables) == 0 {
		if l.empty, err = tx.whyEmpty(ctx); err != nil {
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
	if err := l.findUsers(ctx, tx, o); err != nil {
		return nil, err
	}
	l.findFactors(all)
	return l, nil
}

// whyEmpty says what is missing if no table has a name or the columns of one of Django's. It
// returns nil if a table may hold users.
func (tx *Tx) whyEmpty(ctx context.Context) (missing, err error) {
	users, err := tx.userTables(ctx)
	if users != nil || err != nil {
		return nil, err
	}
	e := &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has none of Django's tables",
		Hint: "check that this is the application's database; manage.py migrate makes the tables, and tokenctl init makes them in an empty database"}
	if tx.Engine == engine.SQLite {
		return e, nil
	}
	mend := "give --schema "
	if schema := tx.opts.Schema; schema != "" {
		has, err := tx.HasSchema(ctx, schema)
		if err != nil {
			return nil, err
		}
		mend, e.Message = "correct the name of the schema to ", "the schema "+schema+" has none of Django's tables"
		if !has {
			e.Message, e.Hint = "there is no schema "+schema, "correct the name of the schema"
		}
	}
	schemas, err := tx.SchemasWith(ctx, MainTables(), true)
	if schemas != nil {
		if tx.opts.Schema == "" {
			e.Message = "no schema of search_path has Django's tables"
		}
		e.Hint = "Django's tables are in " + strings.Join(schemas, ", ") + ": " + mend + schemas[0]
	}
	return e, err
}

// userTables are the tables with the columns of AbstractBaseUser, in
// django/contrib/auth/base_user.py (5.2).
func (tx *Tx) userTables(ctx context.Context) ([]string, error) {
	return tx.TablesWith(ctx, "password", "last_login")
}
