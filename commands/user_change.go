package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
)

// userChange has the flags of every command that changes existing users.
type userChange struct {
	userFlags
	changeFlags
	verb string // "deactivate"
	self bool
}

func (o *userChange) flags(c *cobra.Command) {
	o.userFlags.flags(c)
	o.credentialChange(c)
}

// credentialChange are the flags that do not name users.
func (o *userChange) credentialChange(c *cobra.Command) {
	o.changeFlags.flags(o.app, c, "skip users who do not exist, without an error", "show the users who would be changed; change nothing")
}

// selfFlag is for commands that can lock out the last superuser.
func (o *userChange) selfFlag(c *cobra.Command) {
	c.Flags().BoolVar(&o.self, "self", false, "allow it also for the last active superuser")
}

// begin reads the names of the users and opens the database.
func (o *userChange) begin(ctx context.Context) (*db.Store, error) {
	if err := o.read(ctx); err != nil {
		return nil, err
	}
	return o.app.open()
}

// chosenUsers are the users of a command, and the errors about the named users who are skipped.
type chosenUsers struct {
	list       []db.User
	absent     []string // names and keys that no user has, with --ignore-missing
	skipErrors []error  // about the others, with --keep-going
}

// skip keeps an error about some of the users in skipErrors if --keep-going is given. Otherwise it
// returns the error.
func (o *changeFlags) skip(u *chosenUsers, err error) error {
	if err == nil || !o.keepGoing {
		return err
	}
	u.skipErrors = append(u.skipErrors, err)
	return nil
}

// choose finds the named users.
func (o *userChange) choose(ctx context.Context, tx *db.Tx) (u chosenUsers, err error) {
	found, err := tx.FindUsers(ctx, o.names, o.userIDs)
	if err != nil {
		return u, err
	}
	u, err = o.chosen(found)
	if err == nil && len(u.list) == 0 && u.skipErrors != nil {
		err = u.skipErrors[0]
	}
	return u, err
}

// chosen returns the users whom a search has found. It returns an error for the others, unless flags skip them.
func (o *changeFlags) chosen(found *db.Found) (u chosenUsers, err error) {
	u.list = found.Users
	missing := found.Missing()
	if o.ignoreMissing {
		missing, u.absent = nil, missing
	}
	err = o.skip(&u, db.UserLookupError(found.Ambiguous, missing))
	return u, err
}

// lockSuperusers is guard for the transaction of the change. It allows only one change of superusers at a time, so that
// guard does not count superusers whom another transaction deactivates or deletes.
func (o *userChange) lockSuperusers(ctx context.Context, tx *db.Tx, users []db.User) error {
	if last, _ := activeSuperuser(users); last == nil {
		return nil
	}
	if err := tx.LockSuperusers(ctx); err != nil {
		return err
	}
	return o.guard(ctx, tx, users)
}

// activeSuperuser returns an active superuser among users, if there is one, and whether one
// of them has a usable password.
func activeSuperuser(users []db.User) (last *db.User, withPassword bool) {
	for i := range users {
		if u := &users[i]; u.Active() && u.IsSuperuser != nil && *u.IsSuperuser {
			last, withPassword = u, withPassword || u.HasUsablePassword()
		}
	}
	return last, withPassword
}

// guard returns an error if no superuser could log in after the change. --self allows the change for one user, and
// never for several, because nobody intends that.
func (o *userChange) guard(ctx context.Context, tx *db.Tx, users []db.User) error {
	last, withPassword := activeSuperuser(users)
	if last == nil || o.self && len(users) == 1 {
		return nil
	}
	active, usable, err := tx.Superusers(ctx, users)
	if err != nil {
		return err
	}
	what := "active superuser"
	switch {
	case active == 0:
	case withPassword && usable == 0:
		what += " with a usable password"
	default:
		return nil
	}
	name := shellWord(last.Username)
	if len(users) > 1 {
		return &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: "no " + what + " would remain; nothing was done",
			Hint: "leave out " + name + "; or " + o.verb + " the last one alone: tokenctl user " + o.verb + " " + name + " --self"}
	}
	return &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: last.Username + " is the last " + what + "; nothing was done",
		Hint: "make another one first: tokenctl user create NAME --superuser; or add --self"}
}

// sayAbsent names users who do not exist, which --ignore-missing allows.
func (a *App) sayAbsent(names []string) {
	if len(names) > mostTold {
		a.say("there are no users %s", firstOf(names, ", "))
		return
	}
	for _, name := range names {
		a.say("there is no user %s", name)
	}
}

// partly returns the error for partly done work if some users were skipped.
func (u *chosenUsers) partly() error { return partlyDone(count(len(u.list), "user"), u.skipErrors) }

// partlyDone returns the error for partly done work: the done part, and the reasons for the rest. It is nil if skipErrors is
// nil.
func partlyDone(done string, skipErrors []error) error {
	if skipErrors == nil {
		return nil
	}
	e := &tokenctl.Error{Code: tokenctl.CodePartlyDone}
	var reasons []string
	for _, err := range skipErrors {
		var known *tokenctl.Error
		if errors.As(err, &known) && e.Hint == "" {
			e.Hint = known.Hint
		}
		reasons = append(reasons, err.Error())
	}
	e.Message = done + " done; not done: " + firstOf(reasons, "; ")
	return e
}
