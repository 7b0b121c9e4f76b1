package db

import (
	"context"
	"slices"

	"tokenctl/db/engine"
)

// work adds the needs of one work.
func (g *grantList) work(ctx context.Context, work string) error {
	data := g.tx.Layout.Has("jwt") || g.tx.Layout.Has("session") // lists sort by facts inside of the data
	g.sorts = g.sorts || data && work != "purge" && work != "serve"
	if work == "audit" || work == "list" {
		g.masked(work)
		if work == "audit" {
			return g.audited(ctx)
		}
		return nil
	}
	g.read(work)
	l := g.tx.Layout
	kinds := map[string]*Table{}
	for _, c := range kindTables {
		if t, err := l.usableTable(c.kind); err == nil {
			kinds[c.kind] = t
		}
	}
	switch work {
	case "mint":
		return g.minted(ctx, kinds)
	case "revoke":
		for _, kind := range []string{"drf", "knox", "session"} {
			if t := kinds[kind]; t != nil {
				g.add("delete", t.Table, "blacklist")
			}
		}
		if b := l.Blacklisted(); b != nil {
			g.add("delete", b.Table, "unblacklist")
		}
		return g.blacklisted(ctx, "blacklist")
	case "purge":
		for _, c := range kindTables {
			if t := kinds[c.kind]; t != nil {
				g.add("delete", t.Table, "purge")
			}
		}
		if b := l.Blacklisted(); b != nil {
			g.add("select", b.Table, "purge", "id", "token_id")
			g.add("delete", b.Table, "purge")
		}
	case "serve":
		return g.served(ctx, kinds)
	}
	return nil
}

// userColumnNames are the columns of users that lists read.
var userColumnNames = []string{"is_active", "password", "email", "first_name", "last_name", "is_staff", "is_superuser", "date_joined", "last_login"}

// read adds the columns that every command reads from tables if it does not use views.
func (g *grantList) read(why string) {
	l := g.tx.Layout
	for _, u := range l.userTables() {
		for _, t := range u.tables() {
			columns := columnNames(t)
			if len(u.Children) == 0 { // with child tables, a query joins the tables with all of their columns
				columns = slices.DeleteFunc(columns, func(c string) bool {
					return c != u.Key && c != u.Username && !slices.Contains(userColumnNames, c)
				})
			}
			g.add("select", t, why, columns...)
		}
	}
	for _, m := range l.masks() {
		if c := l.kindOf(m.table); c != "" {
			g.add("select", m.table, why, m.columns...)
		}
	}
	if b := l.Blacklisted(); b != nil {
		g.add("select", b.Table, why, "token_id")
	}
}

// kindOf returns the kind whose credentials a table holds. It returns an empty text if the table holds none.
func (l *Layout) kindOf(t *engine.Table) string {
	for _, c := range kindTables {
		if own := l.tables[c.table]; own != nil && own.Table == t {
			return c.kind
		}
	}
	return ""
}

// masked adds the views, and the columns that a role reads in addition to them.
func (g *grantList) masked(why string) {
	l := g.tx.Layout
	for _, m := range l.masks() {
		if why != "audit" && l.tables[tableAdminLog] != nil && m.table == l.tables[tableAdminLog].Table {
			continue
		}
		g.views = append(g.views, Grant{m.definition(g.words), "shows " + m.table.String() + " without its secrets"})
		g.addOn("select", m.view(), why)
	}
	for _, u := range l.userTables() {
		for _, t := range u.tables() {
			if u.Column("password") == nil || t != u.holder("password") {
				g.add("select", t, why, columnNames(t)...)
			}
		}
	}
	if b := l.Blacklisted(); b != nil {
		g.add("select", b.Table, why, "token_id", "blacklisted_at")
	}
}

// audited adds the columns and sequences that the rules of an audit read in addition to the lists.
func (g *grantList) audited(ctx context.Context) error {
	l := g.tx.Layout
	if b := l.Blacklisted(); b != nil {
		g.add("select", b.Table, "ownerless", "id")
	}
	for _, f := range l.factors {
		columns := []string{"user_id", "confirmed"}
		if f.kind == "" {
			columns[1] = "type"
		}
		g.add("select", f.Table.Table, "no-second-factor", columns...)
	}
	sequences, err := g.tx.Sequences(ctx, l.Written())
	for _, s := range sequences {
		g.addOn("select", "sequence "+s.Name, "schema-drift")
	}
	return err
}

// numbered adds the sequences that number new rows of a table.
func (g *grantList) numbered(ctx context.Context, t *engine.Table, why string) error {
	names, err := g.tx.SequencesOf(ctx, t)
	for _, name := range names {
		g.addOn("usage", "sequence "+name, why)
	}
	return err
}

// inserted adds the privileges for a new row of a kind.
func (g *grantList) inserted(ctx context.Context, kind string, t *Table, why string) error {
	g.add("insert", t.Table, why, append(slices.Clone(insertedColumns[kind]), t.Required(insertedColumns[kind]...)...)...)
	return g.numbered(ctx, t.Table, why)
}

// minted adds the privileges for the writes of mint, rotate and expire.
func (g *grantList) minted(ctx context.Context, kinds map[string]*Table) error {
	l := g.tx.Layout
	for _, c := range kindTables {
		t := kinds[c.kind]
		if t == nil || c.kind == "knox" && l.knoxMintable(t) != nil {
			continue
		}
		if err := g.inserted(ctx, c.kind, t, "mint"); err != nil {
			return err
		}
		switch c.kind {
		case "drf":
			g.add("update", t.Table, "rotate", "key", "created")
		case "knox":
			g.add("update", t.Table, "rotate", "digest", "token_key", "created", "expiry")
		case "session":
			g.add("update", t.Table, "rotate", "session_key", "session_data", "expire_date")
		}
	}
	return g.blacklisted(ctx, "rotate")
}

// blacklisted adds the privileges for the blacklisting of JWTs. The blacklisting locks the rows of the JWTs,
// and a lock needs the right to update a column.
func (g *grantList) blacklisted(ctx context.Context, why string) error {
	o, b := g.tx.Layout.Outstanding(), g.tx.Layout.Blacklisted()
	if o == nil || b == nil {
		return nil
	}
	g.add("update", o.Table, why, "created_at")
	g.add("insert", b.Table, why, "token_id", "blacklisted_at")
	return g.numbered(ctx, b.Table, why)
}

// served adds the privileges for the writes of the test server's views.
func (g *grantList) served(ctx context.Context, kinds map[string]*Table) error {
	l := g.tx.Layout
	if u := l.User; u != nil {
		for _, name := range []string{u.Username, "password", "first_name", "last_name", "last_login"} {
			if u.Column(name) != nil {
				g.add("update", u.holder(name), "serve", name)
			}
		}
	}
	for _, c := range kindTables {
		t := kinds[c.kind]
		if t == nil {
			continue
		}
		if err := g.inserted(ctx, c.kind, t, "serve"); err != nil {
			return err
		}
		switch c.kind {
		case "knox":
			g.add("update", t.Table, "AUTO_REFRESH", "expiry")
		case "session":
			g.add("update", t.Table, "serve", "session_data", "expire_date")
		}
		if c.kind != "jwt" {
			g.add("delete", t.Table, "serve")
		}
	}
	return g.blacklisted(ctx, "serve")
}
