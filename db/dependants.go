package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
)

// Dependants are the rows of one table that refer to users.
type Dependants struct {
	Table  string
	Rows   int64
	Action Action
	table  *Table
	column string
	to     string // the column of the users that it refers to; empty: the primary key
}

// refersTo is the condition on a row that it refers to the users with these keys.
func (d Dependants) refersTo(l *Layout, placeholder string) string {
	if d.to == "" {
		return l.anyOf(quote(d.column), placeholder)
	}
	return quote(d.column) + " in (select u." + quote(d.to) + " from " + l.User.From("u") + " where " + l.anyOf("u."+quote(l.User.Key), placeholder) + ")"
}

// Column is the column that refers to the users.
func (d Dependants) Column() string { return d.column }

// Same reports whether two looks found the same rows, as far as their number
// tells.
func (d Dependants) Same(other Dependants) bool {
	return d.table.SQL() == other.table.SQL() && d.column == other.column && d.Rows == other.Rows && d.Action == other.Action
}

// Action is what happens to rows that refer to a user who is deleted. The
// schema does not say: Django's collector does it in Python.
type Action string

// The actions.
const (
	Cascade Action = "deleted"
	SetNull Action = "kept without owner"
	Protect Action = "in the way" // an unknown table: Django's on_delete cannot be known
)

// Dependants returns what refers to the users, leaving out tables without such rows.
func (tx *Tx) Dependants(ctx context.Context, users []User) ([]Dependants, error) {
	l := tx.Layout
	refs, err := tx.references(ctx)
	if err != nil {
		return nil, err
	}
	arg, err := l.userKeys(users)
	if err != nil {
		return nil, err
	}
	var list []Dependants
	for _, d := range refs {
		q := &query{columns: []string{"count(*)"}, from: d.table.SQL()}
		q.and(d.refersTo(l, "%s"), arg)
		if err := tx.each(ctx, q, func(r row) error { return r.Scan(&d.Rows) }); err != nil {
			return nil, err
		}
		if d.Rows > 0 {
			list = append(list, d)
		}
	}
	return list, nil
}

func (l *Layout) userKeys(users []User) (any, error) {
	keys, err := l.keysOf(l.User, users)
	if err != nil {
		return nil, err
	}
	return l.listArg(keys)
}

// references finds every column that refers to the user table or to a child of
// it that shares its key, and the tables of Django's own that do so without a foreign key.
func (tx *Tx) references(ctx context.Context) ([]Dependants, error) {
	l := tx.Layout
	u := l.User
	var names []string
	for _, t := range u.tables() {
		names = append(names, t.SQL())
	}
	q := &query{columns: []string{"n.nspname", "c.relname", "a.attname", "a.attnotnull", "fn.nspname", "fc.relname", "fa.attname"},
		from: `pg_catalog.pg_constraint f
			join pg_catalog.pg_class c on c.oid = f.conrelid and c.relispartition is false
			join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			join pg_catalog.pg_class fc on fc.oid = f.confrelid
			join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
			join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = f.conkey[1]
			join pg_catalog.pg_attribute fa on fa.attrelid = fc.oid and fa.attnum = f.confkey[1]`,
		where: []string{"f.contype = 'f'"}, order: []string{"2", "3"}}
	if l.Engine == SQLite {
		q = &query{columns: []string{"''", "m.name", `f."from"`, `(select c."notnull" from pragma_table_info(m.name) c where c.name = f."from")`, "''", `f."table"`, `coalesce(f."to", '')`},
			from: "sqlite_schema m join pragma_foreign_key_list(m.name) f", where: []string{"m.type = 'table'"}, order: []string{"2", "3"}}
	}
	var list []Dependants
	err := tx.each(ctx, q, func(r row) error {
		t, target := &Table{}, &Table{}
		var column, to string
		var notNull bool
		if err := r.Scan(&t.Schema, &t.Name, &column, &notNull, &target.Schema, &target.Name, &to); err != nil {
			return err
		}
		t.qualified = u.qualified
		if i := slices.Index(names, target.SQL()); i >= 0 {
			if j := slices.Index(names, t.SQL()); j > 0 && column == u.tables()[j].primaryKey().Name {
				return nil // a row of the same user
			}
			if to == u.tables()[i].primaryKey().Name {
				to = "" // the key, which a child calls otherwise
			}
			list = append(list, Dependants{Table: t.String(), table: t, column: column, to: to, Action: l.action(t, notNull)})
		}
		return nil
	})
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding, tableAdminLog} {
		t := l.tables[name]
		if t == nil || t.Column("user_id") == nil || t.Column("user_id").refers != nil || name != tableAdminLog && !t.Owner.same(u) {
			continue
		}
		list = append(list, Dependants{Table: t.String(), table: t, column: "user_id", Action: l.action(t, t.Column("user_id").NotNull)})
	}
	return list, err
}

