package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/output"
)

// A command that takes several schemas, as with --schema a,b or --schema 'tenant_*', runs
// once in each: it opens the database, shows what it would change, asks, and changes it in a
// transaction of that schema. The rows of all schemas are one document with a last column
// schema. An error ends the command; what was done in the schemas before stands, and is said.
// A command that only reads, or has --keep-going, goes on with the next schema.

// schemas is the state of a command that runs in several schemas.
type schemas struct {
	name string   // of the schema that the command is in now
	done []string // the schemas that it has changed
	rows *output.Parts
}

var schemaColumn = output.Column{Name: "schema", Whole: true}

// inSchemas lets a command run in several schemas.
func inSchemas(a *App, c *cobra.Command) *cobra.Command {
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := a.selectDatabaseContext(); err != nil {
			return err
		}
		if !severalSchemas(a.global.schema) {
			return run(c, args)
		}
		if err := a.checkSchemaFlags(c, args); err != nil {
			return err
		}
		names, err := a.schemaNames(c.Context())
		if err != nil {
			return err
		}
		goOn, _ := c.Flags().GetBool("keep-going") // false where there is no such flag
		return a.eachSchema(names, goOn, func() error { return run(c, args) })
	}
	return c
}

// severalSchemas reports whether the value of --schema can name more than one.
func severalSchemas(value string) bool { return strings.ContainsAny(value, ",*?") }

// checkSchemaFlags refuses what is for one schema.
func (a *App) checkSchemaFlags(c *cobra.Command, args []string) error {
	changed := func(name string) bool { f := c.Flags().Lookup(name); return f != nil && f.Changed }
	switch {
	case len(args) > 0 || changed("token-file"):
		return usage("ids and secrets need one schema", "name it with --schema; selectors such as --user go with several")
	case changed("confirm"):
		return usage("--confirm is for one schema: the number of each schema is its own", "name one with --schema, or give --yes")
	case changed("out"):
		return usage("--out is for one schema: each has a transaction of its own", "name one with --schema, or write to stdout")
	case changed("baseline"):
		return usage("--baseline is for one schema: the same id names another credential in another schema", "name one with --schema")
	case a.global.output == sarif:
		return usage("-o sarif is for one schema", "name one with --schema, or give another --output")
	}
	return nil
}

// schemaNames are the schemas that --schema names: as they are listed, and of a pattern those
// that hold tables of Django's, by name.
func (a *App) schemaNames(ctx context.Context) (names []string, err error) {
	t, err := a.resolveTarget()
	if err != nil {
		return nil, err
	}
	wanted := strings.Split(a.global.schema, ",")
	if t.Engine == engine.SQLite {
		return nil, errNoSchemas
	}
	a.global.schema = ""
	store, err := a.openTarget(t)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // nothing was written
	err = store.Inspect(ctx, func(tx *db.Tx, _ error) error {
		there, err := tx.SchemasWith(ctx, db.MainTables(), false)
		if err != nil {
			return err
		}
		for _, name := range wanted {
			found, err := schemasLike(ctx, tx, strings.TrimSpace(name), there)
			if err != nil {
				return err
			}
			names = append(names, found...)
		}
		return nil
	})
	return dedupe(names), err
}

