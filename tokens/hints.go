package tokens

import (
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// Hints name only commands that work with the database's layout: they use the rules that the commands check.

var plainName = tokenctl.Lazily(`^[A-Za-z0-9_.@+][A-Za-z0-9_.@+-]*$`)

// UserArgument returns the argument of a command line that names a user of a model, behind flag if that is not empty.
// It is --user-id with the primary key if a shell or a command would read the name as something else, or if several
// users can have the name.
func UserArgument(t *db.UserTable, u *db.User, flag string) string {
	switch {
	case !plainName().MatchString(u.Username), t == nil, t.Username == "", !t.Column(t.Username).Unique:
		return "--user-id " + u.ID
	case flag != "":
		return flag + " " + u.Username
	}
	return u.Username
}

// lockOut returns the command that locks a user out; empty if the users of the model cannot be deactivated.
func lockOut(l *db.Layout, t *db.UserTable, u *db.User) string {
	if u.ID == "" || l.Deactivatable(t) != nil {
		return ""
	}
	return "tokenctl user deactivate " + UserArgument(t, u, "")
}

// withoutPassword returns the command after which a user cannot log in with a password; empty if the commands about
// users do not work with the model.
func withoutPassword(l *db.Layout, t *db.UserTable, u *db.User) string {
	if u.ID == "" || !l.AuthUsers(t) {
		return ""
	}
	return "tokenctl user password " + UserArgument(t, u, "") + " --no-password"
}

// userName returns the name of a user for a sentence.
func userName(u *db.User) string {
	if u.Username == "" {
		return "user " + u.ID
	}
	return u.Username
}

// either joins the ways that are not empty: "a, b or c".
func either(ways ...string) string {
	var there []string
	for _, way := range ways {
		if way != "" {
			there = append(there, way)
		}
	}
	last := len(there) - 1
	if last < 1 {
		return strings.Join(there, "")
	}
	return strings.Join(there[:last], ", ") + " or " + there[last]
}

// StopsInactive names what stops an inactive user at once, as the subject of a sentence.
func StopsInactive(env Env, l *db.Layout) string {
	switch check := env.Settings.SimpleJWT.CheckUserIsActive; {
	case check != nil && !*check:
		return "TokenAuthentication, knox and sessions, but not JWTAuthentication without CHECK_USER_IS_ACTIVE,"
	case check == nil && JWT.Present(l):
		return "TokenAuthentication, knox, JWTAuthentication and sessions (JWTAuthentication by CHECK_USER_IS_ACTIVE, simplejwt's default: no setting says otherwise)"
	}
	return "TokenAuthentication, knox, JWTAuthentication and sessions"
}

// orForce adds to hint that --force continues anyway, if the command has that flag.
func (e *Env) orForce(hint string) string {
	if !e.Forces {
		return hint
	}
	return hint + "; --force goes on all the same"
}
