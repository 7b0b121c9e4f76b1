package commands

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/output"
)

var databaseContextColumns = []output.Column{{Name: "name", Whole: true}, {Name: "database", Whole: true}, {Name: "config"}, {Name: "schema"}, {Name: "protected"}}

func newDatabaseContext(a *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "context <command>",
		Short: "Name databases and their settings",
		Long: `A context is a database with a name and its settings, for people who administer several
applications. --context, or the variable TOKENCTL_CONTEXT, selects one; there is no
default.

Contexts are in contexts.toml, in tokenctl/ under $XDG_CONFIG_HOME or ~/.config: each is
a table with database, config, schema and protected. Others must not be able to read the
file (chmod 600), so its URLs may have passwords.

If a protected context names a database, every command that changes its rows asks the
person to type the context's name, and a script gives --confirm N. This holds for every
way to name the database: the same host, port and database name, or the same SQLite file.
All addresses of this machine count as one host; names of other hosts are compared as
they are written.`,
		Example: `  tokenctl context add shop -d postgresql://admin@db.internal/shop --protected
  tokenctl list --context shop
  tokenctl context list`,
	}
	c.AddCommand(newDatabaseContextList(a), newDatabaseContextShow(a), newDatabaseContextAdd(a), newDatabaseContextRemove(a))
	return c
}

func newDatabaseContextList(a *App) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the contexts",
		Long:    `List the contexts, in the order of their names. Passwords are not shown.`,
		Example: "  tokenctl context list\n  tokenctl context list -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.databaseContexts()
			if err != nil {
				return err
			}
			if err := a.write(databaseContextColumns, a.databaseContextRows(list), false); err != nil {
				return err
			}
			if len(list) == 0 && a.Term.Stdout {
				a.say("no contexts; tokenctl context add NAME -d URL makes one")
			}
			return nil
		},
	}
}

func newDatabaseContextShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use:               "show <name>",
		Short:             "Show a context",
		Long:              `Show a context by its name. Its password is not shown.`,
		Example:           "  tokenctl context show shop\n  tokenctl context show shop --field database",
		Args:              oneDatabaseContext,
		ValidArgsFunction: a.completeDatabaseContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.databaseContextNamed(args[0])
			if err != nil {
				return err
			}
			return a.write(databaseContextColumns, a.databaseContextRows([]databaseContext{c}), true)
		},
	}
}

func newDatabaseContextAdd(a *App) *cobra.Command {
	var protected bool
	c := &cobra.Command{
		Use:   "add <name>",
		Short: "Add a context",
		Long: `Add a context for the database of -d, with the settings of --config and the schema of
--schema. The database is not contacted. A URL with a password is refused here: keep
the password in .pgpass or a service file, or write it into contexts.toml.`,
		Example: `  tokenctl context add shop -d postgresql://admin@db.internal/shop --protected
  tokenctl context add test -d sqlite:///db.sqlite3 --config tokenctl.toml`,
		Args: oneDatabaseContext,
		RunE: func(_ *cobra.Command, args []string) error {
			made := databaseContext{tokenctl.DatabaseContext{Config: a.global.config, Schema: a.global.schema, Protected: protected}, args[0]}
			if err := tokenctl.CheckDatabaseContextName(made.name); err != nil {
				return err
			}
			switch {
			case a.global.context != "":
				return usage("--context selects a context", "write tokenctl context add "+made.name+" -d URL")
			case a.global.database == "":
				return usage("the database of the context is missing", "write tokenctl context add "+made.name+" -d URL")
			}
			t, err := a.flagTarget()
			if err != nil {
				return err
			}
			if t.Engine == engine.SQLite && made.Schema != "" {
				return errNoSchemas
			}
			made.Database = a.global.database
			// A relative path would count from contexts.toml.
			if t.Engine == engine.SQLite {
				if made.Database, err = absoluteURL(t.Path); err != nil {
					return err
				}
			}
			if made.Config != "" {
				if made.Config, err = filepath.Abs(made.Config); err != nil {
					return err
				}
			}
			path, err := a.changeDatabaseContexts(made.name, func(text string) (string, error) { return appendDatabaseContext(text, made), nil })
			if err != nil {
				return err
			}
			a.say("added the context %s to %s: %s", made.name, path, t)
			return a.writeAsked(databaseContextColumns, a.databaseContextRows([]databaseContext{made}), true)
		},
	}
	c.Flags().BoolVar(&protected, "protected", false, "ask for the context's name before rows of this database are changed")
	return c
}

func newDatabaseContextRemove(a *App) *cobra.Command {
	return &cobra.Command{
		Use:               "remove <name>",
		Short:             "Remove a context",
		Long:              `Remove a context from contexts.toml. Its database stays as it is.`,
		Example:           "  tokenctl context remove shop",
		Args:              oneDatabaseContext,
		ValidArgsFunction: a.completeDatabaseContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.databaseContextNamed(args[0])
			if err != nil {
				return err
			}
			path, err := a.changeDatabaseContexts("", func(text string) (string, error) { return removeDatabaseContext(text, c.name) })
			if err != nil {
				return err
			}
			a.say("removed the context %s from %s", c.name, path)
			return a.writeAsked(databaseContextColumns, a.databaseContextRows([]databaseContext{c}), true)
		},
	}
}

func oneDatabaseContext(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(c.CommandPath()+" is about one context", "write "+c.CommandPath()+" NAME")
	}
	return nil
}

// databaseContextRows returns the rows of contexts, without passwords.
func (a *App) databaseContextRows(list []databaseContext) (rows [][]output.Value) {
	for _, c := range list {
		url := output.Null()
		if t, err := c.target(a.databaseContextsPath()); err != nil {
			a.say("note: %s", err.Error())
		} else if text := t.URL(); t.Engine == engine.PostgreSQL {
			url = output.String(text)
		} else if text, err := absoluteURL(t.Path); err == nil {
			url = output.String(text)
		}
		rows = append(rows, []output.Value{output.String(c.name), url, output.OptString(c.Config), output.OptString(c.Schema), output.Bool(c.Protected)})
	}
	return rows
}

// completeDatabaseContexts completes the name of a context.
func (a *App) completeDatabaseContexts(_ *cobra.Command, args []string, prefix string) (names []string, _ cobra.ShellCompDirective) {
	list, err := a.databaseContexts()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, c := range list {
		if !strings.HasPrefix(c.name, prefix) {
			continue
		}
		name := c.name
		if t, err := c.target(a.databaseContextsPath()); err == nil {
			name += "\t" + output.Visible(t.String())
		}
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
