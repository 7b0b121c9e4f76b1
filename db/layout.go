package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Layout describes Django's tables in a database. It is read from the catalogue and never
// from django_migrations, whose names do not prove a layout.
type Layout struct {
	Engine  engine.Dialect
	Version string // the server's, such as "15.18"
	Schema  string // PostgreSQL: the schema in which new tables would be created
	// User is the table in which users are looked up: the table of AUTH_USER_MODEL or, after
	// [Store.ChooseUsers], the table of the chosen kinds. It is nil if the database does not show
	// which table that is. A table of credentials has its own users: see [Table.Owner].
	User   *UserTable
	auth   *UserTable        // the table of AUTH_USER_MODEL
	tables map[string]*Table // by the names of Django's own tables
	zone   django.Zone
	// noTables is the reason why the database has no tables of Django.
	noTables error
	// userProblem is the reason why User is nil.
	userProblem error
	// problems are the reasons why tables of credentials cannot be used, by the names of Django's tables.
	problems map[string]error
	// Contradicted names the foreign keys that contradict the setting user_table.
	Contradicted string
	factors      []*factorTable
}

// Table is a table of a Django app, or the table of a model that replaces the app's own.
type Table struct {
	*engine.Table
	// Owner is the table of the users to whom the rows of a table of credentials belong, according to
	// its foreign key. Without a foreign key it is the table of AUTH_USER_MODEL, or nil if that is not
	// known.
	Owner *UserTable
}

// The tables that tokenctl knows, by Django app.
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

// MainTables returns the names of the tables of users and credentials.
func MainTables() []string {
	return []string{tableUser, tableAuthToken, tableKnox, tableOutstanding, tableSession}
}

// AuthToken returns the table of rest_framework.authtoken, or of the project's own token model. It is nil if
// the database has neither.
func (l *Layout) AuthToken() *Table { return l.tables[tableAuthToken] }

// Knox returns knox's token table, or nil if the database does not have it.
func (l *Layout) Knox() *Table { return l.tables[tableKnox] }

// Outstanding returns the table of simplejwt's OutstandingToken, or nil if the database does not have it.
func (l *Layout) Outstanding() *Table { return l.tables[tableOutstanding] }

// Blacklisted returns the table of simplejwt's BlacklistedToken, or nil if the database does not have it.
func (l *Layout) Blacklisted() *Table { return l.tables[tableBlacklisted] }

// Session returns the table of django.contrib.sessions, or of the project's own session model. It is nil if
// the database has neither.
func (l *Layout) Session() *Table { return l.tables[tableSession] }

// Empty returns an error with the code [tokenctl.CodeTableMissing] if the database has none of Django's
// tables, or not the schema of the options.
func (l *Layout) Empty() error { return l.noTables }

// Migrations returns Django's table of applied migrations, or nil if the database does not have it.
func (l *Layout) Migrations() *Table { return l.tables[tableMigrations] }

// detect reads the layout from the catalogue.
func (tx *Tx) detect(ctx context.Context) (*Layout, error) {
	o := *tx.opts
	names := slices.Clone(knownTables)
	for _, name := range []string{o.UserTable, o.AuthTokenTable, o.TokenTable, o.SessionTable} {
		if name != "" {
			names = append(names, name)
		}
	}
	c, err := tx.ReadCatalogue(ctx, engine.Search{Names: names, Follow: "user_id", Views: viewPrefix,
		Columns: [][]string{{"digest"}, {"key", "created", "user_id"}, {"session_data"}, {"confirmed", "name", "user_id"}, {"device_id", "token"}}})
	if err != nil {
		return nil, err
	}
	l := &Layout{Engine: tx.Engine, Version: c.Version, Schema: c.Schema, tables: map[string]*Table{}, problems: map[string]error{}, zone: o.Zone}
	if len(c.Tables) == 0 {
		if l.noTables, err = tx.whyEmpty(ctx); err != nil {
			return nil, err
		}
	}
	var all []*Table
	var views []*engine.Table
	for _, t := range c.Tables {
		if t.Form == engine.View && strings.HasPrefix(t.Name, viewPrefix) && !slices.Contains(names, t.Name) {
			views = append(views, t)
			continue
		}
		found := &Table{Table: t}
		all = append(all, found)
		if c.Visible[t.Name] == t {
			l.tables[t.Name] = found
		}
	}
	l.findCredentials(all, o)
	if err := l.findUsers(ctx, tx, o); err != nil {
		return nil, err
	}
	l.findFactors(all)
	return l, l.readThroughViews(ctx, tx, views)
}

// whyEmpty returns the error for a database in which no table has the name or the columns of one of
// Django's. missing is nil if a table may be a user table.
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

// userTables returns the names of tables with the columns of AbstractBaseUser
// (django/contrib/auth/base_user.py, 5.2).
func (tx *Tx) userTables(ctx context.Context) ([]string, error) {
	return tx.TablesWith(ctx, "password", "last_login")
}
