package db

import (
	"context"
	"fmt"

	"tokenctl/django"
)

// SetPassword stores an encoded password.
func (tx *Tx) SetPassword(ctx context.Context, u User, encoded string) error {
	return tx.updateUser(ctx, u, "password", encoded)
}

// ReencodePassword stores another encoding of the password that u has, and
// returns u as it is then. A password that was changed meanwhile stays.
func (tx *Tx) ReencodePassword(ctx context.Context, u User, encoded string) (User, error) {
	t := tx.Layout.User
	key, _ := t.keyArg(tx.Layout.Engine, u.ID)
	err := tx.exec(ctx, fmt.Sprintf("update %s set password = $1 where %s = $2 and password = $3", t.SQL(), quote(t.Key)), encoded, key, u.password)
	if err != nil {
		return u, err
	}
	users, err := tx.UsersByID(ctx, []string{u.ID})
	if err != nil {
		return u, err
	}
	return users[0], nil
}

// SetLastLogin is update_last_login of django/contrib/auth/models.py, at the
// transaction's time. A model without the column has nothing to set.
func (tx *Tx) SetLastLogin(ctx context.Context, u User) error {
	if tx.Layout.User.Column("last_login") == nil {
		return nil
	}
	return tx.updateUser(ctx, u, "last_login", tx.Layout.timeArg(tx.Now))
}

// SetActive switches a user on or off. It reports whether that changed
// anything.
func (tx *Tx) SetActive(ctx context.Context, u User, active bool) (bool, error) {
	if u.IsActive == nil {
		return false, &django.Error{Code: django.CodeLayoutUnsupported, Message: "this application's user model has no is_active column",
			Hint: "blacklist the user's tokens, or delete the user"}
	}
	if *u.IsActive == active {
		return false, nil
	}
	return true, tx.updateUser(ctx, u, "is_active", active)
}

func (tx *Tx) updateUser(ctx context.Context, u User, column string, value any) error {
	t := tx.Layout.User
	key, _ := t.keyArg(tx.Layout.Engine, u.ID)
	n, err := tx.execRows(ctx, fmt.Sprintf("update %s set %s = $1 where %s = $2", t.SQL(), quote(column), quote(t.Key)), value, key)
	if err != nil {
		return err
	}
	if n == 0 {
		return &django.Error{Code: django.CodeChanged, Message: "the user " + u.Username + " was deleted meanwhile"}
	}
	return nil
}
