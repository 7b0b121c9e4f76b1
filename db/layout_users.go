package db

import (
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// UserTable is the table of a user model, with the tables of models that inherit from it.
type UserTable struct {
	*engine.Table
	Key     string // primary key column
	KeyType KeyType
	// Username is the column of USERNAME_FIELD. It is empty if the database does not show
	// it; then Usernames has the possible columns.
	Username  string
	Usernames []string
	// Children are the tables of models that inherit from this one (multi-table
	// inheritance) and so share its key, the nearest first. Only a row with a row in each of
	// them is a user.
	Children []*engine.Table
	// nameProblem is the reason why Username is empty.
	nameProblem error
}

// Column returns the column of the model with this name, its own or an inherited one, or nil.
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

// holder returns the table that has the column with this name.
func (u *UserTable) holder(name string) *engine.Table {
	for _, t := range u.Children {
		if c := t.Column(name); c != nil && !c.PrimaryKey && u.Table.Column(name) == nil {
			return t
		}
	}
	return u.Table
}

// From returns the model for a from clause, with an alias. It has the columns of all tables of the model.
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

// nameOf returns the expression of a user's name, for an alias. It is null if the column is not known.
func (u *UserTable) nameOf(alias string) string {
	if u == nil || u.Username == "" {
		return "cast(null as text)"
	}
	return alias + "." + engine.Quote(u.Username)
}

// tables returns the tables of the model.
func (u *UserTable) tables() []*engine.Table { return append([]*engine.Table{u.Table}, u.Children...) }

// same reports whether two models share their primary key: they are one model, or one inherits from the
// other.
func (u *UserTable) same(other *UserTable) bool {
	return u != nil && other != nil && u.Table == other.Table
}

// UserTable returns the table in which users are looked up, or the reason why there is none. To use their
// names, call [Layout.Users] instead.
func (l *Layout) UserTable() (*UserTable, error) {
	if l.User == nil {
		return nil, l.userProblem
	}
	return l.User, nil
}

// Users returns [Layout.UserTable], or an error if the column of the users' names is not known.
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

// userModel returns the model of a table, with the models from which it inherits.
func (l *Layout) userModel(t *engine.Table) (*UserTable, error) {
	u := &UserTable{Table: t}
	// A model that inherits from a concrete one has the parent's key in a column that refers to the parent.
	for {
		key := u.PrimaryKey()
		if key == nil {
			return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the user table " + u.String() + " has no primary key of one column",
				Hint: "tokenctl needs one to distinguish users"}
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

// findUsername finds the column of USERNAME_FIELD: the configured one, else the only unique text column. must
// means that the setting is for this model, so a missing column is an error.
func (u *UserTable) findUsername(configured string, must bool) {
	if configured != "" {
		switch {
		case u.Column(configured) != nil:
			u.Username = configured
			return
		case must:
			u.nameProblem = &tokenctl.Error{Code: tokenctl.CodeUsernameField, Message: "the user table " + u.String() + " has no column " + configured,
				Hint: "correct username_field under [auth] in tokenctl.toml"}
			return
		}
	}
	var others []string // columns that are rarely the USERNAME_FIELD
	for _, t := range u.tables() {
		for _, c := range t.Columns {
			switch {
			case c.Unique && c.Text && !c.PrimaryKey:
				u.Usernames = append(u.Usernames, c.Name)
			case t == u.Table && c.Text && c.PrimaryKey, c.Unique && c.Integer() && !c.PrimaryKey:
				others = append(others, c.Name)
			}
		}
	}
	switch {
	case len(u.Usernames) == 1:
		u.Username = u.Usernames[0]
		return
	case len(u.Usernames) == 0 && u.Column("username") != nil:
		// It may be unique by an expression such as lower(username), or not unique.
		u.Username = "username"
		return
	}
	u.Usernames = append(u.Usernames, others...)
	e := &tokenctl.Error{Code: tokenctl.CodeUsernameField, Message: "the database does not show which column of " + u.String() + " is the USERNAME_FIELD",
		Hint: "set username_field under [auth] in tokenctl.toml"}
	if len(u.Usernames) > 0 {
		e.Hint += " to one of " + strings.Join(u.Usernames, ", ")
	}
	u.nameProblem = e
}
