package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
)

func newUser(a *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "user <command>",
		Short: "Administer the application's users",
		Long: `Administer the users of the application in its own user table: django.contrib.auth's
or a custom one.`,
		Example: `  tokenctl user create alice --email alice@example.com
  tokenctl user create deploy-bot --with-token drf
  tokenctl user password alice
  tokenctl user deactivate mallory
  tokenctl user list --superuser`,
	}
	c.AddCommand(withReportFile(a, newUserCreate(a)), paged(newUserList(a)), paged(newUserShow(a)), withReportFile(a, newUserPassword(a)),
		withReportFile(a, newUserActivate(a)), withReportFile(a, newUserDeactivate(a)), withReportFile(a, newUserDelete(a)), newUserMFA(a))
	return c
}

// userFlags name existing users.
type userFlags struct {
	app       *App
	names     []string
	userIDs   []string
	usersFrom string
}

var errEmptyName = usage("a user's name is empty", "leave it out, or write the name")

func (f *userFlags) flags(c *cobra.Command) {
	repeatedVar(c.Flags(), &f.userIDs, "user-id", "the user with this primary key `PK`; may be repeated")
	c.Flags().StringVar(&f.usersFrom, "users-from", "", "read user names from `FILE`, one a line; - is standard input")
}

// check is for cobra's Args.
func (f *userFlags) check(c *cobra.Command, args []string) error {
	if len(args)+len(f.userIDs) == 0 && f.usersFrom == "" {
		return usage("no user was named", "write "+c.CommandPath()+" USERNAME, or give --user-id or --users-from")
	}
	if slices.Contains(args, "") || slices.Contains(f.userIDs, "") {
		return errEmptyName
	}
	f.names = args
	return nil
}

// read reads the names of --users-from.
func (f *userFlags) read(ctx context.Context) error {
	if f.usersFrom == "" {
		return nil
	}
	names, err := f.app.readNames(ctx, f.usersFrom)
	f.names = append(f.names, names...)
	return err
}

// find returns the users in the order in which they were named, each once. The error for missing
// users names them all.
func (f *userFlags) find(ctx context.Context, tx *db.Tx) ([]db.User, error) {
	found, err := tx.FindUsers(ctx, f.names, f.userIDs)
	if err != nil {
		return nil, err
	}
	return found.Users, found.Err()
}

// single reports whether exactly one user was asked about, so that JSON is an
// object.
func (f *userFlags) single() bool { return len(f.names)+len(f.userIDs) == 1 && f.usersFrom == "" }

// liveCredentials names a user's live credentials for a person.
func liveCredentials(list []db.LiveCredentials) string {
	nouns := map[string]string{"drf": "drf token", "knox": "knox token", "jwt": "jwt refresh token"}
	parts := tokenctl.Mapped(list, func(h db.LiveCredentials) string { return count(h.Rows, nouns[h.Kind]) })
	return strings.Join(parts, ", ")
}
