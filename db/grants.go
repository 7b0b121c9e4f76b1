package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// A role needs for a work exactly the data that the statements of this package read and write for it. A test
// removes each grant and looks for the command that then fails: commands/grants_test.go.

// Works are the values of grants --for: the works for which a role can get its privileges.
var Works = []string{"audit", "list", "mint", "revoke", "purge", "serve", "all"}

// Grant is a statement for the owner of the tables, with its purpose.
type Grant struct{ Statement, Why string }

// grantList collects the privileges that a role needs.
type grantList struct {
	tx    *Tx
	role  string // quoted
	words []string
	views []Grant
	needs []need
	sorts bool // the role makes temporary tables: see [filteredList]
}

// need is a privilege on a table, a view or a sequence.
type need struct {
	privilege, on string
	columns       []string // nil: the whole object
	why           string
}

// Grants returns the statements that let a role do a work and nothing else, in the order in which they must
// run. words are words that make a key easy to guess. For SQLite, which has no roles, it returns a CodeUsage
// error.
func (tx *Tx) Grants(ctx context.Context, work, role string, words []string) ([]Grant, error) {
	if tx.Engine == engine.SQLite {
		return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "SQLite has no roles and no grants: who may read the file of the database may read all of it",
			Hint: "give the file and its folder to the right user and group with chown and chmod"}
	}
	g := &grantList{tx: tx, role: engine.Quote(role), words: words}
	database, err := tx.Database(ctx)
	if err != nil {
		return nil, err
	}
	works := []string{work}
	if work == "all" {
		works = []string{"mint", "revoke", "purge", "serve"}
	}
	for _, w := range works {
		if err := g.work(ctx, w); err != nil {
			return nil, err
		}
	}
	return g.statements(database), nil
}

// add adds a privilege on a table to the needs.
func (g *grantList) add(privilege string, t *engine.Table, why string, columns ...string) {
	g.addOn(privilege, t.Own(), why, columns...)
}

func (g *grantList) addOn(privilege, on, why string, columns ...string) {
	i := slices.IndexFunc(g.needs, func(n need) bool { return n.privilege == privilege && n.on == on })
	if i < 0 {
		g.needs = append(g.needs, need{privilege: privilege, on: on, why: why})
		i = len(g.needs) - 1
	}
	n := &g.needs[i]
	if !strings.Contains(n.why, why) {
		n.why += ", " + why
	}
	for _, c := range columns {
		if !slices.Contains(n.columns, c) {
			n.columns = append(n.columns, c)
		}
	}
}

// statements returns the grants in order: the connection and the schemas, the views, and the privileges to
// read and write.
func (g *grantList) statements(database string) []Grant {
	list := []Grant{{"grant connect on database " + engine.Quote(database) + " to " + g.role, "to connect"}}
	if g.sorts {
		list = append(list, Grant{"grant temporary on database " + engine.Quote(database) + " to " + g.role, "to sort lists by what the database does not know"})
	}
	var schemas []string
	for _, t := range append(g.tx.Layout.KnownTables(), g.tx.Layout.further()...) {
		if !slices.Contains(schemas, t.Schema) {
			schemas = append(schemas, t.Schema)
		}
	}
	for _, s := range schemas {
		list = append(list, Grant{"grant usage on schema " + engine.Quote(s) + " to " + g.role, "to find the tables"})
	}
	list = append(list, g.views...)
	for _, n := range g.needs {
		columns := ""
		if n.columns != nil {
			quoted := tokenctl.Mapped(n.columns, engine.Quote)
			columns = " (" + strings.Join(quoted, ", ") + ")"
		}
		list = append(list, Grant{"grant " + n.privilege + columns + " on " + n.on + " to " + g.role, n.why})
	}
	return list
}

// further returns the tables that an audit reads in addition to the known tables.
func (l *Layout) further() (list []*engine.Table) {
	if log, _ := l.adminLog(); log != nil {
		list = append(list, log.Table)
	}
	for _, f := range l.factors {
		list = append(list, f.Table.Table)
	}
	return list
}
