package commands

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
)

func (d *doctor) users(tx *db.Tx) error {
	u := tx.Layout.User
	_, err := tx.Layout.Users()
	var e *tokenctl.Error
	if errors.As(err, &e) && u == nil {
		d.add("user_table", statusProblem, e.Message, e.Hint)
		return nil
	}
	key := u.Table.Column(u.Key)
	found := fmt.Sprintf("%s, key %s (%s)", u, key.Name, key.Type)
	for _, child := range u.Children {
		found += ", inherited by " + child.String()
	}
	d.ok("user_table", "%s", found)
	if e != nil {
		d.add("username_field", statusProblem, e.Message, e.Hint)
	} else {
		how := "the only unique text column"
		if d.app.settings.Auth.UsernameField != "" {
			how = "from " + d.app.toml
		} else if !slices.Contains(u.Usernames, u.Username) {
			how = "by its name"
		}
		d.ok("username_field", "%s, %s", u.Username, how)
	}
	if absent := u.MissingColumns(); absent != nil {
		d.info("user_columns", "the user model has no %s", strings.Join(absent, ", "))
	}
	if flags := tx.FlagsRequired(); e == nil && flags != nil {
		d.info("user_create", "tokenctl user create needs %s", strings.Join(flags, " "))
	}
	d.validators(u)
	d.userIDField(u)
	if e == nil {
		if err := d.try(tx, "username_unique", func() error { return d.unique(tx) }); err != nil {
			return err
		}
	}
	return d.try(tx, "password_hasher", func() error {
		use, err := tx.PasswordUse(d.ctx)
		if err == nil {
			d.hasher(use)
		}
		return err
	})
}

// unique reports whether a name identifies one user, and the names that several users have.
func (d *doctor) unique(tx *db.Tx) error {
	u := tx.Layout.User
	column := u.Name + "." + u.Username
	x, err := tx.UsernameIndex(d.ctx)
	switch {
	case err != nil:
		return err
	case x == nil:
		d.info("username_unique", "%s is not a table: it is not known whether names are unique", u.Name)
	case x.Unique:
		d.ok("username_unique", "%s has a unique index", column)
		return nil
	default:
		found := column + " has no unique index by itself: two users can have the same name"
		if x.Short != nil {
			found += "; not enough: " + strings.Join(x.Short, ", ")
		}
		d.add("username_unique", statusWarning, found, "as the table's owner, if a name should mean one user: "+x.Create)
	}
	shared, err := tx.SharedNames(d.ctx)
	if err == nil && shared.Names > 0 {
		d.add("username_shared", statusProblem, fmt.Sprintf("%s had by several users, %d in all; one by those with the ids %s",
			plural(int(shared.Names), "name is", "names are"), shared.Users, strings.Join(shared.First, ", ")),
			"give all but one of them another name; until then name them with --user-id")
	}
	return err
}

// weakHashers are algorithms without a salt, or so fast that a machine tries billions of passwords a second.
var weakHashers = []string{"md5", "sha1", "unsalted_md5", "unsalted_sha1", "crypt", "unknown"}

func (d *doctor) hasher(use db.PasswordUse) {
	if len(use.Algorithms) == 0 {
		d.info("password_hasher", "no user has a usable password")
		return
	}
	names := slices.Collect(maps.Keys(use.Algorithms))
	slices.SortFunc(names, func(x, y string) int {
		if use.Algorithms[x] != use.Algorithms[y] {
			return use.Algorithms[y] - use.Algorithms[x]
		}
		return strings.Compare(x, y)
	})
	var parts []string
	for _, name := range names {
		text := name
		if name == tokenctl.PBKDF2SHA256 {
			text += fmt.Sprintf(", %d iterations", use.Iterations)
		}
		if len(names) > 1 {
			text += " (" + count(use.Algorithms[name], "user") + ")"
		}
		parts = append(parts, text)
	}
	found := strings.Join(parts, "; ") + fmt.Sprintf(", of the newest %s", count(use.Users, "user"))
	set, algorithm := d.app.settings.Auth.PBKDF2Iterations, d.app.settings.Auth.PasswordHasher
	switch {
	case slices.Contains(weakHashers, names[0]):
		d.add("password_hasher", statusWarning, found, "put a slow hasher first in the project's PASSWORD_HASHERS; passwords are rewritten as people log in")
	case names[0] == tokenctl.PBKDF2SHA256 && use.Iterations < tokenctl.MinPBKDF2Iterations:
		d.add("password_hasher", statusWarning, fmt.Sprintf("%s: fewer than the %d of Django 3.2", found, tokenctl.MinPBKDF2Iterations),
			"upgrade Django, or raise the iterations of the project's hasher; passwords are rewritten as people log in")
	case set != 0 && use.Iterations != 0 && set != use.Iterations:
		d.add("password_hasher", statusWarning, fmt.Sprintf("%s, but pbkdf2_iterations is %d", found, set),
			fmt.Sprintf("set pbkdf2_iterations = %d under [auth] in %s: other passwords are rewritten at the next login, which ends sessions", use.Iterations, d.app.toml))
	case algorithm != "" && algorithm != names[0]:
		d.add("password_hasher", statusWarning, fmt.Sprintf("%s, but password_hasher is %s", found, algorithm),
			"set password_hasher under [auth] in "+d.app.toml+" to the first of the project's PASSWORD_HASHERS")
	default:
		d.ok("password_hasher", "%s", found)
	}
}
