package commands

import (
	"context"
	"fmt"

	"tokenctl"
	"tokenctl/db/engine"
)

// A database that a protected context names is protected however it is reached. Before a
// command changes rows there, a person types the context's name, or a script says with
// --confirm how many users or credentials it is about; --yes is not enough.
//
// consentFlags.obtain asks about rows that flags select, and consentFlags.obtainNamed about rows that the
// command line names. App.allowed checks again, for every command: the database begins no transaction that
// writes before that.

// findProtection finds the protected context that names a database. Where contexts.toml
// cannot be read nobody knows, so a command that changes rows ends.
func (a *App) findProtection(t engine.Target) error {
	a.protected = ""
	list, err := a.databaseContexts()
	if err != nil {
		return err
	}
	for _, c := range list {
		if !c.Protected {
			continue
		}
		other, err := c.target(a.databaseContextsPath())
		if err != nil {
			return err
		}
		if t.Same(other) && (a.protected == "" || a.databaseContext != nil && a.databaseContext.name == c.name) {
			a.protected = c.name
		}
	}
	return nil
}

// allowed is asked before each transaction that writes.
func (a *App) allowed() error {
	if a.protected == "" || a.agreed {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: a.databaseName() + " is protected by the context " + a.protected, Hint: "add --confirm N, or type the context's name at a terminal"}
}

// askName asks for the name of the protected context.
func (a *App) askName(ctx context.Context, question string) error {
	typed, err := a.answer(ctx, fmt.Sprintf("%s\nThis database is protected. Type the name of its context, %s:", question, a.protected))
	if err != nil {
		return err
	}
	if typed != a.protected {
		return &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: "not confirmed; nothing was done", Hint: "the name of the context is " + a.protected}
	}
	return nil
}
