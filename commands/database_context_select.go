package commands

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Users say context for a database with a name, in contexts.toml. --context or TOKENCTL_CONTEXT selects one; there is
// no default context. The code says database context, because a context alone is a [context.Context].

// databaseContext is a database context with its name. Its relative paths count from contexts.toml.
type databaseContext struct {
	tokenctl.DatabaseContext
	name string
}

// target returns the context's database.
func (c databaseContext) target(file string) (engine.Target, error) {
	t, err := engine.ParseURL(c.Database, filepath.Dir(file))
	return t, prefixed(file+": "+c.name+": ", err)
}

// databaseContextsPath returns the path of contexts.toml. It is empty without XDG_CONFIG_HOME and HOME. A relative
// XDG_CONFIG_HOME is ignored (XDG Base Directory Specification 0.8, "Basics").
func (a *App) databaseContextsPath() string {
	if dir := a.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tokenctl", "contexts.toml")
	}
	if home := a.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "tokenctl", "contexts.toml")
	}
	return ""
}

// databaseContexts reads contexts.toml. Without a file there are none.
func (a *App) databaseContexts() ([]databaseContext, error) {
	path := a.databaseContextsPath()
	if path == "" {
		return nil, nil
	}
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseDatabaseContexts(path, text)
}

func parseDatabaseContexts(path, text string) ([]databaseContext, error) {
	found, err := tokenctl.ParseDatabaseContexts([]byte(text))
	if err != nil {
		return nil, prefixed(path+": ", err)
	}
	var list []databaseContext
	for _, name := range slices.Sorted(maps.Keys(found)) {
		c := databaseContext{found[name], name}
		if c.Config != "" && !filepath.IsAbs(c.Config) {
			c.Config = filepath.Join(filepath.Dir(path), c.Config)
		}
		list = append(list, c)
	}
	return list, nil
}

// databaseContextNamed returns the context with this name.
func (a *App) databaseContextNamed(name string) (databaseContext, error) {
	list, err := a.databaseContexts()
	if err != nil {
		return databaseContext{}, err
	}
	var names []string
	for _, c := range list {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	hint := "tokenctl context add " + name + " -d URL makes it"
	if tokenctl.CheckDatabaseContextName(name) != nil {
		hint = "tokenctl context list shows them"
	}
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	} else if names != nil {
		hint = "the contexts are " + strings.Join(names, ", ") + "; " + hint
	}
	return databaseContext{}, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no context " + name, Hint: hint}
}

// selectDatabaseContext finds the context that --context or TOKENCTL_CONTEXT names. Every flag takes precedence over
// every variable.
func (a *App) selectDatabaseContext() error {
	name, variable := a.global.context, a.Getenv("TOKENCTL_CONTEXT")
	switch {
	case a.global.database != "" && name != "":
		return errTwoDatabases
	case a.global.database != "" || a.databaseContext != nil:
		return nil
	case name == "" && variable != "" && a.Getenv("TOKENCTL_DATABASE_URL") != "":
		return usage("TOKENCTL_CONTEXT and TOKENCTL_DATABASE_URL are both set", "unset one of them; -d or --context is stronger than both")
	case name == "":
		name = variable
	}
	if name == "" {
		return nil
	}
	if holdsSecret(name) {
		return usage("TOKENCTL_CONTEXT holds a secret, not the name of a context", "unset it, or give it the name of a context: tokenctl context list")
	}
	c, err := a.databaseContextNamed(name)
	if err != nil {
		return err
	}
	if a.global.config == "" {
		a.global.config = c.Config
	}
	if a.global.schema == "" {
		a.global.schema = c.Schema
	}
	a.databaseContext = &c
	return nil
}

var errTwoDatabases = usage("-d and --context do not go together", "give one of them")
