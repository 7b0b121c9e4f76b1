package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// passfile reports a password file that libpq ignores.
func (d *doctor) passfile() {
	if d.app.ignoredPassfile != "" {
		d.add("passfile", statusWarning, d.app.ignoredPassfile+": it is ignored", "chmod 600, or set PGPASSFILE to the right file")
	}
}

// validators reports the rules with which passwords are checked.
func (d *doctor) validators(u *db.UserTable) {
	checks, err := d.app.passwordChecks()
	var e *tokenctl.Error
	switch list := checks.Unchecked(u.Username); {
	case errors.As(err, &e):
		d.add("password_validators", statusProblem, e.Message, e.Hint)
	case checks.Default():
		d.info("password_validators", "those of a new project, by default: no setting names the application's")
	case list != nil:
		d.add("password_validators", statusWarning, "tokenctl cannot check passwords with "+strings.Join(list, ", "), "change passwords in the application, or choose passwords that it accepts")
	default:
		d.ok("password_validators", "%s", d.app.settings.Auth.PasswordValidators)
	}
}

// application compares the credentials that mint would make with the newest ones of the application.
func (d *doctor) application(tx *db.Tx) error {
	if d.auditor { // who mints nothing; and the views do not show what is compared
		return nil
	}
	for _, k := range tokens.Kinds() {
		if k.CheckApplication == nil || !k.Present(tx.Layout) || tx.Layout.Problem(k.Name) != nil {
			continue
		}
		compared, check := 0, k.Name+"_application"
		err := d.bounded(tx, check, func(ctx context.Context) (err error) {
			compared, err = k.CheckApplication(ctx, d.app.env(), tx, false, nil)
			if tokenctl.CodeOf(err) == tokenctl.CodeKeyMissing { // another check reports this
				err = nil
			}
			return err
		})
		if err != nil {
			return err
		}
		if compared > 0 && !slices.ContainsFunc(d.findings, func(f finding) bool { return f.check == check }) {
			d.ok(check, "the credentials that mint makes fit the newest %s of the application", k.Title)
		}
	}
	return nil
}

// userIDField reports a setting that names a missing column.
func (d *doctor) userIDField(u *db.UserTable) {
	name := d.app.settings.SimpleJWT.UserIDField
	if name != "" && name != "id" && name != "pk" && !hasColumn(u, name) {
		d.add("user_id_field", statusWarning, "simplejwt.user_id_field is "+name+", and "+u.Name+" has no such column", "correct it in "+d.app.toml+": USER_ID_FIELD of SIMPLE_JWT")
	}
}
