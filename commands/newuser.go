package commands

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/django"
	"tokenctl/output"
)

// checkUsername validates and normalises a new name as Django does for the
// column that holds it: NFKC for every name (AbstractBaseUser.normalize_username),
// the username validator for AbstractUser's username, an e-mail's rules for an
// e-mail.
func checkUsername(l *db.Layout, name string) (string, error) {
	clean, err := cleanUsername(l, name)
	var known *tokenctl.Error
	if err != nil && !errors.As(err, &known) {
		err = invalidValue("the name", output.Visible(name), err)
	}
	return clean, err
}

// cleanUsername is checkUsername whose error is Django's message alone.
func cleanUsername(l *db.Layout, name string) (string, error) {
	u, err := l.Users()
	if err != nil {
		return "", err
	}
	column := u.Column(u.Username)
	name = django.NormalizeUsername(name)
	switch u.Username {
	case "username":
		err = django.ValidateUsername(name, column.Length)
	case "email":
		name = django.NormalizeEmail(name)
		if err = django.ValidateEmail(name); err == nil {
			err = fits(column, name)
		}
	default:
		if err = fits(column, name); name == "" {
			err = django.ValidationError("This field cannot be blank.")
		}
	}
	return name, err
}

// fits checks what CharField.clean checks of every text: no NUL, and no more
// characters than the column holds, which SQLite does not enforce.
func fits(c *engine.Column, text string) error {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return django.ValidationError("it is not UTF-8")
	case strings.ContainsRune(text, 0):
		return django.ValidationError("Null characters are not allowed.")
	case c != nil && c.Length > 0 && n > c.Length:
		return django.ValidationError(fmt.Sprintf("Ensure this value has at most %d characters (it has %d).", c.Length, n))
	}
	return nil
}

// cleanUser validates and normalises what the operator said about a new user,
// as full_clean does for Django's own fields. Errors repeat a value only if they
// may: a cell of a file can be a password in the wrong column.
func cleanUser(l *db.Layout, n *db.NewUser, repeat bool) error {
	u, err := l.Users()
	if err != nil {
		return err
	}
	bad := func(what, text string, err error) error {
		if !repeat {
			text = ""
		}
		return invalidValue(what, output.Visible(text), err)
	}
	name, err := cleanUsername(l, n.Username)
	if err != nil {
		return bad("the name", n.Username, err)
	}
	n.Username = name
	if n.Email != "" {
		n.Email = django.NormalizeEmail(n.Email)
		if err := django.ValidateEmail(n.Email); err != nil {
			return bad("the e-mail address", n.Email, err)
		}
	}
	if u.Username == "email" && n.Email != "" && n.Email != n.Username {
		return usage("the name of a user is the e-mail address here, and --email is another one", "leave out --email")
	}
	for _, field := range []struct{ column, what, text string }{{"email", "e-mail address", n.Email},
		{"first_name", "first name", n.FirstName}, {"last_name", "last name", n.LastName}} {
		if err := fits(u.Column(field.column), field.text); err != nil {
			return bad("the "+field.what, field.text, err)
		}
	}
	for name, text := range n.Set {
		if err := fits(nil, text); err != nil {
			return bad("the value for "+name, "", err)
		}
	}
	return nil
}

func invalidValue(what, text string, err error) error {
	if text != "" {
		what += " " + text
	}
	return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: what + " is not valid: " + err.Error(), Err: err}
}

// attributes are what Django's validators compare a new user's password with.
func attributes(l *db.Layout, n *db.NewUser) django.UserAttributes {
	a := django.UserAttributes{FirstName: n.FirstName, LastName: n.LastName, Email: n.Email, Username: n.Set["username"]}
	switch l.User.Username {
	case "username":
		a.Username = n.Username
	case "email":
		a.Email = n.Username
	default:
		a.Field, a.Value = l.User.Username, n.Username
	}
	return a
}
