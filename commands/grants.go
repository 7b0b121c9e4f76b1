package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/audit"
	"tokenctl/db"
	"tokenctl/output"
)

// grants prints the smallest set of privileges that a role of PostgreSQL needs for a work. Package db knows
// the tables and columns that its statements read and write. This file prints the grants as SQL for psql, or
// as rows.

type grantsOptions struct {
	app      *App
	work, to string
}

func newGrants(a *App) *cobra.Command {
	o := &grantsOptions{app: a}
	c := &cobra.Command{
		Use:   "grants --for <work>",
		Short: "Print the grants of a PostgreSQL role for one work and no more",
		Long: `Print the SQL that gives a role what it needs for a work and nothing else, for the
tables and columns of this database. Nothing is changed: review it, and run it as the
owner of the tables. The role itself is yours to make: create role NAME login.

  list     list, show, stats
  audit    list, and audit
  mint     mint, rotate, expire
  revoke   blacklist, unblacklist
  purge    purge
  serve    serve
  all      mint, revoke, purge and serve together

The roles for audit and list cannot read keys, tokens and password hashes. They get views
that stand beside the tables, tokenctl_authtoken_token beside authtoken_token, and show
hashes of keys, JWTs without their signatures, and of passwords the algorithm. tokenctl
uses a view where the role may not read the secrets of its table. The ids are the same;
the signatures of sessions and JWTs are then unchecked.

Django cannot change the type of a column that a view shows: drop the views before such a
migration, and run the SQL again after it.

SQLite has no roles: who may read the file may read everything.`,
		Example: `  tokenctl grants --for audit --role auditor
  tokenctl grants --for mint --role robot | psql -1 -v ON_ERROR_STOP=1 shop
  tokenctl grants --for all -o json`,
		Args: o.check,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&o.work, "for", "", "the `WORK` that the role is for: "+strings.Join(db.Works, ", "))
	f.StringVar(&o.to, "role", "", "the `NAME` of the role (default: tokenctl_ and the work)")
	must(c.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(db.Works, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

// check checks the flags for cobra's Args, and sets the default name of the role.
func (o *grantsOptions) check(c *cobra.Command, args []string) error {
	if err := noArguments(c, args); err != nil {
		return err
	}
	switch {
	case o.work == "":
		return usage("grants needs --for", "the works are "+strings.Join(db.Works, ", "))
	case !slices.Contains(db.Works, o.work):
		return usage(fmt.Sprintf("--for: there is no work %q", o.work), "the works are "+strings.Join(db.Works, ", "))
	}
	if o.to == "" {
		o.to = "tokenctl_" + o.work
	}
	return nil
}

var grantColumns = []output.Column{{Name: "statement", Whole: true}, {Name: "why", Whole: true}}

func (o *grantsOptions) run(ctx context.Context) error {
	a := o.app
	store, err := a.open()
	if err != nil {
		return err
	}
	grants, err := db.Read(ctx, store, func(tx *db.Tx) ([]db.Grant, error) { return tx.Grants(ctx, o.work, o.to, audit.Words()) })
	if err != nil {
		return err
	}
	if a.asked() || a.schemas != nil {
		return a.write(grantColumns, rowsOf(grants, func(g *db.Grant) []output.Value {
			return []output.Value{output.String(g.Statement), output.String(g.Why)}
		}), false)
	}
	why := ""
	for _, g := range grants {
		if g.Why != why {
			why = g.Why
			if _, err := fmt.Fprintf(a.Stdout, "-- %s\n", why); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(a.Stdout, "%s;\n", g.Statement); err != nil {
			return err
		}
	}
	return nil
}
