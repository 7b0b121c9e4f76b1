package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// NewUser is a user to create. Fields without a column in the model must be zero.
type NewUser struct {
	Username    string // value of USERNAME_FIELD, normalised
	Password    string // encoded
	Email       string
	FirstName   string
	LastName    string
	IsActive    bool
	IsStaff     bool
	IsSuperuser bool
	Set         map[string]string // further columns, as text
}

// userField is a column of AbstractUser for which NewUser has a field, and the flag that sets it.
type userField struct {
	column, flag string
	isSet        func(*NewUser) bool
	value        func(*NewUser) any
}

var userFields = []userField{
	{"email", "--email", func(n *NewUser) bool { return n.Email != "" }, func(n *NewUser) any { return n.Email }},
	{"first_name", "--first-name", func(n *NewUser) bool { return n.FirstName != "" }, func(n *NewUser) any { return n.FirstName }},
	{"is_active", "--inactive", func(n *NewUser) bool { return !n.IsActive }, func(n *NewUser) any { return n.IsActive }},
	{"is_staff", "--staff", func(n *NewUser) bool { return n.IsStaff }, func(n *NewUser) any { return n.IsStaff }},
	{"is_superuser", "--superuser", func(n *NewUser) bool { return n.IsSuperuser }, func(n *NewUser) any { return n.IsSuperuser }},
	{"last_name", "--last-name", func(n *NewUser) bool { return n.LastName != "" }, func(n *NewUser) any { return n.LastName }},
}

// userFlag returns the flag for a column for which NewUser has a field.
func userFlag(column string) (string, bool) {
	i := slices.IndexFunc(userFields, func(f userField) bool { return f.column == column })
	if i < 0 {
		return "", false
	}
	return userFields[i].flag, true
}

// CheckUser returns the error of [Tx.CreateUsers] for n, as far as it does not depend on the rows of the
// database.
func (tx *Tx) CheckUser(n *NewUser) error {
	s, err := tx.userShape(n)
	if err != nil || len(n.Set) == 0 {
		return err
	}
	for _, columns := range s.columns {
		if _, err := columns.values(n, nil); err != nil {
			return err
		}
	}
	return nil
}

// insertUser inserts a user into the tables of the model and of its parents, and returns the stored key.
func (tx *Tx) insertUser(ctx context.Context, n *NewUser, random io.Reader) (string, error) {
	s, err := tx.userShape(n)
	if err != nil {
		return "", err
	}
	u := tx.Layout.User
	key, err := tx.newKey(random)
	if err != nil {
		return "", err
	}
	var stored string
	for i, t := range s.tables {
		if i > 0 {
			key, _ = u.keyArg(tx.Layout.Engine, stored)
		}
		args, err := s.columns[i].values(n, key)
		if err != nil {
			return "", err
		}
		q := &engine.Query{Text: s.columns[i].insert(t, 1) + " returning cast(" + engine.Quote(t.PrimaryKey().Name) + " as text)", Args: args}
		if err := tx.Scan(ctx, q, &stored); err != nil {
			return "", newUserError(err, n, s.columns[i])
		}
	}
	return stored, nil
}

// newUserError returns the error for a new user whose values the database refuses.
func newUserError(err error, n *NewUser, columns userColumns) error {
	switch tokenctl.CodeOf(err) {
	case tokenctl.CodeAlreadyExists:
		e := &tokenctl.Error{Code: tokenctl.CodeUserExists, Err: err,
			Message: fmt.Sprintf("the user %s, or another one of its unique values, exists already", n.Username)}
		var d *engine.Duplicate
		if errors.As(err, &d) && d.Columns != nil {
			e.Hint = "unique is: " + strings.Join(d.Columns, ", ")
		}
		return e
	case tokenctl.CodeInvalidValue:
		var typed []string
		for _, c := range columns {
			if _, isSet := n.Set[c.Name]; isSet && !c.Text {
				typed = append(typed, c.Name+" ("+c.Type+")")
			}
		}
		return checkSet(err, typed)
	}
	return err
}

// newKey returns the primary key of a new user, or nil if the database makes it.
func (tx *Tx) newKey(random io.Reader) (any, error) {
	u := tx.Layout.User
	if !u.needsUUID() {
		return nil, nil
	}
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562 section 5.4
	key, _ := u.keyArg(tx.Layout.Engine, fmt.Sprintf("%x", b))
	return key, nil
}

// needsUUID reports whether the key of a new user is a UUID that Django makes and the database
// does not.
func (u *UserTable) needsUUID() bool {
	return u.KeyType == KeyUUID && !u.Column(u.Key).HasDefault
}

// insert returns the statement that inserts a number of rows.
func (columns userColumns) insert(t *engine.Table, rows int) string {
	var b strings.Builder
	b.WriteString("insert into " + t.SQL() + " (")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(engine.Quote(c.Name))
	}
	b.WriteString(") values ")
	for i := range rows * len(columns) {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%len(columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	return b.String() + ")"
}
