package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/output"
)

// userListColumns are further fields of user list, which --columns or --field must name.
var userListColumns = []output.Column{{Name: "mfa"}}

type userListOptions struct {
	app                                *App
	staff, superuser, active, inactive bool
	sort                               string
	limit                              int
	find                               userMatch
	withoutMFA                         bool
}

func newUserList(a *App) *cobra.Command {
	o := &userListOptions{app: a}
	c := &cobra.Command{
		Use:   "list",
		Short: "List users",
		Long: `List all users, or the users that the flags select, in the order of their keys.

In a terminal the list is a table; otherwise it is tab-separated text without a
header, one user a line. The username is the value of the model's USERNAME_FIELD;
a field that the model does not have is null.

A user must fit all flags.`,
		Example: `  tokenctl user list
  tokenctl user list --superuser -o json
  tokenctl user list --inactive --sort -last_login --limit 20
  tokenctl user list --match smith
  tokenctl user list --staff --without-token drf
  tokenctl user list --superuser --without-mfa --columns +mfa
  tokenctl user list --field username`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.BoolVar(&o.staff, "staff", false, "only staff users")
	f.BoolVar(&o.superuser, "superuser", false, "only superusers")
	f.BoolVar(&o.active, "active", false, "only active users")
	f.BoolVar(&o.inactive, "inactive", false, "only inactive users")
	c.MarkFlagsMutuallyExclusive("active", "inactive")
	o.find.flags(c)
	f.BoolVar(&o.withoutMFA, "without-mfa", false, "only users without a confirmed second factor")
	f.StringVar(&o.sort, "sort", "", "order by the `FIELD` "+strings.Join(db.UserFields(), ", ")+"; a minus before it reverses")
	f.IntVar(&o.limit, "limit", 0, "at most `N` of them")
	must(c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(db.UserFields(), cobra.ShellCompDirectiveNoFileComp)))
	return c
}

func (o *userListOptions) filter(c *cobra.Command) (db.Filter, error) {
	f := db.Filter{Staff: givenBool(c, "staff"), Superuser: givenBool(c, "superuser"), Active: givenBool(c, "active"), Limit: o.limit, NoFactor: o.withoutMFA}
	if c.Flags().Changed("inactive") {
		active := !o.inactive
		f.Active = &active
	}
	if c.Flags().Changed("email") && o.find.email == "" {
		return f, usage("--email is empty", "leave it out, or give it a value") // only user create accepts an empty one
	}
	var err error
	f.Sort, f.Descending, err = parseOrder(c, o.sort, o.limit, db.UserFields())
	return f, err
}

func (o *userListOptions) run(c *cobra.Command) error {
	a := o.app
	f, err := o.filter(c)
	if err != nil {
		return err
	}
	further := a.namedFields(userListColumns)
	f.Factors = further != nil
	w, err := output.NewWriter(a.Stdout, slices.Concat(userColumns, further), a.options(false))
	if err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	if f.Factors || f.NoFactor {
		if err := a.checkFactors(c.Context(), store); err != nil {
			return err
		}
	}
	meant, err := o.find.resolve(c.Context(), a, store, &f)
	if err != nil {
		return err
	}
	if meant != nil {
		f.Limit = 0 // the limit counts users after the filter in Go
	}
	n := 0
	var lost unread
	for u, err := range store.ListUsers(c.Context(), f) {
		if err != nil {
			w.Flush() //nolint:errcheck // the error that ended the list is returned
			return err
		}
		if meant != nil && !meant(&u) {
			continue
		}
		lost.add(u.BadValues)
		row := userRow(&u)
		if f.Factors {
			row = append(row, factorKinds(u.Factors))
		}
		if err := w.Write(row); err != nil {
			return err
		}
		if n++; n == o.limit {
			break
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	a.noteUnread(lost)
	if a.Term.Stdout {
		a.sayTotal(n, "user")
	}
	return nil
}

func newUserShow(a *App) *cobra.Command {
	f := &userFlags{app: a}
	c := &cobra.Command{
		Use:   "show <username>...",
		Short: "Show users",
		Long:  `Show users by name or primary key. tokenctl list --user shows their credentials.`,
		Example: `  tokenctl user show alice
  tokenctl user show alice --field is_active
  tokenctl user show --user-id 7 -o json`,
		Args:              f.check,
		ValidArgsFunction: a.completeUsers,
		RunE:              func(c *cobra.Command, _ []string) error { return f.show(c.Context()) },
	}
	f.flags(c)
	return c
}

func (f *userFlags) show(ctx context.Context) error {
	if err := f.read(ctx); err != nil {
		return err
	}
	store, err := f.app.open()
	if err != nil {
		return err
	}
	users, err := db.Read(ctx, store, func(tx *db.Tx) ([]db.User, error) { return f.find(ctx, tx) })
	if err != nil {
		return err
	}
	for _, u := range users {
		for _, v := range u.BadValues {
			f.app.say("note: user %s: %s", u.ID, v)
		}
	}
	return f.app.write(userColumns, userRows(users), f.single())
}

func userRows(users []db.User) [][]output.Value { return rowsOf(users, userRow) }
