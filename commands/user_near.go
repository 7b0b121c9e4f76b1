package commands

import (
	"context"
	"errors"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
)

// nearTime bounds the search for a user whose name differs only by case.
const nearTime = time.Second

// withNear names, in the hint of the error that a user is not there, the only user whose name
// differs from it by the case of letters alone. It is only a hint: no command takes that user.
func (a *App) withNear(ctx context.Context, err error) error {
	var e *tokenctl.Error
	var missing *db.MissingUsersError
	if a.store == nil || completing(a.args) || !errors.As(err, &e) || e.Code != tokenctl.CodeUserNotFound || !errors.As(err, &missing) || len(missing.Names) != 1 {
		return err
	}
	name := missing.Names[0]
	ctx, cancel := context.WithTimeout(ctx, nearTime)
	defer cancel()
	folded, near := foldCase(name), ""
	for u, err := range a.store.ListUsers(ctx, db.Filter{Brief: true}) {
		switch {
		case err != nil || near != "" && foldCase(u.Username) == folded:
			return e // nobody knows, or there are several
		case u.Username == name: // it is a primary key that nobody has
			return e
		case foldCase(u.Username) == folded:
			near = strings.Clone(u.Username) // the name is a part of a much longer text
		}
	}
	if near == "" {
		return e
	}
	near, name = output.Visible(near), output.Visible(name)
	return &tokenctl.Error{Code: e.Code, Message: e.Message, Err: e.Err,
		Hint: "did you mean " + near + "? " + name + " and " + near + " are two names in this database"}
}
