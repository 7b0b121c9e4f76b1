package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// selectorFlags are the flags that select credentials, the same on every command
// that has them.
type selectorFlags struct {
	app                                                      *App
	kinds, types, users, userIDs, statuses                   []string
	createdBefore, createdAfter, expiresBefore, expiresAfter dateValue
	olderThan                                                time.Duration
	staff, superuser, inactive, withoutMFA, never, orphans   bool
	limit                                                    int
	sort                                                     string
}

func (s *selectorFlags) flags(a *App, c *cobra.Command) {
	s.app = a
	f := c.Flags()
	listVar(f, &s.kinds, "kind", "only this `KIND`: "+strings.Join(tokens.KindNames(), ", "))
	listVar(f, &s.types, "type", "only this `TYPE` of JWT: access, refresh or sliding")
	repeatedVar(f, &s.users, "user", "only those of the user `NAME`; may be repeated")
	repeatedVar(f, &s.userIDs, "user-id", "only those of the user with this primary key `PK`; may be repeated")
	listVar(f, &s.statuses, "status", "only this `STATUS`: "+strings.Join(tokens.Statuses(), ", "))
	f.StringVar(&s.createdBefore.text, "created-before", "", "only those created before the `DATE`, or longer ago than an age such as 90d")
	f.StringVar(&s.createdAfter.text, "created-after", "", "only those created after the `DATE`, or within an age such as 90d")
	f.StringVar(&s.expiresBefore.text, "expires-before", "", "only those that expire before the `DATE`, or within a time such as 7d")
	f.StringVar(&s.expiresAfter.text, "expires-after", "", "only those that expire after the `DATE`, or never")
	durationVar(f, &s.olderThan, "older-than", "only those older than an `AGE` such as 90d")
	f.BoolVar(&s.staff, "staff", false, "only those of staff users")
	f.BoolVar(&s.superuser, "superuser", false, "only those of superusers")
	f.BoolVar(&s.inactive, "inactive", false, "only those of inactive users")
	f.BoolVar(&s.withoutMFA, "without-mfa", false, "only those of users without a second factor")
	f.BoolVar(&s.never, "never-expires", false, "only those that never expire")
	f.BoolVar(&s.orphans, "orphans", false, "only those whose user is gone")
	c.MarkFlagsMutuallyExclusive("orphans", "user")
	c.MarkFlagsMutuallyExclusive("orphans", "user-id")
	c.MarkFlagsMutuallyExclusive("never-expires", "expires-before")
	c.MarkFlagsMutuallyExclusive("never-expires", "expires-after")
	f.StringVar(&s.sort, "sort", "", "order by the `FIELD` "+strings.Join(tokens.Sorts(), ", ")+"; a minus before it reverses")
	f.IntVar(&s.limit, "limit", 0, "at most `N` of them")
	must(c.RegisterFlagCompletionFunc("kind", fixedList(tokens.KindNames())))
	must(c.RegisterFlagCompletionFunc("type", fixedList([]string{"access", "refresh", "sliding"})))
	must(c.RegisterFlagCompletionFunc("status", fixedList(tokens.Statuses())))
	must(c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(tokens.Sorts(), cobra.ShellCompDirectiveNoFileComp)))
	must(c.RegisterFlagCompletionFunc("user", a.completeUsers))
}

// selectorNames are the flags that select; --sort and --limit alone select nothing.
var selectorNames = []string{"kind", "type", "user", "user-id", "status", "created-before", "created-after", "expires-before",
	"expires-after", "never-expires", "older-than", "staff", "superuser", "inactive", "without-mfa", "orphans", "limit"}

// given reports whether the command line selects by flags.
func (s *selectorFlags) given(c *cobra.Command) bool {
	return slices.ContainsFunc(selectorNames, func(name string) bool { return c.Flags().Changed(name) })
}

// parse is what the flags say by themselves, without a database.
func (s *selectorFlags) parse(c *cobra.Command, now time.Time) (tokens.Selector, error) {
	sel := tokens.Selector{Types: s.types, Limit: s.limit, PassedOver: new(int), Unreadable: new(int)}
	var err error
	if sel.Kinds, err = kindsNamed(s.kinds); err != nil {
		return sel, err
	}
	for _, t := range s.types {
		if t != "access" && t != "refresh" && t != "sliding" {
			return sel, usage(fmt.Sprintf("there is no token type %q", t), "the types are access, refresh and sliding")
		}
	}
	for _, text := range s.statuses {
		if !slices.Contains(tokens.Statuses(), text) {
			all := "the statuses are " + strings.Join(tokens.Statuses(), ", ")
			return sel, usage(fmt.Sprintf("there is no status %q", text), instead("status", text, statusWords, tokens.Statuses(), all))
		}
		sel.Statuses = append(sel.Statuses, tokens.Status(text))
	}
	if sel.Sort, sel.Descending, err = parseOrder(c, s.sort, s.limit, tokens.Sorts()); err != nil {
		return sel, err
	}
	sel.Staff, sel.Superuser, sel.Inactive = givenBool(c, "staff"), givenBool(c, "superuser"), givenBool(c, "inactive")
	for _, f := range []struct {
		name    string
		set     bool
		instead string
	}{{"without-mfa", s.withoutMFA, "tokenctl user mfa list shows who has a second factor"}, {"orphans", s.orphans, "leave it out"},
		{"never-expires", s.never, "those that do expire: --expires-before 9999-12-31"}} {
		if c.Flags().Changed(f.name) && !f.set {
			return sel, usage("--"+f.name+"=false is no selector", f.instead)
		}
	}
	sel.WithoutMFA, sel.Orphans, sel.NeverExpires = s.withoutMFA, s.orphans, s.never
	return sel, s.dates(now, &sel)
}

