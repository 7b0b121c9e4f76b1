package commands

import (
	"context"
	"io"
	"slices"
	"strings"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
)

// newcomer is a user to be created.
type newcomer struct {
	db.NewUser
	password  django.Secret // zero: unusable
	generated bool
	file      *csvFile // nil: named on the command line
	line      int
}

func (n *newcomer) where() string { return n.file.where(n.line) }

// mayHavePassword reports whether there is one, or it may yet be asked for.
func (n *newcomer) mayHavePassword() bool { return n.file == nil || !n.password.IsZero() }

// newcomers are the users as the command line or the CSV describes them.
func (o *userCreateOptions) newcomers(l *db.Layout, file *csvFile) ([]*newcomer, error) {
	base := db.NewUser{Email: o.email, FirstName: o.firstName, LastName: o.lastName,
		IsActive: !o.inactive, IsStaff: o.staff, IsSuperuser: o.superuser, Set: map[string]string{}}
	for _, assignment := range o.set {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			return nil, usage("--set needs COLUMN=VALUE", "write --set phone=+4912345")
		}
		if _, twice := base.Set[name]; twice {
			return nil, usage("--set gives "+name+" twice", "")
		}
		base.Set[name] = value
	}
	if file != nil {
		u, err := l.Users()
		if err != nil {
			return nil, err
		}
		return file.parse(u, base)
	}
	var users []*newcomer
	for _, name := range o.names {
		n := &newcomer{NewUser: base}
		n.Username = name
		users = append(users, n)
	}
	return users, nil
}

// clean checks and normalises the users against the database's columns.
func clean(ctx context.Context, tx *db.Tx, users []*newcomer) error {
	seen := make(map[string]int, len(users))
	for i := range users {
		n := users[i]
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := cleanUser(tx.Layout, &n.NewUser, n.file == nil)
		if err == nil {
			err = tx.CheckUser(&n.NewUser)
		}
		if before, twice := seen[n.Username]; twice && err == nil {
			err = usage(n.Username+" is named twice", "")
			if n.file != nil {
				err = usage("the name stands in "+strings.TrimSuffix(users[before].where(), ": ")+" already", "")
			}
		}
		if err != nil {
			return prefixed(n.where(), err)
		}
		seen[n.Username] = i
	}
	return nil
}

// existing are the users who are in the database, in their order; all of them
// or hardly more than most.
func existing(ctx context.Context, tx *db.Tx, users []*newcomer, most int) ([]db.User, error) {
	var found []db.User
	for part := range slices.Chunk(users, db.BulkUsers) {
		names := make([]string, len(part))
		for i := range part {
			names[i] = part[i].Username
		}
		var missing []string
		there, err := tx.UsersNamed(ctx, names, &missing)
		if err != nil {
			return nil, err
		}
		if found = append(found, there...); len(found) > most {
			break
		}
	}
	return found, nil
}

// refuseExisting names every user who is there already, up to a hundred.
func refuseExisting(ctx context.Context, tx *db.Tx, users []*newcomer) error {
	const most = 100
	found, err := existing(ctx, tx, users, most)
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return &django.Error{Code: django.CodeUserExists, Message: "the user " + found[0].Username + " exists already", Hint: "nothing was changed; tokenctl user show " + argument(&found[0], "")}
	}
	message := "the users " + names(found[:min(most, len(found))])
	if len(found) > most {
		message += " and others"
	}
	return &django.Error{Code: django.CodeUserExists, Message: message + " exist already", Hint: "nothing was changed; leave them out"}
}

// passwords gets, makes and validates what the users log in with.
func (o *userCreateOptions) passwords(ctx context.Context, l *db.Layout, users []*newcomer) (err error) {
	a := o.app
	for i := range users {
		n := users[i]
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case !n.password.IsZero():
		case o.source.generate:
			text, err := django.GeneratePassword(a.Random)
			if err != nil {
				return err
			}
			n.password, n.generated = django.NewSecret(text), true
		case o.source.single():
			if n.password, err = o.source.read(ctx); err != nil {
				return err
			}
		case len(users) == 1 && o.fromCSV == "" && !o.source.none && a.interactive():
			question := "Password for " + output.Visible(n.Username) + " (empty: none, for logging in with tokens only): "
			if n.password, err = o.source.ask(ctx, question); err != nil {
				return err
			}
		}
	}
	if o.source.noValidate {
		return nil
	}
	return validateAll(ctx, l, users)
}

// validateAll runs Django's validators and tells of every password that they
// reject.
func validateAll(ctx context.Context, l *db.Layout, users []*newcomer) error {
	var faults []string
	for i := range users {
		n := users[i]
		if n.password.IsZero() || n.generated {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		problems := django.ValidatePassword(n.password.Reveal(), attributes(l, &n.NewUser))
		if n.file == nil && len(problems) > 0 {
			return rejected(problems)
		}
		if len(problems) > 0 {
			faults = append(faults, n.where()+joinProblems(problems))
		}
	}
	if faults == nil {
		return nil
	}
	const most = 10
	message := "passwords are rejected: " + strings.Join(faults[:min(most, len(faults))], "; ")
	if len(faults) > most {
		message += "; and " + count(len(faults)-most, "more line")
	}
	return &django.Error{Code: django.CodePasswordRejected, Message: message, Hint: "choose others; --no-validate does without Django's validators"}
}

// createUsers writes the users.
func (a *App) createUsers(ctx context.Context, tx *db.Tx, newcomers []*newcomer) error {
	progress := a.progress("creating users", int64(len(newcomers)))
	defer progress.done()
	var list []db.NewUser
	for part := range slices.Chunk(newcomers, db.BulkUsers) {
		list = list[:0]
		for i := range part {
			n := part[i].NewUser
			if n.Password == "" {
				var err error
				if n.Password, err = django.UnusablePassword(a.Random); err != nil {
					return err
				}
			}
			list = append(list, n)
		}
		if n, err := tx.CreateUsers(ctx, list, a.Random); err != nil {
			return prefixed(part[n].where(), err)
		}
		progress.add(int64(len(part)))
	}
	return nil
}

// createdRows are users with their new secrets, which are columns of their own.
func createdRows(users []db.User, bundles []bundle) ([]output.Column, [][]output.Value) {
	columns := slices.Clone(userColumns)
	for _, name := range secretNames(bundles) {
		columns = append(columns, output.Column{Name: name})
	}
	rows := userRows(users)
	for i := range rows {
		for _, c := range columns[len(userColumns):] {
			rows[i] = append(rows[i], bundles[i].named(c.Name))
		}
	}
	return columns, rows
}

// passwordColumns are those that createdRows may have.
func passwordColumns(secrets bool) []output.Column {
	columns := slices.Clone(userColumns)
	if secrets {
		for _, name := range []string{"password", "token", "refresh", "access"} {
			columns = append(columns, output.Column{Name: name})
		}
	}
	return columns
}

// checkFields refuses, before anything is done, a wrong --columns or --field,
// and one that leaves out the password that is made.
func (d *delivery) checkFields(generate bool, columns []output.Column) error {
	if _, err := output.NewWriter(io.Discard, columns, d.options(true)); err != nil || !generate {
		return err
	}
	return complete(d.options(true), []string{"password"})
}