// schemasLike are the schemas that a name or a pattern means. there are those with tables of
// Django's.
func schemasLike(ctx context.Context, tx *db.Tx, name string, there []string) ([]string, error) {
	if name == "" {
		return nil, usage("--schema has an empty name in it", "write --schema a,b")
	}
	if !severalSchemas(name) {
		has, err := tx.HasSchema(ctx, name)
		if err == nil && !has {
			err = &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no schema " + name, Hint: "with tables of Django's are: " + cmp.Or(firstOf(there, ", "), "none")}
		}
		return []string{name}, err
	}
	// Only * and ? mean more than themselves here. For path.Match a slash ends what * matches.
	pattern := strings.NewReplacer(`\`, `\\`, "[", `\[`, "/", "\x00").Replace(name)
	var found []string
	for _, schema := range there {
		if like, err := path.Match(pattern, strings.ReplaceAll(schema, "/", "\x00")); like && err == nil {
			found = append(found, schema)
		}
	}
	if found == nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "no schema with tables of Django's is like " + name, Hint: "with tables of Django's are: " + cmp.Or(firstOf(there, ", "), "none")}
	}
	return found, nil
}

// eachSchema runs the command in each of the schemas. If goOn is set, or the command only
// reads, an error in a schema does not end the command.
func (a *App) eachSchema(names []string, goOn bool, run func() error) error {
	a.schemas = &schemas{rows: &output.Parts{Column: schemaColumn}}
	var no error
	var failed []error
	for _, name := range names {
		err := a.inSchema(name, run)
		switch {
		case err == nil:
		case errors.Is(err, errNo):
			no = err
		case tokenctl.CodeOf(err) == tokenctl.CodePartlyDone, (goOn || !a.mutating) && endsOnlySchema(err):
			failed = append(failed, prefixed("schema "+name+": ", err))
		default:
			a.schemas.rows.Flush(a.Stdout) //nolint:errcheck // the error that ended the command is the one to tell
			return prefixed("schema "+name+": ", err)
		}
	}
	if len(failed) == len(names) {
		return failed[0]
	}
	if err := a.schemas.rows.Close(a.Stdout); err != nil {
		return err
	}
	if failed != nil {
		return schemasFailed(failed, len(names))
	}
	return no
}

// inSchema runs the command in a schema.
func (a *App) inSchema(name string, run func() error) error {
	a.global.schema, a.schemas.name, a.schemas.rows.Value = name, name, output.String(name)
	a.agreed, a.outcome.standing = false, ""
	a.outcome.begun, a.outcome.changed, a.outcome.delivered = false, false, nil
	a.publishOutcome(false)
	recorded := len(a.recorded)
	err := run()
	if a.store != nil {
		a.store.Close() //nolint:errcheck // every transaction has ended
	}
	switch {
	case a.outcome.changed:
		a.schemas.done = append(a.schemas.done, name)
	case tokenctl.CodeOf(err) != tokenctl.CodeOutcomeUnknown:
		a.recorded = a.recorded[:recorded] // it was not done
	}
	return err
}

// endsOnlySchema reports whether an error is about one schema: the next one may be in order.
func endsOnlySchema(err error) bool {
	return slices.Contains(cannotCodes, tokenctl.CodeOf(err)) && tokenctl.CodeOf(err) != tokenctl.CodeUsage ||
		slices.Contains([]tokenctl.Code{tokenctl.CodeUserNotFound, tokenctl.CodeNotFound, tokenctl.CodeChanged}, tokenctl.CodeOf(err))
}

// schemasFailed is the error for a command that could not do its work in some of n schemas.
func schemasFailed(failed []error, n int) error {
	reasons := tokenctl.Mapped(failed, error.Error)
	return &tokenctl.Error{Code: tokenctl.CodePartlyDone,
		Message: fmt.Sprintf("%d of %d schemas were done; not done: %s", n-len(failed), n, strings.Join(reasons, "; "))}
}

// standing says in which schemas the command has changed rows before this one; nothing if
// there are none.
func (s *schemas) standing() string {
	if s == nil || s.done == nil {
		return ""
	}
	return "what was done in other schemas stands: " + strings.Join(s.done, ", ")
}

// here names the schema that the command is in, if there are several.
func (s *schemas) here() string {
	if s == nil || s.name == "" {
		return ""
	}
	return "schema " + s.name
}

// parts is the document of the rows of all schemas; nil if there is one schema.
func (s *schemas) parts() *output.Parts {
	if s == nil {
		return nil
	}
	return s.rows
}

var errNoSchemas = usage("--schema is for PostgreSQL; SQLite has none", "leave out --schema")
