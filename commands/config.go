package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/django"
)

const settingsFile = "tokenctl.toml"

// byDefault is the source of a database that nothing names.
const byDefault = "the default"

// loadSettings reads the settings from --config, else from the working
// directory. beside is the folder of the SQLite database in use, once that is
// known; the file there is read when neither of the others is.
func (a *App) loadSettings(beside string) error {
	if a.toml != "" {
		return nil
	}
	path := a.global.config
	if path == "" {
		path = filepath.Join(beside, settingsFile)
	}
	text, err := readPrivate(path)
	// In a folder that may not be entered, such as another user's home, nothing
	// can be meant for this user.
	if _, stat := os.Lstat(path); errors.Is(stat, fs.ErrPermission) {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) && a.global.config == "" {
		a.settings = new(tokenctl.Settings)
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no " + path, Hint: a.correctConfig()}
	}
	if err != nil {
		return err
	}
	settings, err := tokenctl.ParseSettings([]byte(text))
	if err != nil {
		return prefixed(path+": ", err)
	}
	a.settings, a.toml = settings, path
	// Every release is one, or there had been an error.
	var newer []string
	a.settings.Peers, newer, _ = settings.Peers.Known()
	if newer != nil {
		a.say("note: %s: %s", path, strings.Join(newer, "; "))
	}
	return nil
}

// correctConfig is the hint where the file of settings is not there.
func (a *App) correctConfig() string {
	if a.context != nil && a.global.config == a.context.Config {
		return "correct config of the context " + a.context.name + " in " + a.contextsPath()
	}
	return "correct --config"
}

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
	if err := a.selectContext(); err != nil {
		return engine.Target{}, err
	}
	if err := a.loadSettings(""); err != nil {
		return engine.Target{}, err
	}
	if a.context != nil {
		a.source = "the context " + a.context.name
		return a.context.target(a.contextsPath())
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
			a.source = name
			return engine.LibpqTarget()
		}
	}
	a.source = byDefault
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
	a.source = source
	t, err := engine.ParseURL(url, dir)
	return t, prefixed(source+": ", err)
}

// withSource adds the name and the source of the database to the hint of an error about
// the database, and the source of a schema that may be wrong.
func (a *App) withSource(e *tokenctl.Error) *tokenctl.Error {
	about := strings.HasPrefix(string(e.Code), "database_") || e.Code == tokenctl.CodeTableMissing || e.Code == tokenctl.CodePermissionDenied
	if a.source == "" || !about {
		return e
	}
	said := *e
	source := ", from " + a.source
	switch {
	case a.source == byDefault:
		source = ", since nothing names another"
	case strings.HasPrefix(a.source, "PG"):
		source = ", from libpq's variables, such as " + a.source
	}
	schema, ignored := "", ""
	if e.Code == tokenctl.CodeTableMissing && a.global.schema != "" {
		schema = "the schema is from --schema"
		if a.context != nil && a.context.Schema == a.global.schema {
			schema = "the schema is from " + a.source
		}
	}
	if e.Code == tokenctl.CodeDatabaseRefused {
		ignored = a.ignored
	}
	said.Hint = joinHints(ignored, e.Hint, "the database is "+a.databaseName()+source, schema)
	return &said
}

// open prepares the database that is meant.
func (a *App) open() (*db.Store, error) {
	t, err := a.resolveTarget()
	if err != nil {
		return nil, err
	}
	return a.openTarget(t)
}

// read returns what look finds in a transaction that only reads.
func read[T any](ctx context.Context, store *db.Store, look func(*db.Tx) (T, error)) (found T, err error) {
	err = store.Read(ctx, func(tx *db.Tx) (err error) {
		found, err = look(tx)
		return err
	})
	return found, err
}

var errNoSchemas = usage("--schema is for PostgreSQL; SQLite has none", "leave out --schema")

func (a *App) openTarget(t engine.Target) (*db.Store, error) {
	if t.Engine == engine.SQLite && a.global.schema != "" {
		return nil, errNoSchemas
	}
	if severalSchemas(a.global.schema) {
		return nil, usage("this command takes one schema, and "+a.global.schema+" may be several", "name one with --schema")
	}
	if err := a.settings.Apply(a.override); err != nil {
		return nil, err
	}
	a.explain("database %s, from %s", t, a.source)
	if a.ignored = t.Ignored; a.ignored != "" {
		a.say("warning: %s: it is ignored, as PostgreSQL's own programs do", a.ignored)
	}
	zone, err := django.NewZone(a.settings.Time)
	if err != nil {
		return nil, err
	}
	o := db.Options{Schema: a.global.schema, Timeout: a.global.timeout, Version: buildInfo().version, Now: a.Now,
		UserTable: a.settings.Auth.UserTable, UsernameField: a.settings.Auth.UsernameField, TokenTable: a.settings.Knox.TokenTable,
		AuthTokenTable: a.settings.DRF.TokenTable, SessionTable: a.settings.Session.SessionTable, Zone: zone, Connections: a.connections,
		Warn: func(text string) { a.say("warning: %s", text) }}
	if a.mutating {
		o.Phase = a.follow
	}
	if a.mutating || a.requests {
		if err := a.findProtection(t); err != nil {
			return nil, err
		}
		o.Allow = a.allowed
	}
	if err := a.openJournal(&o); err != nil {
		return nil, err
	}
	store, err := db.Open(t, o)
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}
