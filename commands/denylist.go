package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// The denylist commands list the entries that blacklist, incident and user deactivate have written. They also
// tell whether the denylist makes a token void, and they remove entries (denylist_remove.go). Redis holds the
// entries. The database tells the names of users.

var denylistColumns = []output.Column{{Name: "id", Whole: true}, {Name: "user"}, {Name: "expires"}}

// denylistCheckColumns are the columns of denylist check. One row is about one token.
var denylistCheckColumns = slices.Concat(denylistColumns, []output.Column{{Name: "denied_by"}})

func newDenylist(a *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "denylist <command>",
		Short: "Show and change which JWTs are void before they expire",
		Long: `An access token has no row in the database, so nothing there can end it. The denylist
is a Redis that says which JWTs are void: the application asks it with each request, as
tokenctl serve does. The recipes in the documentation have the class for that.

It is named by url under [denylist] of tokenctl.toml, or by TOKENCTL_DENYLIST_URL.
blacklist writes the entry of an access token. blacklist --user, incident --all and user
deactivate --revoke write the entry of a user: what the user got until then is void.

Keys are PREFIXjti:JTI, whose value is when the token expires, and PREFIXuser:VALUE, whose
value is a time: a token with this user id that was issued until then is void. Each has
an end, at which Redis removes it.`,
		Example: `  tokenctl denylist list
  tokenctl denylist check - <tokens.txt
  tokenctl denylist remove user:7`,
	}
	c.AddCommand(paged(newDenylistList(a)), newDenylistCheck(a), newDenylistRemove(a))
	return c
}

// openDenylist opens the database and the denylist that its settings name. It returns a usage error if no
// denylist is configured.
func (a *App) openDenylist() (*db.Store, *tokens.Denylist, error) {
	store, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	d := a.env().Denylist
	if d == nil {
		return nil, nil, usage("no denylist is configured", "name its Redis in url under [denylist] of tokenctl.toml, or in TOKENCTL_DENYLIST_URL")
	}
	return store, d, nil
}

func newDenylistList(a *App) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the entries",
		Long: `List the entries, in no order. An entry jti:JTI is about one access token and ends with
it. An entry user:VALUE is about all JWTs that the user with this id got until it was
written.`,
		Example: `  tokenctl denylist list
  tokenctl denylist list -o id
  tokenctl denylist list -o json | jq '.[] | select(.user == "alice")'`,
		RunE: func(c *cobra.Command, _ []string) error { return a.listDenylist(c.Context()) },
	}
}

// denialPage is the number of entries for which one look-up reads the names of users.
const denialPage = 1000

func (a *App) listDenylist(ctx context.Context) error {
	w, err := output.NewWriter(a.Stdout, denylistColumns, a.options(false))
	if err != nil {
		return err
	}
	store, d, err := a.openDenylist()
	if err != nil {
		return err
	}
	n := 0
	var page []cache.Denial
	flush := func() error {
		rows, err := a.denialRows(ctx, store, page)
		for i := 0; i < len(rows) && err == nil; i++ {
			err = w.Write(rows[i])
		}
		n, page = n+len(page), page[:0]
		return err
	}
	for e, err := range d.All(ctx) {
		if err == nil {
			if page = append(page, e); len(page) == denialPage {
				err = flush()
			}
		}
		if err != nil {
			w.Flush() //nolint:errcheck // the error that ended the list is the one to tell
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if a.Term.Stdout {
		a.say("%s in the denylist", plural(n, "entry", "entries"))
	}
	return nil
}

// denialRows returns the rows of entries. The name of a user is null if the database cannot tell it.
func (a *App) denialRows(ctx context.Context, store *db.Store, list []cache.Denial) ([][]output.Value, error) {
	var values []string
	for _, e := range list {
		if value := cache.UserOf(e.ID); value != "" {
			values = append(values, value)
		}
	}
	var users map[string]db.User
	if values != nil {
		var err error
		users, err = db.Read(ctx, store, func(tx *db.Tx) (map[string]db.User, error) { return tx.UsersByJWT(ctx, values, a.settings.SimpleJWT) })
		var e *tokenctl.Error
		switch {
		case errors.As(err, &e):
			a.say("note: the names of users are not known: %s", e.Message)
		case err != nil:
			return nil, err
		}
	}
	rows := make([][]output.Value, len(list))
	for i, e := range list {
		expires := output.Null() // the entry never expires
		if e.Lives >= 0 {
			expires = output.Time(a.Now().Add(e.Lives).Truncate(time.Second))
		}
		rows[i] = []output.Value{output.String(e.ID), output.OptString(users[cache.UserOf(e.ID)].Username), expires}
	}
	return rows, nil
}

func newDenylistCheck(a *App) *cobra.Command {
	var tokenFile string
	c := &cobra.Command{
		Use:   "check {- | <id>...}",
		Short: "Tell whether access tokens are void by the denylist",
		Long: `Tell whether access and sliding tokens are void by the denylist. The exit status is the
answer: 0 when none is, 4 when one is; denied_by names the entry. Refresh tokens are
never asked about: simplejwt's blacklist is for them.

A secret is read from standard input with -, without echo in a terminal, or from
--token-file; an id such as jwt:JTI can be an argument. tokenctl verify says whether the
application would accept a token, the denylist included.`,
		Example: `  tokenctl denylist check -
  tokenctl denylist check jwt:38b09468da5840ebb0d3d9cf72054d07`,
		Args: needsReference(&tokenFile),
		RunE: func(c *cobra.Command, args []string) error { return a.checkDenylist(c.Context(), args, tokenFile) },
	}
	tokenFileFlag(c, &tokenFile)
	return c
}

func (a *App) checkDenylist(ctx context.Context, args []string, tokenFile string) error {
	refs, err := a.references(ctx, "check", args, tokenFile)
	if err != nil {
		return err
	}
	store, _, err := a.openDenylist()
	if err != nil {
		return err
	}
	found, err := a.findIn(ctx, store, refs)
	if err != nil {
		return err
	}
	void := false
	var rows [][]output.Value
	for _, c := range found {
		if c.Of().Void == nil {
			return usage(c.ID+" is no JWT: the denylist is about JWTs", "tokenctl verify tells whether the application accepts it")
		}
		by, err := c.DeniedBy()
		if err != nil {
			return err
		}
		void = void || by != ""
		rows = append(rows, []output.Value{output.String(c.ID), output.OptString(c.Owner.Username), output.Time(c.Expires), output.OptString(by)})
	}
	if err := a.write(denylistCheckColumns, rows, len(refs) == 1 && len(rows) == 1); err != nil {
		return err
	}
	if void {
		return errNo
	}
	return nil
}

// completeDenials returns the ids of entries, for the completion in a shell.
func (a *App) completeDenials(c *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.offered(c, prefix, func(ctx context.Context, _ *db.Store, found offers) error {
		d := a.env().Denylist
		if d == nil {
			return nil
		}
		for e, err := range d.All(ctx) {
			if err != nil || strings.HasPrefix(e.ID, prefix) && !slices.Contains(given, e.ID) && !found.add(e.ID, "") {
				return err
			}
		}
		return nil
	})
}
