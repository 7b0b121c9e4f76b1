package commands

import (
	"path/filepath"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// databaseInUse is the database of a run, and how it was found.
type databaseInUse struct {
	database        engine.Target
	databaseSource  string           // what named it, such as DATABASE_URL
	databaseContext *databaseContext // nil: no context named it
	ignoredPassfile string           // a password file that PostgreSQL's client ignores, and why; empty: none
	protected       string           // the context that protects it; empty: none
	agreed          bool             // a person or --confirm has agreed to a change, if it is protected
	store           *db.Store        // nil until the command opens it
}

// byDefault is the source of a database that nothing names.
const byDefault = "the default"

// resolveTarget decides which database is meant, and reads the context and the settings, also those beside a SQLite
// database. It sets the fields of a that say what was found.
func (a *App) resolveTarget() (t engine.Target, err error) {
	if t, err = a.namedTarget(); err == nil && t.Engine == engine.SQLite {
		err = a.loadSettings(filepath.Dir(t.Path))
	}
	a.database = t
	return t, err
}

// namedTarget finds the database. The order is the contract's: -d or --context,
// TOKENCTL_CONTEXT or TOKENCTL_DATABASE_URL, DATABASE_URL, tokenctl.toml, libpq's variables,
// ./db.sqlite3.
func (a *App) namedTarget() (engine.Target, error) {
	if err := a.selectDatabaseContext(); err != nil {
		return engine.Target{}, err
	}
	if err := a.loadSettings(""); err != nil {
		return engine.Target{}, err
	}
	if a.databaseContext != nil {
		a.databaseSource = "the context " + a.databaseContext.name
		return a.databaseContext.target(a.databaseContextsPath())
	}
	if a.global.database != "" {
		return a.flagTarget()
	}
	for _, name := range []string{"TOKENCTL_DATABASE_URL", "DATABASE_URL"} {
		if url := a.Getenv(name); url != "" {
			return a.parseTarget(name, url, "")
		}
	}
	if a.settings.Database != "" {
		return a.parseTarget(a.toml, a.settings.Database, filepath.Dir(a.toml))
	}
	for _, name := range []string{"PGHOST", "PGSERVICE", "PGDATABASE"} {
		if a.Getenv(name) != "" {
			a.databaseSource = name
			return engine.LibpqTarget()
		}
	}
	a.databaseSource = byDefault
	return engine.FileTarget("db.sqlite3", ""), nil
}

// flagTarget is the database of -d.
func (a *App) flagTarget() (engine.Target, error) {
	if engine.HasPassword(a.global.database) {
		return engine.Target{}, &tokenctl.Error{Code: tokenctl.CodeSecretInArgument,
			Message: "the URL of -d holds a password; every process on this machine can read arguments",
			Hint:    "put the URL into TOKENCTL_DATABASE_URL, or the password into .pgpass or a service file"}
	}
	return a.parseTarget("-d", a.global.database, "")
}

func (a *App) parseTarget(source, url, dir string) (engine.Target, error) {
	a.databaseSource = source
	t, err := engine.ParseURL(url, dir)
	return t, prefixed(source+": ", err)
}

// withSource adds the name and the source of the database to the hint of an error about
// the database, and the source of a schema that may be wrong.
func (a *App) withSource(e *tokenctl.Error) *tokenctl.Error {
	about := strings.HasPrefix(string(e.Code), "database_") || e.Code == tokenctl.CodeTableMissing || e.Code == tokenctl.CodePermissionDenied
	if a.databaseSource == "" || !about {
		return e
	}
	said := *e
	source := ", from " + a.databaseSource
	switch {
	case a.databaseSource == byDefault:
		source = ", since nothing names another"
	case strings.HasPrefix(a.databaseSource, "PG"):
		source = ", from libpq's variables, such as " + a.databaseSource
	}
	schema, ignored := "", ""
	if e.Code == tokenctl.CodeTableMissing && a.global.schema != "" {
		schema = "the schema is from --schema"
		if a.databaseContext != nil && a.databaseContext.Schema == a.global.schema {
			schema = "the schema is from " + a.databaseSource
		}
	}
	if e.Code == tokenctl.CodeDatabaseRefused {
		ignored = a.ignoredPassfile
	}
	said.Hint = joinHints(ignored, e.Hint, "the database is "+a.databaseName()+source, schema)
	return &said
}
