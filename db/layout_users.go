package db

import (
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// UserTable is the table of a user model, with those that it shares its key with.
type UserTable struct {
	*engine.Table
	Key     string // primary key column
	KeyType KeyType
	// Username is the column of USERNAME_FIELD; empty when the database does not
	// tell, and then usernames holds the columns that could be it.
	Username  string
	usernames []string
	// Children are tables that share the key, of models that inherit from this
	// one (multi-table inheritance), the nearest first. A row without its row in each
	// of them is no user.
	Children []*engine.Table
	// nameProblem is why there is no Username.
	nameProblem error
}

// Column returns the named column of the model, wherever it inherits it from, or nil.
func (u *UserTable) Column(name string) *engine.Column {
	if c := u.Table.Column(name); c != nil {
		return c
	}
	for _, t := range u.Children {
		if c := t.Column(name); c != nil && !c.PrimaryKey {
			return c
		}
	}
	return nil
}

// holder is the table that has the named column.
func (u *UserTable) holder(name string) *engine.Table {
	for _, t := range u.Children {
		if c := t.Column(name); c != nil && !c.PrimaryKey && u.Table.Column(name) == nil {
			return t
		}
	}
	return u.Table
}

// From is the model's table for a from clause, under an alias: its columns are those
// of all the tables that the model is made of.
func (u *UserTable) From(alias string) string {
	if len(u.Children) == 0 {
		return u.SQL() + " " + alias
	}
	columns := []string{"b0.*"}
	from := u.SQL() + " b0"
	for i, t := range u.Children {
		name := "b" + string(rune('1'+i))
		from += " join " + t.SQL() + " " + name + " on " + name + "." + engine.Quote(t.PrimaryKey().Name) + " = b0." + engine.Quote(u.Key)
		for _, c := range t.Columns {
			if u.holder(c.Name) == t && !c.PrimaryKey {
				columns = append(columns, name+"."+engine.Quote(c.Name))
			}
		}
	}
	return "(select " + strings.Join(columns, ", ") + " from " + from + ") " + alias
}

// nameOf is the expression of a user's name, from an alias; null where the database
// does not tell which column that is.
func (u *UserTable) nameOf(alias string) string {
	if u == nil || u.Username == "" {
		return "cast(null as text)"
	}
	return alias + "." + engine.Quote(u.Username)
}

// tables are the tables that the model is made of.
func (u *UserTable) tables() []*engine.Table { return append([]*engine.Table{u.Table}, u.Children...) }

// same reports whether two tables are of users with one key: a model, or one that it
// inherits from.
func (u *UserTable) same(other *UserTable) bool {
	return u != nil && other != nil && u.Table == other.Table
}

// UserTable returns the table of the users that names mean, or why there is none to
// work with. Who needs their names asks [Layout.Users].
func (l *Layout) UserTable() (*UserTable, error) {
	if l.User == nil {
		return nil, l.userProblem
	}
	return l.User, nil
}

// Users is UserTable where the users' names are needed.
func (l *Layout) Users() (*UserTable, error) {
	u, err := l.UserTable()
	if err == nil {
		err = u.nameProblem
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Contradicted says which foreign keys contradict the setting user_table; empty where
// none does.
func (l *Layout) Contradicted() string { return l.contradicted }

// userModel is the model whose table this is, with those that it inherits from.
func (l *Layout) userModel(t *engine.Table) (*UserTable, error) {
	u := &UserTable{Table: t}
	// A model that inherits from a concrete one has its parent's key as its
	// own, under a column that refers to the parent.
	for {
		key := u.PrimaryKey()
		if key == nil {
			return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the user table " + u.String() + " has no primary key of one column",
				Hint: "tokenctl cannot tell users apart without one"}
		}
		u.Key, u.KeyType = key.Name, keyTypeOf(key, l.Engine)
		parent := key.Target()
		if parent == nil || u.Table.Column("password") != nil || slices.Contains(u.Children, parent) {
			return u, nil
		}
		u.Children = append(u.Children, u.Table)
		u.Table = parent
	}
}

// findUsername settles which column is USERNAME_FIELD: the one that is named, else the
// only unique text. must says that the setting is about this model.
func (u *UserTable) findUsername(named string, must bool) {
	if named != "" {
		switch {
		case u.Column(named) != nil:
			u.Username = named
			return
		case must:
			u.nameProblem = &tokenctl.Error{Code: tokenctl.CodeUsernameField, Message: "the user table " + u.String() + " has no column " + named,
				Hint: "correct username_field under [auth] in tokenctl.toml"}
			return
		}
	}
	var others []string // what no USERNAME_FIELD usually is
	for _, t := range u.tables() {
		for _, c := range t.Columns {
			switch {
			case c.Unique && c.Text && !c.PrimaryKey:
				u.usernames = append(u.usernames, c.Name)
			case t == u.Table && c.Text && c.PrimaryKey, c.Unique && c.Integer() && !c.PrimaryKey:
				others = append(others, c.Name)
			}
		}
	}
	switch {
	case len(u.usernames) == 1:
		u.Username = u.usernames[0]
		return
	case len(u.usernames) == 0 && u.Column("username") != nil:
		// Unique only by an expression such as lower(username), or not at all.
		u.Username = "username"
		return
	}
	u.usernames = append(u.usernames, others...)
	e := &tokenctl.Error{Code: tokenctl.CodeUsernameField, Message: "the database does not tell which column of " + u.String() + " is the USERNAME_FIELD",
		Hint: "set username_field under [auth] in tokenctl.toml"}
	if len(u.usernames) > 0 {
		e.Hint += " to one of " + strings.Join(u.usernames, ", ")
	}
	u.nameProblem = e
}
