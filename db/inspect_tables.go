package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tokenctl/db/engine"
)

// Written returns the tables that commands write: the tables of users and credentials, and the tables
// behind views of them.
func (l *Layout) Written() []*engine.Table {
	list := l.KnownTables()
	for _, t := range list {
		for b := t.Base(); b != nil && !slices.Contains(list, b); b = b.Base() {
			list = append(list, b)
		}
	}
	return list
}

// NotUnique is a column whose unique constraint in Django is missing in the database.
type NotUnique struct {
	Table  *engine.Table
	Column string
	Create string // the statement that creates the constraint
}

// NotUnique returns the columns of the tables of credentials that have lost their unique constraint. It
// skips views and foreign tables, which declare none.
func (l *Layout) NotUnique() (list []NotUnique) {
	for _, known := range []struct{ table, column string }{{tableAuthToken, "key"}, {tableAuthToken, "user_id"}, {tableKnox, "digest"}, {tableOutstanding, "id"}, {tableOutstanding, "jti"},
		{tableBlacklisted, "token_id"}, {tableSession, "session_key"}} {
		t := l.tables[known.table]
		if t == nil || !t.Stored() || known.table == tableAuthToken && known.column == "user_id" && l.SeveralTokens() {
			continue
		}
		c := t.Column(known.column)
		if c == nil || c.Unique || c.PrimaryKey && t.PrimaryKey() == c {
			continue
		}
		n := NotUnique{Table: t.Table, Column: c.Name, Create: "alter table " + t.Own() + " add unique (" + engine.Quote(c.Name) + ")"}
		if l.Engine == engine.SQLite {
			n.Create = "create unique index " + engine.Quote(t.Name+"_"+c.Name+"_key") + " on " + t.Own() + " (" + engine.Quote(c.Name) + ")"
		}
		list = append(list, n)
	}
	return list
}

// OddType is a column whose type is not Django's.
type OddType struct {
	Table              *engine.Table
	Column, Type, Want string
	Mend               string // the statement that restores the type; empty if there is none
}

// OddTypes returns the columns of the known tables whose types belong to another family than Django's. A
// column without a type, which SQLite allows, is not among them.
func (l *Layout) OddTypes() (list []OddType) {
	for _, t := range l.KnownTables() {
		for i := range t.Columns {
			c := &t.Columns[i]
			want, fits := djangoType(c)
			if want == "" || fits || c.Type == "" {
				continue
			}
			odd := OddType{Table: t, Column: c.Name, Type: c.Type, Want: want}
			if l.Engine == engine.PostgreSQL && t.Stored() {
				odd.Mend = fmt.Sprintf("alter table %s alter column %s type %s using %[2]s::%[3]s", t.SQL(), engine.Quote(c.Name), want)
			}
			list = append(list, odd)
		}
	}
	return list
}

// djangoType returns Django's type of a column that tokenctl reads, and whether the type of c belongs to
// its family. want is empty for other columns.
func djangoType(c *engine.Column) (want string, fits bool) {
	switch c.Name {
	case "created", "expiry", "expires", "created_at", "expires_at", "blacklisted_at", "expire_date", "date_joined", "last_login":
		return "timestamptz", strings.HasPrefix(c.Type, "timestamp") || c.Type == "datetime"
	case "key", "digest", "token_key", "jti", "token", "session_key", "session_data", "password":
		return "text", c.Text && c.Type != "bpchar" || c.Type == "char"
	case "is_active", "is_staff", "is_superuser":
		return "boolean", c.Type == "bool" || c.Type == "boolean"
	}
	return "", false
}

// Ownerless are rows of a table whose user or token does not exist.
type Ownerless struct {
	Table, Parent string
	Rows          int    // MaxOrphans means so many or more
	JWTs          bool   // the rows are recorded tokens, which need no owner
	Mend          string // the statement that removes them, or the reference
}

