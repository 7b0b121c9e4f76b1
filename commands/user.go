package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

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
	c.AddCommand(newUserCreate(a), newUserList(a), newUserShow(a), newUserPassword(a),
		newUserActivate(a), newUserDeactivate(a), newUserDelete(a))
	return c
}

// pickFlags name existing users.
type pickFlags struct {
	app       *App
	names     []string
	userIDs   []string
	usersFrom string
}

func (p *pickFlags) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&p.userIDs, "user-id", nil, "the user with this primary key `PK`; may be repeated")
	c.Flags().StringVar(&p.usersFrom, "users-from", "", "read user names from `FILE`, one a line; - is standard input")
}

// check is for cobra's Args.
func (p *pickFlags) check(c *cobra.Command, args []string) error {
	if len(args)+len(p.userIDs) == 0 && p.usersFrom == "" {
		return usage("no user was named", "write "+c.CommandPath()+" USERNAME, or give --user-id or --users-from")
	}
	if slices.Contains(args, "") || slices.Contains(p.userIDs, "") {
		return usage("an empty name is nobody's", "")
	}
	p.names = args
	return nil
}

// read reads the names of --users-from.
func (p *pickFlags) read(ctx context.Context) error {
	if p.usersFrom == "" {
		return nil
	}
	names, err := p.app.readNames(ctx, p.usersFrom)
	p.names = append(p.names, names...)
	return err
}

// find returns the users in the order in which they were named, each once. Who is
// missing is an error that names them all, unless missing collects them.
func (p *pickFlags) find(ctx context.Context, tx *db.Tx, missing *[]string) ([]db.User, error) {
	found, err := tx.FindUsers(ctx, p.names, p.userIDs)
	if err != nil {
		return nil, err
	}
	absent := found.Absent()
	if missing != nil {
		*missing, absent = absent, nil
	}
	return found.Users, db.RefuseUsers(found.Ambiguous, absent)
}

// single reports whether exactly one user was asked about, so that JSON is an
// object.
func (p *pickFlags) single() bool { return len(p.names)+len(p.userIDs) == 1 && p.usersFrom == "" }

// holdings names live credentials for a person.
func holdings(list []db.Holding) string {
	nouns := map[string]string{"drf": "drf token", "knox": "knox token", "jwt": "jwt refresh token"}
	text := ""
	for i, h := range list {
		if i > 0 {
			text += ", "
		}
		text += count(h.Rows, nouns[h.Kind])
	}
	return text
}
