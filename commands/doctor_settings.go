package commands

import (
	"errors"
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// passfile says that libpq looks for the password elsewhere than one would think.
func (d *doctor) passfile() {
	if d.app.ignored != "" {
		d.add("passfile", statusWarning, d.app.ignored+": it is ignored", "chmod 600, or set PGPASSFILE to the right file")
	}
}

// validators tells which rules passwords are checked by.
func (d *doctor) validators(u *db.UserTable) {
	checks, err := d.app.passwordChecks()
	var e *tokenctl.Error
	switch list := checks.Unchecked(u.Username); {
	case errors.As(err, &e):
		d.add("password_validators", statusProblem, e.Message, e.Hint)
	case checks.Default():
		d.info("password_validators", "those of a new project, by default: no setting names the application's")
	case list != nil:
		d.add("password_validators", statusWarning, "tokenctl cannot check passwords with "+strings.Join(list, ", "), "change passwords in the application, or choose such as it accepts")
	default:
		d.ok("password_validators", "%s", d.app.settings.Auth.PasswordValidators)
	}
}

// userIDField says when the setting names no column.
func (d *doctor) userIDField(u *db.UserTable) {
	name := d.app.settings.SimpleJWT.UserIDField
	if name != "" && name != "id" && name != "pk" && !hasColumn(u, name) {
		d.add("user_id_field", statusWarning, "simplejwt.user_id_field is "+name+", and "+u.Name+" has no such column", "correct it in "+d.app.toml+": USER_ID_FIELD of SIMPLE_JWT")
	}
}
