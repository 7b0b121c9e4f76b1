package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Dependants are the rows of one table that refer to users.
type Dependants struct {
	Table  string
	Rows   int64
	Action Action
	table  *engine.Table
	column string
	to     string // the column of the users to which column refers; empty: the primary key
}

// refersTo returns the condition that a row refers to one of the users whose keys are in the parameter.
func (d Dependants) refersTo(l *Layout, placeholder string) string {
	if d.to == "" {
		return l.Engine.AnyOf(engine.Quote(d.column), placeholder)
	}
	return engine.Quote(d.column) + " in (select u." + engine.Quote(d.to) + " from " + l.User.From("u") + " where " + l.Engine.AnyOf("u."+engine.Quote(l.User.Key), placeholder) + ")"
}

// Column returns the column that refers to the users.
func (d Dependants) Column() string { return d.column }

// Same reports whether d and other have the same table, column and action and the same number of rows.
func (d Dependants) Same(other Dependants) bool {
	return d.table.SQL() == other.table.SQL() && d.column == other.column && d.Rows == other.Rows && d.Action == other.Action
}

// Action describes what happens to rows that refer to a deleted user. The schema does not have it:
// Django's collector deletes or changes these rows in Python.
type Action string

// The actions.
const (
	Cascade Action = "deleted"
	SetNull Action = "kept without owner"
	Protect Action = "in the way" // an unknown table: its on_delete in Django is not known
)

// Dependants returns the rows that refer to the users, for each table that has any.
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
		q := &engine.Query{Columns: []string{"count(*)"}, From: d.table.SQL()}
		q.And(d.refersTo(l, "%s"), arg)
		if err := tx.Scan(ctx, q, &d.Rows); err != nil {
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
	return l.Engine.ListArg(keys), nil
}

// references finds every column that refers to the user table, or to a child that shares its key, and
// Django's own tables that refer to it without a foreign key.
func (tx *Tx) references(ctx context.Context) ([]Dependants, error) {
	l := tx.Layout
	u := l.User
	refs, err := tx.References(ctx, u.tables())
	var list []Dependants
	for _, f := range refs {
		child := slices.IndexFunc(u.Children, func(t *engine.Table) bool { return t.SQL() == f.Table.SQL() })
		if child >= 0 && f.Column == u.Children[child].PrimaryKey().Name {
			continue // a row of the same user
		}
		if f.ToColumn == f.To.PrimaryKey().Name {
			f.ToColumn = "" // the key, for which a child has another column name
		}
		list = append(list, Dependants{Table: f.Table.String(), table: f.Table, column: f.Column, to: f.ToColumn, Action: l.action(f.Table, f.NotNull)})
	}
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding, tableAdminLog} {
		t := l.tables[name]
		if t == nil || t.Column("user_id") == nil || t.Column("user_id").Refers != nil || name != tableAdminLog && !t.Owner.same(u) {
			continue
		}
		list = append(list, Dependants{Table: t.String(), table: t.Table, column: "user_id", Action: l.action(t.Table, t.Column("user_id").NotNull)})
	}
	return list, err
}

func (l *Layout) action(t *engine.Table, notNull bool) Action {
	is := func(name string) bool {
		known := l.tables[name]
		if known == nil {
			return false
		}
		for k := known.Table; k != nil; k = k.Base() { // the table behind a view
			if k.SQL() == t.SQL() {
				return true
			}
		}
		return false
	}
	switch {
	case l.factorTable(t) != nil:
		return Cascade
	case is(tableAuthToken), is(tableKnox), is(tableAdminLog), t.Name == tableAuthToken, t.Name == tableKnox:
		return Cascade
	case is(tableOutstanding):
		// simplejwt 5.1 and newer keep the row, so that a blacklisted token stays blacklisted. Before its
		// migration 0007 the column cannot be null.
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

// Deletable returns an error with the code [tokenctl.CodeReferenced] that lists the rows of unknown
// tables, or nil without any.
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

// LockUsers locks the users until the transaction ends: nobody else can change them or add rows that
// refer to them. On SQLite a writer has locked the whole database already.
func (tx *Tx) LockUsers(ctx context.Context, users []User) error {
	l := tx.Layout
	if l.Engine == engine.SQLite {
		return nil
	}
	keys, err := l.userKeys(users)
	if err != nil {
		return err
	}
	key := engine.Quote(l.User.Key)
	return tx.Exec(ctx, "select 1 from "+l.User.SQL()+" where "+l.Engine.AnyOf(key, "$1")+" order by "+key+" for update", keys)
}

// DeleteUsers deletes users, and deletes or changes their dependants according to each [Action]. If rows
// of an unknown table refer to a user, it returns the error of [Layout.Deletable].
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
			statement = "update " + d.table.SQL() + " set " + engine.Quote(d.column) + " = null"
		} else if o := l.Outstanding(); o != nil && o.SQL() == d.table.SQL() {
			q := &engine.Query{Columns: []string{"id"}, From: d.table.SQL()}
			q.And(d.refersTo(l, "%s"), keys)
			if blacklisted := l.Blacklisted(); blacklisted != nil {
				if err := tx.Exec(ctx, "delete from "+blacklisted.SQL()+" where token_id in ("+q.SQL()+")", q.Args...); err != nil {
					return err
				}
			}
		} else if f := l.factorTable(d.table); f != nil {
			if err := tx.deleteCodes(ctx, f, d.refersTo(l, "$1"), keys); err != nil {
				return err
			}
		}
		if err := tx.Exec(ctx, statement+" where "+d.refersTo(l, "$1"), keys); err != nil {
			return err
		}
	}
	tables := append(slices.Clone(l.User.Children), l.User.Table)
	var n int64
	for _, t := range tables {
		if n, err = tx.ExecRows(ctx, "delete from "+t.SQL()+" where "+l.Engine.AnyOf(engine.Quote(t.PrimaryKey().Name), "$1"), keys); err != nil {
			return err
		}
	}
	if n != int64(len(users)) {
		return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "a user was deleted meanwhile"}
	}
	return nil
}
