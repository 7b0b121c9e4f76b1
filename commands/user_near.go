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

// withNear adds a hint to the error for a missing user: the only user whose name differs just in the case of letters.
// No command uses that user instead.
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
			return e // the search failed, or there are several
		case u.Username == name: // the missing user was named by primary key
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