// parseOrder reads the values of --sort and --limit.
func parseOrder(c *cobra.Command, sort string, limit int, fields []string) (field string, descending bool, err error) {
	if c.Flags().Changed("limit") && limit <= 0 {
		return "", false, usage("--limit must be at least 1", "")
	}
	field, descending = strings.CutPrefix(sort, "-")
	if sort != "" && !slices.Contains(fields, field) {
		err = usage(fmt.Sprintf("cannot sort by %q", field), "sort by "+strings.Join(fields, ", "))
	}
	return field, descending, err
}

// givenBool returns the value of a flag if the command line has it. --staff=false selects those who are not
// staff: it must not widen to everybody.
func givenBool(c *cobra.Command, name string) *bool {
	value, err := c.Flags().GetBool(name)
	if err != nil || !c.Flags().Changed(name) {
		return nil
	}
	return &value
}

// resolve turns the flags into a selector, looking up the users by name.
func (s *selectorFlags) resolve(ctx context.Context, c *cobra.Command, store *db.Store) (tokens.Selector, error) {
	sel, err := s.parse(c, store.Now())
	if err != nil {
		return sel, err
	}
	if s.withoutMFA {
		if err := s.app.checkFactors(ctx, store); err != nil {
			return sel, err
		}
	}
	if len(s.users)+len(s.userIDs) == 0 {
		return sel, nil
	}
	if sel.Kinds, err = s.app.kindsOfUsers(ctx, store, sel.Kinds); err != nil {
		return sel, err
	}
	sel.UserIDs, err = db.Read(ctx, store, func(tx *db.Tx) ([]string, error) { return tx.UserIDs(ctx, s.users, s.userIDs) })
	return sel, err
}

// kindsNamed are the kinds with these names, each once.
func kindsNamed(names []string) (kinds []*tokens.Kind, err error) {
	for _, name := range dedupe(names) {
		k, err := kindNamed(name)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// kindNamed is the kind with this name. A word that people use for a kind is answered
// with its name.
func kindNamed(name string) (*tokens.Kind, error) {
	k, err := tokens.KindNamed(name)
	if err != nil {
		err = usage(err.Error(), instead("kind", name, kindWords, tokens.KindNames(), "the kinds are "+strings.Join(tokens.KindNames(), ", ")))
	}
	return k, err
}

// kindsOfUsers are those of the kinds, nil being all, that belong to the users whom
// --user and --user-id mean. It says which others are excluded.
func (a *App) kindsOfUsers(ctx context.Context, store *db.Store, kinds []*tokens.Kind) ([]*tokens.Kind, error) {
	names := tokenctl.Mapped(kinds, func(k *tokens.Kind) string { return k.Name })
	others, err := store.ChooseUsers(ctx, names)
	if err != nil || others == nil {
		return kinds, err
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	var excluded []string
	var meant []*tokens.Kind
	for _, k := range tokens.Kinds() {
		switch asked := len(kinds) == 0 || slices.Contains(kinds, k); {
		case !asked || !k.Present(layout):
		case !slices.Contains(others, k.Name):
			meant = append(meant, k)
		default:
			whose := "unknown users"
			if owner := layout.Credentials(k.Name).Owner; owner != nil {
				whose = "the users in " + owner.String()
			}
			excluded = append(excluded, k.Title+" belong to "+whose)
		}
	}
	text := strings.Join(excluded, ", ")
	if meant == nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: text + ", but --user and --user-id refer to the users in " + layout.User.String(),
			Hint: "--kind with one of these kinds alone means its own users; user_table under [auth] in tokenctl.toml says which table is that of AUTH_USER_MODEL"}
	}
	a.say("note: left out: %s; to use the users of one of these kinds, give only that kind with --kind", text)
	return meant, nil
}

func (s *selectorFlags) dates(now time.Time, sel *tokens.Selector) error {
	for _, d := range []struct {
		flag  string
		value dateValue
		into  **time.Time
		ahead bool
	}{{"created-before", s.createdBefore, &sel.CreatedBefore, false}, {"created-after", s.createdAfter, &sel.CreatedAfter, false},
		{"expires-before", s.expiresBefore, &sel.ExpiresBefore, true}, {"expires-after", s.expiresAfter, &sel.ExpiresAfter, true}} {
		if !d.value.given() {
			continue
		}
		at, err := d.value.resolve(d.flag, now, d.ahead)
		if err != nil {
			return err
		}
		*d.into = &at
	}
	if s.olderThan == 0 {
		return nil
	}
	if before := now.Add(-s.olderThan); sel.CreatedBefore == nil || before.Before(*sel.CreatedBefore) {
		sel.CreatedBefore = &before
	}
	return nil
}