// Ownerless returns the rows whose user or token does not exist. It searches only tables without a valid
// foreign key. It may read whole tables, so the caller bounds its time.
func (tx *Tx) Ownerless(ctx context.Context) (list []Ownerless, err error) {
	l := tx.Layout
	type link struct {
		t      *engine.Table
		column string
		to     *engine.Table
		gone   string // the condition that the row to which the column refers does not exist
	}
	var links []link
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding} {
		if t := l.tables[name]; t != nil && t.Owner != nil && t.Column("user_id") != nil {
			links = append(links, link{t.Table, "user_id", t.Owner.Table, t.ownerGone("t")})
		}
	}
	if b, o := l.Blacklisted(), l.Outstanding(); b != nil && o != nil && b.Column("token_id") != nil && o.Column("id") != nil {
		links = append(links, link{b.Table, "token_id", o.Table, l.tokenGone("t")})
	}
	for _, k := range links {
		if k.t.Column(k.column).Refers != nil && k.t.Stored() {
			valid, err := tx.ValidKey(ctx, k.t, k.column)
			if err != nil {
				return nil, err
			}
			if valid {
				continue
			}
		}
		condition := "t." + engine.Quote(k.column) + " is not null and " + k.gone
		n := Ownerless{Table: k.t.String(), Parent: k.to.String(), JWTs: k.column == "user_id" && l.Outstanding() != nil && k.t == l.Outstanding().Table, Mend: "delete from " + k.t.SQL() + " as t where " + condition}
		if n.JWTs { // on_delete of simplejwt since 5.1
			n.Mend = "update " + k.t.SQL() + " as t set user_id = null where " + condition
		}
		q := &engine.Query{Columns: []string{"count(*)"}, From: fmt.Sprintf("(select 1 from %s t where %s limit %d) x", k.t.SQL(), condition, engine.MaxOrphans)}
		if err := tx.Scan(ctx, q, &n.Rows); err != nil {
			return nil, err
		}
		if n.Rows > 0 {
			list = append(list, n)
		}
	}
	return list, nil
}

// Lacks returns the privileges that tokenctl needs and the role does not have: see [engine.Tx.Lacks]. With
// readOnly it needs only to read.
func (tx *Tx) Lacks(ctx context.Context, readOnly bool) ([]engine.Lack, error) {
	written, read := tx.Layout.KnownTables(), []*engine.Table{}
	if readOnly {
		written, read = nil, written
	}
	if m := tx.Layout.Migrations(); m != nil {
		read = append(read, m.Table)
	}
	return tx.Tx.Lacks(ctx, written, read)
}

// ReadsViews reports whether the role reads tables with secrets through the views of tokenctl grants.
func (l *Layout) ReadsViews() bool {
	return slices.ContainsFunc(l.masks(), func(m mask) bool { return m.table.Masked() })
}

// IndexLacking is an index that Django's migrations do not create. Without it a large table is read as a
// whole.
type IndexLacking struct {
	Table, Column string
	Rows          int64  // on PostgreSQL the planner's estimate, on SQLite LargeTable
	Create        string // the statement
}

// IndexesLacking returns the indexes that purge and lists by expiry need and large tables do not have:
// on knox's expiry (knox/models.py, 5.0) and on simplejwt's expires_at (token_blacklist/models.py, 5.5).
// Sessions have an index on expire_date from Django (contrib/sessions/base_session.py, 5.2).
func (tx *Tx) IndexesLacking(ctx context.Context) ([]IndexLacking, error) {
	l := tx.Layout
	var list []IndexLacking
	for _, c := range []struct {
		table *Table
		name  string
	}{{l.Knox(), "expiry"}, {l.Knox(), "expires"}, {l.Outstanding(), "expires_at"}} {
		if c.table == nil || !c.table.Stored() || c.table.Column(c.name) == nil {
			continue
		}
		rows, err := tx.RowsWithoutIndex(ctx, c.table.Table, c.name)
		if err != nil {
			return nil, err
		}
		if rows < engine.LargeTable {
			continue
		}
		i := IndexLacking{Table: c.table.String(), Column: c.name, Rows: rows}
		on := "on " + c.table.SQL() + " (" + engine.Quote(c.name) + ")"
		if l.Engine == engine.SQLite {
			i.Create = "create index " + engine.Quote(c.table.Name+"_"+c.name) + " " + on
		} else {
			i.Create = "create index concurrently " + on
		}
		list = append(list, i)
	}
	return list, nil
}
