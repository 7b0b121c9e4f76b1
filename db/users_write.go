package db

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// SetPassword stores an encoded password.
func (tx *Tx) SetPassword(ctx context.Context, u User, encoded string) error {
	return tx.updateUser(ctx, u, "password", encoded)
}

// ReencodePassword stores another encoding of u's password, and returns u with it. If the password was changed
// in the meantime, it stays.
func (tx *Tx) ReencodePassword(ctx context.Context, u User, encoded string) (User, error) {
	t := tx.Layout.User
	key, _ := t.keyArg(tx.Layout.Engine, u.ID)
	err := tx.Exec(ctx, fmt.Sprintf("update %s set password = $1 where %s = $2 and password = $3", t.SQL(), engine.Quote(t.Key)), encoded, key, u.password)
	if err != nil {
		return u, err
	}
	return tx.UserByID(ctx, u.ID)
}

// SetLastLogin is update_last_login of django/contrib/auth/models.py (5.2), with the transaction's time. It
// does nothing for a model without the column.
func (tx *Tx) SetLastLogin(ctx context.Context, u User) error {
	if tx.Layout.User.Column("last_login") == nil {
		return nil
	}
	return tx.updateUser(ctx, u, "last_login", tx.Layout.timeArg(tx.Now))
}

// SetActive activates or deactivates users. It returns the users after the change, in their order, and the
// keys of the users that it changed. It does not change a user in the wanted state. NULL counts as not
// active.
func (tx *Tx) SetActive(ctx context.Context, users []User, active bool) ([]User, map[string]bool, error) {
	l := tx.Layout
	flag, err := l.activeArg(l.User, active)
	if err != nil {
		return nil, nil, err
	}
	keys, err := l.userKeys(users)
	if err != nil {
		return nil, nil, err
	}
	// If the model inherits, its own table or the parent's has the column.
	holder := &UserTable{Table: l.User.holder("is_active"), KeyType: l.User.KeyType}
	holder.Key = holder.PrimaryKey().Name
	q := &engine.Query{Text: "update " + holder.SQL() + " as u set is_active = $1 where " + l.isFlag(holder, "is_active", !active, true) + " and " + l.Engine.AnyOf("u."+engine.Quote(holder.Key), "$2") + " returning cast(" + engine.Quote(holder.Key) + " as text)",
		Args: []any{flag, keys}}
	changed, err := tx.keySet(ctx, l.User, q)
	if err != nil {
		return nil, nil, err
	}
	found, err := tx.FindUsers(ctx, nil, IDsOf(users))
	if err != nil {
		return nil, nil, err
	}
	if len(found.MissingKeys) > 0 {
		return nil, nil, deletedMeanwhile("with the id " + strings.Join(found.MissingKeys, ", "))
	}
	for i := range found.Users {
		if u := &found.Users[i]; u.Active() != active {
			return nil, nil, notChanged(u.Username)
		}
	}
	return found.Users, changed, nil
}

// Deactivatable returns the error that prevents the activation and deactivation of a model's users, or nil.
func (l *Layout) Deactivatable(u *UserTable) error {
	_, err := l.activeArg(u, false)
	return err
}

// AuthUsers reports whether a model is AUTH_USER_MODEL. The commands about users work only with it.
func (l *Layout) AuthUsers(u *UserTable) bool { return u.same(l.auth) }

// activeArg returns the parameter for is_active of a model.
func (l *Layout) activeArg(u *UserTable, active bool) (any, error) {
	switch {
	case u == nil && l.userProblem != nil:
		return nil, l.userProblem
	case u == nil:
		return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "the database does not show to whom the rows belong"}
	case !l.AuthUsers(u):
		return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: u.String() + " is not the table of AUTH_USER_MODEL"}
	case u.Column("is_active") == nil:
		return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "this application's user model has no is_active column",
			Hint: "blacklist the user's tokens, or delete the user"}
	}
	return l.flagArg(u.holder("is_active"), u.Column("is_active"), active)
}

func (tx *Tx) updateUser(ctx context.Context, u User, column string, value any) error {
	t := tx.Layout.User
	holder := t.holder(column)
	key, _ := t.keyArg(tx.Layout.Engine, u.ID)
	n, err := tx.ExecRows(ctx, fmt.Sprintf("update %s set %s = $1 where %s = $2", holder.SQL(), engine.Quote(column), engine.Quote(holder.PrimaryKey().Name)), value, key)
	if err != nil || n > 0 {
		return err
	}
	found, err := tx.FindUsers(ctx, nil, []string{u.ID})
	switch {
	case err != nil:
		return err
	case len(found.MissingKeys) > 0:
		return deletedMeanwhile(u.Username)
	}
	return notChanged(u.Username)
}

func deletedMeanwhile(user string) error {
	return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "the user " + user + " was deleted meanwhile"}
}

// notChanged returns the error for a user who exists and whom an update did not change.
func notChanged(user string) error {
	return &tokenctl.Error{Code: tokenctl.CodeDatabaseError, Message: "the database did not change the user " + user,
		Hint: "a trigger or row-level security of the application prevents it"}
}

// UpdateUser changes text columns of a user and returns the user after the change.
func (tx *Tx) UpdateUser(ctx context.Context, u User, values map[string]string) (User, error) {
	for _, column := range slices.Sorted(maps.Keys(values)) {
		if err := tx.updateUser(ctx, u, column, values[column]); err != nil {
			return u, err
		}
	}
	return tx.UserByID(ctx, u.ID)
}