func (l *Layout) action(t *Table, notNull bool) Action {
	is := func(name string) bool {
		for known := l.tables[name]; known != nil; known = known.base { // what is behind a view
			if known.SQL() == t.SQL() {
				return true
			}
		}
		return false
	}
	switch {
	case is(tableAuthToken), is(tableKnox), is(tableAdminLog), t.Name == tableAuthToken, t.Name == tableKnox:
		return Cascade
	case is(tableOutstanding):
		// simplejwt 5.1 and newer keep the row, so that what was blacklisted
		// stays blacklisted; before its migration 0007 the column cannot be null.
		if notNull {
			return Cascade
		}
		return SetNull
	}
	// The user model's own many-to-many tables.
	for _, u := range l.User.tables() {
		if t.Name == u.Name+"_groups" || t.Name == u.Name+"_user_permissions" {
			return Cascade
		}
	}
	return Protect
}

// Deletable returns a CodeReferenced error that lists the rows of unknown
// tables, nil where there are none.
func (l *Layout) Deletable(dependants []Dependants) error {
	var blocked []string
	for _, d := range dependants {
		if d.Action == Protect {
			blocked = append(blocked, fmt.Sprintf("%s.%s (%d)", d.Table, d.column, d.Rows))
		}
	}
	if blocked == nil {
		return nil
	}
	e := &tokenctl.Error{Code: tokenctl.CodeReferenced, Message: "rows of tables that tokenctl does not know refer to the user: " + strings.Join(blocked, ", "),
		Hint: "delete the user in the Django application"}
	if l.Deactivatable(l.User) == nil {
		e.Hint = "tokenctl user deactivate keeps the row and locks the user out; or " + e.Hint
	}
	return e
}

// LockUsers keeps the users, until the transaction ends, from being changed and
// from getting new rows that refer to them. On SQLite a writer has the whole
// database locked.
func (tx *Tx) LockUsers(ctx context.Context, users []User) error {
	l := tx.Layout
	if l.Engine == SQLite {
		return nil
	}
	keys, err := l.userKeys(users)
	if err != nil {
		return err
	}
	key := quote(l.User.Key)
	return tx.exec(ctx, "select 1 from "+l.User.SQL()+" where "+l.anyOf(key, "$1")+" order by "+key+" for update", keys)
}

// DeleteUsers removes users and does to their dependants what their Action
// says. Rows of an unknown table are a CodeReferenced error that lists them.
func (tx *Tx) DeleteUsers(ctx context.Context, users []User) error {
	l := tx.Layout
	dependants, err := tx.Dependants(ctx, users)
	if err != nil {
		return err
	}
	if err := tx.Layout.Deletable(dependants); err != nil {
		return err
	}
	keys, err := l.userKeys(users)
	if err != nil {
		return err
	}
	for _, d := range dependants {
		statement := "delete from " + d.table.SQL()
		if d.Action == SetNull {
			statement = "update " + d.table.SQL() + " set " + quote(d.column) + " = null"
		} else if o := l.Outstanding(); o != nil && o.SQL() == d.table.SQL() {
			q := &query{columns: []string{"id"}, from: d.table.SQL()}
			q.and(d.refersTo(l, "%s"), keys)
			if blacklisted := l.Blacklisted(); blacklisted != nil {
				if err := tx.exec(ctx, "delete from "+blacklisted.SQL()+" where token_id in ("+q.sql()+")", q.args...); err != nil {
					return err
				}
			}
		}
		if err := tx.exec(ctx, statement+" where "+d.refersTo(l, "$1"), keys); err != nil {
			return err
		}
	}
	tables := append(slices.Clone(l.User.Children), l.User.Table)
	var n int64
	for _, t := range tables {
		if n, err = tx.execRows(ctx, "delete from "+t.SQL()+" where "+l.anyOf(quote(t.primaryKey().Name), "$1"), keys); err != nil {
			return err
		}
	}
	if n != int64(len(users)) {
		return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "a user was deleted meanwhile"}
	}
	return nil
}
