package tokens

import (
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// Hints name commands that work on the layout at hand: they ask the rule that the command
// itself goes by.

var plainName = tokenctl.Lazily(`^[A-Za-z0-9_.@+][A-Za-z0-9_.@+-]*$`)

// UserArgument is how a command line names a user of a model: by key where a shell would
// read the name as something else, and where the name may be that of several users.
func UserArgument(t *db.UserTable, u *db.User, flag string) string {
	switch {
	case !plainName().MatchString(u.Username), t == nil, t.Username == "", !t.Column(t.Username).Unique:
		return "--user-id " + u.ID
	case flag != "":
		return flag + " " + u.Username
	}
	return u.Username
}

// lockOut is the command that locks a user out; empty where the model knows no such thing.
func lockOut(l *db.Layout, t *db.UserTable, u *db.User) string {
	if u.ID == "" || l.Deactivatable(t) != nil {
		return ""
	}
	return "tokenctl user deactivate " + UserArgument(t, u, "")
}

// withoutPassword is the command after which a user cannot log in with a password; empty
// where the commands about users do not know the model.
func withoutPassword(l *db.Layout, t *db.UserTable, u *db.User) string {
	if u.ID == "" || !l.AuthUsers(t) {
		return ""
	}
	return "tokenctl user password " + UserArgument(t, u, "") + " --no-password"
}

// userName names a user in a sentence.
func userName(u *db.User) string {
	if u.Username == "" {
		return "user " + u.ID
	}
	return u.Username
}

// either joins the ways that are there: "a, b or c".
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
