package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// reference is a foreign key to a table of users.
type reference struct {
	from *Table
	to   *engine.Table
}

// findUsers finds the user table of each kind, and the table of AUTH_USER_MODEL. A kind's
// foreign key names its user table and overrides every setting. If all keys name one
// table, that is the table of AUTH_USER_MODEL. If they name several, the setting decides.
// Without a setting the admin log decides, because it refers to AUTH_USER_MODEL in every
// project. Its user table counts if a table of credentials also refers to it.
func (l *Layout) findUsers(ctx context.Context, tx *Tx, o Options) error {
	models := map[*engine.Table]*UserTable{}
	var refs []reference
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding, tableAdminLog} {
		t := l.tables[name]
		if t == nil {
			continue
		}
		users := t.Column("user_id").Target()
		if users == nil {
			continue
		}
		refs = append(refs, reference{t, users})
		if models[users] == nil {
			models[users], _ = l.userModel(users)
		}
	}
	target, err := l.authModel(ctx, tx, o, refs, models)
	if err != nil {
		return err
	}
	if target != nil {
		u := models[target]
		if u == nil {
			u, l.userProblem = l.userModel(target)
		}
		if u != nil && u.Column("password") == nil {
			u, l.userProblem = nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the table " + target.String() + " has no password column: it is not a Django user table",
				Hint: "set user_table under [auth] in tokenctl.toml to the table of AUTH_USER_MODEL"}
		}
		l.User = u
	}
	if l.User != nil {
		l.User.findUsername(o.UsernameField, o.UsernameField != "")
	}
	for _, u := range models {
		if u != nil && u != l.User {
			u.findUsername(o.UsernameField, false)
		}
	}
	l.auth = l.User
	for _, c := range kindTables {
		t := l.tables[c.table]
		if t == nil {
			continue
		}
		t.Owner = l.User
		if o.UserTable != "" && l.User == nil {
			continue // the setting is wrong
		}
		if users := t.Column("user_id").Target(); users != nil && c.kind != "session" {
			// A model that inherits has the key of the parent's row.
			if owner := models[users]; !owner.same(l.User) {
				t.Owner = owner
			}
			if t.Owner == nil {
				_, l.problems[c.table] = l.userModel(users)
			}
		}
	}
	return nil
}

// authModel returns the table of AUTH_USER_MODEL. If the database does not show it, authModel returns nil
// and sets userProblem.
func (l *Layout) authModel(ctx context.Context, tx *Tx, o Options, refs []reference, models map[*engine.Table]*UserTable) (*engine.Table, error) {
	const hint = "set user_table under [auth] in tokenctl.toml to the table of AUTH_USER_MODEL"
	var targets []*engine.Table
	for _, r := range refs {
		if !slices.Contains(targets, r.to) {
			targets = append(targets, r.to)
		}
	}
	// If several schemas have a table of this name, the application uses the first one.
	all := slices.Clone(targets)
	targets = slices.DeleteFunc(targets, func(t *engine.Table) bool {
		return t.Schema != l.Schema && slices.ContainsFunc(all, func(other *engine.Table) bool { return other.Name == t.Name && other.Schema == l.Schema })
	})
	if o.UserTable != "" {
		i := slices.IndexFunc(targets, func(t *engine.Table) bool { return t.Name == o.UserTable })
		if i >= 0 {
			return targets[i], nil
		}
		t := l.tables[o.UserTable]
		if t == nil {
			l.userProblem = &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no table " + o.UserTable,
				Hint: "correct user_table under [auth] in tokenctl.toml"}
			return nil, nil
		}
		if u, _ := l.userModel(t.Table); len(refs) > 0 && !slices.ContainsFunc(targets, func(t *engine.Table) bool { return models[t].same(u) }) {
			l.Contradicted = "user_table names " + t.String() + ", but " + refs[0].from.String() + " refers to the users in " + refs[0].to.String()
		}
		return t.Table, nil
	}
	// A model takes precedence over the model from which it inherits.
	targets = slices.DeleteFunc(targets, func(t *engine.Table) bool {
		return slices.ContainsFunc(all, func(other *engine.Table) bool {
			return t != other && models[other].same(models[t]) && len(models[other].Children) > len(models[t].Children)
		})
	})
	switch len(targets) {
	case 1:
		return targets[0], nil
	case 0:
		if t := l.tables[tableUser]; t != nil {
			return t.Table, nil
		}
		e := &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no user table",
			Hint: "run manage.py migrate in the Django project, or tokenctl init for a database without one; for another schema give --schema"}
		candidates, err := tx.userTables(ctx)
		if candidates != nil {
			e.Message = "the database does not show which table belongs to AUTH_USER_MODEL"
			e.Hint = hint + ", such as " + strings.Join(candidates, ", ")
		}
		l.userProblem = e
		return nil, err
	}
	last := refs[len(refs)-1]
	if slices.Contains(targets, last.to) && last.from == l.tables[tableAdminLog] && slices.ContainsFunc(refs[:len(refs)-1], func(r reference) bool { return r.to == last.to }) {
		return last.to, nil
	}
	var parts []string
	for _, t := range targets {
		i := slices.IndexFunc(refs, func(r reference) bool { return r.to == t })
		parts = append(parts, refs[i].from.String()+" refers to the users in "+t.String())
	}
	l.userProblem = &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: strings.Join(parts, ", but "),
		Hint: hint + ": " + strings.ReplaceAll(listed(targets), ", ", " or ")}
	return nil, nil
}

// JWTUsers returns the model of the users to whom recorded JWTs belong. If JWTs are not recorded, it is
// AUTH_USER_MODEL.
func (l *Layout) JWTUsers() *UserTable {
	if t := l.Outstanding(); t != nil {
		return t.Owner
	}
	return l.auth
}

// Holds reports whether the rows of a kind belong to the users of a model.
func (l *Layout) Holds(kind string, u *UserTable) bool {
	t := l.Credentials(kind)
	return t != nil && t.Owner.same(u)
}

// ChooseUsers chooses the table in which users are looked up from now on. If the tables of all
// given kinds belong to one model, it is that model's table. Otherwise it is
// AUTH_USER_MODEL's. It returns the kinds that belong to other users. Without kinds it
// considers all of them.
func (s *Store) ChooseUsers(ctx context.Context, kinds []string) (others []string, err error) {
	l, err := s.Layout(ctx)
	if err != nil {
		return nil, err
	}
	all := kinds
	if len(kinds) == 0 {
		for _, c := range kindTables {
			all = append(all, c.kind)
		}
	}
	var owners []*UserTable
	for _, kind := range all {
		if t := l.Credentials(kind); t != nil && !slices.ContainsFunc(owners, t.Owner.same) {
			owners = append(owners, t.Owner)
		}
	}
	meant := *l
	meant.User = l.auth
	if len(kinds) > 0 && len(owners) == 1 && owners[0] != nil {
		meant.User = owners[0]
	}
	s.layout.Store(&meant)
	for _, kind := range all {
		if t := l.Credentials(kind); t != nil && meant.User != nil && !t.Owner.same(meant.User) {
			others = append(others, kind)
		}
	}
	return others, nil
}

// CheckOwner returns an error if the users of l.User cannot have rows in a table, because the rows belong to
// another model.
func (l *Layout) CheckOwner(t *Table) error {
	if t.Owner.same(l.User) {
		return nil
	}
	if l.User == nil {
		return l.userProblem
	}
	return &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the rows of " + t.String() + " belong to the users in " + t.Owner.String() + ", not to those in " + l.User.String(),
		Hint: "give --kind with this kind alone: names of users mean its own users then"}
}
