package db

import (
	"context"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Rights are what a user may do besides what is_staff and is_superuser say: the groups and
// permissions of PermissionsMixin in django/contrib/auth/models.py (4.2).
type Rights struct {
	Groups      []string // the names of the groups, in bytewise order
	Permissions int      // permissions of the user and of the groups, each once
}

// grants are the tables with the rights of a user model.
type grants struct {
	groups, permissions link // of users
	ofGroups            link // the permissions of groups
}

// link is a table between two models, with its foreign keys. The zero link is no table.
type link struct{ from, to engine.Reference }

func (k link) there() bool { return k.from.Table != nil && k.to.Table != nil }

// values is the subquery for what the link has for the values of a condition.
func (k link) values(condition string) string {
	return "select " + engine.Quote(k.to.Column) + " from " + k.to.Table.SQL() + " where " + engine.Quote(k.from.Column) + " " + condition
}

// RightsOf reads the groups and permissions of a user of a model. It returns nil if the model
// has none, or if the role may not read the tables.
func (tx *Tx) RightsOf(ctx context.Context, t *UserTable, u *User) (*Rights, error) {
	key, ok := t.keyArg(tx.Layout.Engine, u.ID)
	if !ok {
		return nil, nil
	}
	g, err := tx.findGrants(ctx, t)
	if err != nil || !g.groups.there() && !g.permissions.there() {
		return nil, err
	}
	r := &Rights{}
	err = tx.Try(ctx, func() error { return tx.readRights(ctx, g, key, r) })
	if tokenctl.CodeOf(err) == tokenctl.CodePermissionDenied {
		return nil, nil
	}
	return r, err
}

// findGrants finds the tables by their foreign keys and by the names that Django gives them.
func (tx *Tx) findGrants(ctx context.Context, t *UserTable) (g grants, err error) {
	groups := &engine.Table{Schema: t.Schema, Name: "auth_group"}
	permissions := &engine.Table{Schema: t.Schema, Name: "auth_permission"}
	refs, err := tx.References(ctx, append(t.tables(), groups, permissions))
	if err != nil {
		return g, err
	}
	of := func(name string, from, to *engine.Table) (k link) {
		for _, r := range refs {
			switch {
			case r.Table.Name != name || r.Table.Schema != t.Schema:
			case r.To == from:
				k.from = r
			case r.To == to:
				k.to = r
			}
		}
		return k
	}
	for _, model := range t.tables() {
		if k := of(model.Name+"_groups", model, groups); k.there() {
			g.groups = k
		}
		if k := of(model.Name+"_user_permissions", model, permissions); k.there() {
			g.permissions = k
		}
	}
	g.ofGroups = of("auth_group_permissions", groups, permissions)
	return g, nil
}

func (tx *Tx) readRights(ctx context.Context, g grants, key any, r *Rights) error {
	var sets []string
	if g.permissions.there() {
		sets = append(sets, g.permissions.values("= $1"))
	}
	if g.groups.there() {
		member := g.groups.values("= $1")
		q := &engine.Query{Text: "select cast(g.name as text) from " + g.groups.to.To.SQL() + " g where g.id in (" + member + ") order by " + tx.Layout.Engine.Bytewise("g.name"), Args: []any{key}}
		err := tx.Each(ctx, q, func(row engine.Row) error {
			r.Groups = append(r.Groups, row.Text())
			return row.Err
		})
		if err != nil {
			return err
		}
		if g.ofGroups.there() {
			sets = append(sets, g.ofGroups.values("in ("+member+")"))
		}
	}
	if sets == nil {
		return nil
	}
	return tx.Scan(ctx, &engine.Query{Text: "select count(*) from (" + strings.Join(sets, " union ") + ") p", Args: []any{key}}, &r.Permissions)
}
