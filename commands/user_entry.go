package commands

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// userEntry is a user to create, from the command line or a CSV file.
type userEntry struct {
	db.NewUser
	password  tokenctl.Secret // zero: unusable
	generated bool
	file      *csvFile // nil: named on the command line
	line      int      // line of the file, or index on the command line
	fault     error    // why the line is not a valid user
}

func (n *userEntry) where() string { return n.file.where(n.line) }

// mayHavePassword reports whether the user has a password, or a prompt may ask for one.
func (n *userEntry) mayHavePassword() bool { return n.file == nil || !n.password.IsZero() }

// usernames returns the names of a part.
func usernames(part []*userEntry) []string {
	return tokenctl.Mapped(part, func(n *userEntry) string { return n.Username })
}

// usersExist returns the error that names the users who exist already, or nil without any.
func usersExist(l *db.Layout, found []db.Match) error {
	switch len(found) {
	case 0:
		return nil
	case 1:
		u := &found[0].User
		return &tokenctl.Error{Code: tokenctl.CodeUserExists, Message: "the user " + u.Username + " exists already", Hint: "nothing was changed; tokenctl user show " + tokens.UserArgument(l.User, u, "")}
	}
	names := tokenctl.Mapped(found[:min(mostTold, len(found))], func(m db.Match) string { return m.User.Username })
	message := "the users " + strings.Join(names, ", ")
	if len(found) > mostTold {
		message += " and others"
	}
	return &tokenctl.Error{Code: tokenctl.CodeUserExists, Message: message + " exist already", Hint: "nothing was changed; leave them out"}
}

func usersOf(found []db.Match) []db.User {
	return tokenctl.Mapped(found, func(m db.Match) db.User { return m.User })
}

// passwords reads, asks for or makes the users' passwords.
func (o *userCreateOptions) passwords(ctx context.Context, users *userEntries) (err error) {
	a := o.app
	for _, n := range users.list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case !n.password.IsZero():
		case o.source.generate:
			text, err := django.GeneratePassword(a.Random, a.settings.Auth.MinPasswordLength())
			if err != nil {
				return err
			}
			n.password, n.generated = tokenctl.NewSecret(text), true
		case o.source.single():
			if n.password, err = o.source.read(ctx); err != nil {
				return err
			}
		case users.count == 1 && o.fromCSV == "" && !o.source.none && a.interactive():
			question := "Password for " + output.Visible(n.Username) + " (empty: none, for logging in with tokens only): "
			if n.password, err = o.source.ask(ctx, question); err != nil {
				return err
			}
		}
	}
	return nil
}

// validate runs Django's validators on the passwords that are known. With --keep-going users
// whose password is rejected are skipped.
func (o *userCreateOptions) validate(ctx context.Context, l *db.Layout, users *userEntries) error {
	a := o.app
	if o.source.noValidate {
		return nil
	}
	checks, err := a.passwordChecks()
	if err != nil {
		return err
	}
	skip := users.skip
	if !o.keepGoing {
		skip = nil
	}
	checked, err := validateAll(ctx, checks, l, users.list, skip)
	users.compact()
	if checked {
		a.tellChecks(checks, l, err)
	}
	return err
}

// validateAll runs Django's validators. The error names every rejected password. checked reports whether any user has a
// password.
func validateAll(ctx context.Context, checks django.PasswordChecks, l *db.Layout, users []*userEntry, skip func(*userEntry, error)) (checked bool, err error) {
	var faults []string
	for i := range users {
		n := users[i]
		if n.password.IsZero() || n.generated {
			continue
		}
		if ctx.Err() != nil {
			return checked, context.Cause(ctx)
		}
		checked = true
		problems := checks.Validate(n.password.Reveal(), attributes(l, &n.NewUser))
		if n.file == nil && len(problems) > 0 {
			return checked, rejected(problems)
		}
		if len(problems) > 0 && skip != nil {
			skip(n, prefixed(n.where(), rejected(problems)))
		} else if len(problems) > 0 {
			faults = append(faults, n.where()+joinProblems(problems))
		}
	}
	if faults == nil {
		return checked, nil
	}
	return checked, &tokenctl.Error{Code: tokenctl.CodePasswordRejected, Message: "passwords are rejected: " + firstOf(faults, "; "), Hint: "choose others; --no-validate skips Django's validators"}
}

// createUsers writes the users, unless some of them exist already.
func (a *App) createUsers(ctx context.Context, tx *db.Tx, users *userEntries) error {
	progress := a.progress("creating users", int64(users.count))
	defer progress.done()
	var found []db.Match
	var late *userEntry // the first user who exists already
	var list []db.NewUser
	written := 0
	err := users.parts(ctx, tx.Layout, func(part []*userEntry) error {
		there, err := users.check(ctx, tx, part)
		if found == nil && there != nil {
			late = part[there[0].At]
		}
		if found = append(found, there...); len(found) > mostTold {
			err = cmp.Or(err, usersExist(tx.Layout, found))
		}
		if err != nil || found != nil {
			return err // the error names the other existing users too
		}
		list = list[:0]
		for i := range part {
			list = append(list, part[i].NewUser)
		}
		if n, err := a.insertUsers(ctx, tx, list); err != nil {
			return prefixed(part[n].where(), err)
		}
		written += len(part)
		progress.add(int64(len(part)))
		return nil
	})
	if found != nil && ctx.Err() == nil {
		if twice := users.among(ctx, tx.Layout, written, found[0].User.Username, late); twice != nil {
			return twice
		}
	}
	return cmp.Or(err, usersExist(tx.Layout, found))
}

// insertUsers is [db.Tx.CreateUsers]. Users without a password get an unusable one.
func (a *App) insertUsers(ctx context.Context, tx *db.Tx, list []db.NewUser) (n int, err error) {
	for i := range list {
		if list[i].Password != "" {
			continue
		}
		if list[i].Password, err = django.UnusablePassword(a.Random); err != nil {
			return i, err
		}
	}
	return tx.CreateUsers(ctx, list, a.Random)
}

// createdRows returns the rows of users, with a column for each new secret.
func createdRows(users []db.User, issued []ownedSecrets) ([]output.Column, [][]output.Value) {
	columns := slices.Clone(userColumns)
	for _, name := range secretNames(issued) {
		columns = append(columns, output.Column{Name: name})
	}
	rows := userRows(users)
	for i := range rows {
		for _, c := range columns[len(userColumns):] {
			rows[i] = append(rows[i], issued[i].named(c.Name))
		}
	}
	return columns, rows
}

// passwordColumns returns the columns that createdRows may have.
func passwordColumns(secrets bool) []output.Column {
	if !secrets {
		return userColumns
	}
	return slices.Concat(userColumns, []output.Column{{Name: "password"}}, secretColumns)
}

// checkFields returns an error for a wrong --columns or --field, and for one that leaves out a generated password. It is
// called before any change.
func (d *delivery) checkFields(generate bool, columns []output.Column) error {
	if _, err := output.NewWriter(io.Discard, columns, d.options(true)); err != nil || !generate {
		return err
	}
	return complete(d.options(true), []string{"password"})
}
