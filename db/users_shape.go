package db

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// userShape describes the rows of users who have values for the same columns. A million users need it only
// once.
type userShape struct {
	email    bool            // the users have an e-mail address
	set      []string        // further columns with values
	tables   []*engine.Table // of the model, its parents first
	columns  []userColumns
	defaults string // the columns that have a default in the database
}

// userColumns are the columns of a new user's row.
type userColumns []userColumn

// userColumn is a column and the function that returns its value; the value nil is NULL. The primary key
// has no function: it is made for each row, or is the parent's.
type userColumn struct {
	*engine.Column
	value func(*NewUser) (any, error)
	typed bool // the value is a text from the command line, whatever type the column has
}

// values returns the values of a new user, in the order of the columns.
func (columns userColumns) values(n *NewUser, key any) ([]any, error) {
	list := make([]any, len(columns))
	for i, c := range columns {
		if c.value == nil {
			list[i] = key
			continue
		}
		var err error
		if list[i], err = c.value(n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// fits reports whether n has values for exactly the columns of the shape.
func (s *userShape) fits(n *NewUser) bool {
	if s.email != (n.Email != "") || len(s.set) != len(n.Set) {
		return false
	}
	for _, name := range s.set {
		if _, isSet := n.Set[name]; !isSet {
			return false
		}
	}
	return true
}

// userShape returns the shape of a user, or the error that prevents the user's creation.
func (tx *Tx) userShape(n *NewUser) (*userShape, error) {
	u, err := tx.Layout.Users()
	if err != nil {
		return nil, err
	}
	for _, f := range userFields {
		switch c := u.Column(f.column); {
		case !f.isSet(n):
		case c == nil:
			return nil, &tokenctl.Error{Code: tokenctl.CodeUsage,
				Message: fmt.Sprintf("the user model has no %s column for %s", f.column, f.flag)}
		case c.Generated:
			return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: fmt.Sprintf("the database generates %s: %s cannot give it", f.column, f.flag)}
		}
	}
	for _, s := range tx.shapes {
		if s.fits(n) {
			return s, nil
		}
	}
	s, required, err := tx.newShape(u, n)
	if err == nil && required != nil {
		err = &tokenctl.Error{Code: tokenctl.CodeColumnsRequired, Message: "this application's users also need a value for " + strings.Join(required, ", "),
			Hint: "give " + strings.Join(flagsFor(required), " ")}
	}
	if err != nil {
		return nil, err
	}
	tx.shapes = append(tx.shapes, s)
	return s, nil
}

// newShape returns the shape of a user. required are the columns that are not null and have no value.
func (tx *Tx) newShape(u *UserTable, n *NewUser) (s *userShape, required []string, err error) {
	s = &userShape{email: n.Email != "", set: slices.Sorted(maps.Keys(n.Set)), tables: append([]*engine.Table{u.Table}, u.Children...)}
	slices.Reverse(s.tables[1:])
	further, err := tx.furtherColumns(u, s)
	if err != nil {
		return nil, nil, err
	}
	own := tx.ownColumns(u, n)
	for i, t := range s.tables {
		var columns userColumns
		for j := range t.Columns {
			c := &t.Columns[j]
			value, isSet := further[c]
			typed := isSet
			if f, ours := own[c.Name]; ours && !isSet && u.holder(c.Name) == t {
				value, isSet = f, true
			}
			if c.PrimaryKey && (i > 0 || u.needsUUID()) {
				value, isSet = nil, true
			}
			switch {
			case c.Generated && !typed:
			case isSet:
				columns = append(columns, userColumn{c, value, typed})
				if c.HasDefault {
					s.defaults += c.Name + ","
				}
			case c.NotNull && !c.HasDefault:
				required = append(required, c.Name)
			}
		}
		s.columns = append(s.columns, columns)
	}
	return s, required, nil
}

// FlagsRequired returns the flags that creating a user needs, such as "--set tenant_id=VALUE":
// [Tx.CreateUsers] has no value for these columns.
func (tx *Tx) FlagsRequired() []string {
	_, required, _ := tx.newShape(tx.Layout.User, &NewUser{})
	return flagsFor(required)
}

// ownColumns returns the columns of the user table that every new user sets.
func (tx *Tx) ownColumns(u *UserTable, n *NewUser) map[string]func(*NewUser) (any, error) {
	own := map[string]func(*NewUser) (any, error){
		"password": func(n *NewUser) (any, error) { return n.Password, nil },
	}
	for _, f := range userFields {
		own[f.column] = func(n *NewUser) (any, error) {
			if flag, ok := f.value(n).(bool); ok {
				return tx.Layout.flagArg(u.holder(f.column), u.Column(f.column), flag)
			}
			return f.value(n), nil
		}
	}
	joined := tx.Layout.timeArg(tx.Now)
	own["date_joined"] = func(*NewUser) (any, error) { return joined, nil }
	// Only one user can have an empty e-mail address if it must be unique.
	if c := u.Column("email"); c != nil && c.Unique {
		own["email"] = func(n *NewUser) (any, error) {
			if n.Email == "" {
				return nil, nil
			}
			return n.Email, nil
		}
		if n.Email == "" {
			delete(own, "email")
		}
	}
	own[u.Username] = func(n *NewUser) (any, error) { return n.Username, nil }
	return own
}

// furtherColumns returns the columns of --set, with values in the form of their types.
func (tx *Tx) furtherColumns(u *UserTable, s *userShape) (map[*engine.Column]func(*NewUser) (any, error), error) {
	further := map[*engine.Column]func(*NewUser) (any, error){}
	for _, name := range s.set {
		flag, known := userFlag(name)
		if name == u.Username || name == u.Key || name == "password" || known {
			e := &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "--set cannot give the column " + name}
			switch {
			case known:
				e.Hint = "use " + flag
			case name == "password":
				e.Hint = "use --password-stdin, --password-file or --generate-password"
			}
			return nil, e
		}
		i := slices.IndexFunc(s.tables, func(t *engine.Table) bool { return t.Column(name) != nil })
		if i < 0 {
			return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: fmt.Sprintf("the user table %s has no column %q", u.Name, name)}
		}
		c := s.tables[i].Column(name)
		further[c] = func(n *NewUser) (any, error) {
			text, isSet := n.Set[name]
			if !isSet {
				return nil, nil
			}
			return tx.Layout.textArg(c, text)
		}
	}
	return further, nil
}

// flagsFor returns the flags that set columns of a user.
func flagsFor(columns []string) (flags []string) {
	for _, name := range columns {
		if flag, ok := userFlag(name); ok {
			flags = append(flags, flag+" VALUE")
		} else {
			flags = append(flags, setFlag(name))
		}
	}
	return flags
}
