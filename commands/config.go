package commands

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tokenctl/db"
	"tokenctl/django"
)

const settingsFile = "tokenctl.toml"

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
		a.settings = new(django.Settings)
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &django.Error{Code: django.CodeNotFound, Message: "there is no " + path, Hint: "correct --config"}
	}
	if err != nil {
		return err
	}
	settings, err := django.ParseSettings(text)
	if err != nil {
		var e *django.Error
		if errors.As(err, &e) {
			e.Message = path + ": " + e.Message
		}
		return err
	}
	a.settings, a.toml = settings, path
	return nil
}

// readPrivate reads a file that holds, or leads to, secrets: like an ssh key it
// must belong to the caller or root and give nothing to anybody else.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, &django.Error{Code: django.CodeFailed, Message: "cannot read " + path + ": " + reason(err), Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return nil, &django.Error{Code: django.CodeConfigUnsafe, Message: path + " belongs to another user", Hint: "chown it to yourself after reading it"}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, &django.Error{Code: django.CodeConfigUnsafe, Message: fmt.Sprintf("%s is open to others (mode %04o)", path, mode),
			Hint: "chmod 600 " + path}
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, &django.Error{Code: django.CodeFailed, Message: "cannot read " + path + ": " + reason(err), Err: err}
	}
	return text, nil
}

// target decides which database is meant. The order is the contract's: flag,
// TOKENCTL_DATABASE_URL, DATABASE_URL, tokenctl.toml, libpq's variables,
// ./db.sqlite3.
func (a *App) target() (db.Target, error) {
	if err := a.loadSettings(""); err != nil {
		return db.Target{}, err
	}
	if a.global.database != "" {
		if db.HasPassword(a.global.database) {
			return db.Target{}, &django.Error{Code: django.CodeSecretInArgument,
				Message: "the URL of -d holds a password; every process on this machine can read arguments",
				Hint:    "put the URL into TOKENCTL_DATABASE_URL, or the password into .pgpass or a service file"}
		}
		return a.parseTarget("-d", a.global.database, "")
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
			return db.LibpqTarget()
		}
	}
	a.source = "the default"
	return db.FileTarget("db.sqlite3", ""), nil
}

func (a *App) parseTarget(source, url, dir string) (db.Target, error) {
	a.source = source
	t, err := db.ParseURL(url, dir)
	var e *django.Error
	if errors.As(err, &e) {
		e.Message = source + ": " + e.Message
	}
	return t, err
}

// open prepares the database that is meant.
func (a *App) open() (*db.Store, error) {
	t, err := a.target()
	if err != nil {
		return nil, err
	}
	return a.openTarget(t)
}

func (a *App) openTarget(t db.Target) (*db.Store, error) {
	if t.Engine == db.SQLite {
		if a.global.schema != "" {
			return nil, usage("--schema is for PostgreSQL; SQLite has none", "leave out --schema")
		}
		if err := a.loadSettings(filepath.Dir(t.Path)); err != nil {
			return nil, err
		}
	}
	if err := a.settings.Apply(a.override); err != nil {
		return nil, err
	}
	a.explain("database %s, from %s", t, a.source)
	zone, err := a.settings.Time.Zone()
	if err != nil {
		return nil, err
	}
	store, err := db.Open(t, db.Options{Schema: a.global.schema, Timeout: a.global.timeout, Version: buildInfo().version, Now: a.Now,
		UserTable: a.settings.Auth.UserTable, UsernameField: a.settings.Auth.UsernameField, TokenTable: a.settings.Knox.TokenTable, Zone: zone, Connections: a.connections})
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}
