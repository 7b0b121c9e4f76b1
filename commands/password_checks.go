package commands

import (
	"errors"
	"io/fs"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// passwordChecks are the application's password validators.
func (a *App) passwordChecks() (django.PasswordChecks, error) {
	return django.NewPasswordChecks(a.settings.Auth, func(path string) (string, error) {
		path = a.settingPath(path)
		text, err := readRegular(path, django.MaxPasswordList, nil)
		if errors.Is(err, fs.ErrNotExist) {
			err = &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "there is no password list " + path, Hint: "correct password_list_path in " + a.toml}
		}
		return text, err
	})
}

// tellChecks says what the application checks of passwords and tokenctl cannot, and,
// where one was rejected by the default, that it is one.
func (a *App) tellChecks(c django.PasswordChecks, l *db.Layout, rejected error) {
	if rejected != nil && c.Default() {
		a.say("note: these validators are a default, those of a new project: password_validators under [auth] in tokenctl.toml names the application's")
	}
	if list := c.Unchecked(l.User.Username); list != nil {
		a.say("note: not checked, which only the application can: %s", strings.Join(list, ", "))
	}
}
