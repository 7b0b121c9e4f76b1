package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// userMatch has the flags of user list that search texts. Go compares the texts, not the database:
// SQLite ignores the case of only ASCII letters, and PostgreSQL follows its locale.
type userMatch struct {
	email, match string
	without      userFilterFlags
}

func (m *userMatch) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&m.email, "email", "", "only users whose e-mail address contains the `TEXT`, in any case of letters")
	f.StringVar(&m.match, "match", "", "only users whose name, e-mail address, first or last name contains the `TEXT`, in any case of letters")
	listVar(f, &m.without.without, "without-token", "only users without a live credential of this `KIND`")
	must(c.RegisterFlagCompletionFunc("without-token", fixedList(tokens.KindNames())))
}

// resolve adds the conditions that the database can check to the filter. It returns a function that checks the other
// conditions for a user, or nil without other conditions.
func (m *userMatch) resolve(ctx context.Context, a *App, store *db.Store, f *db.Filter) (func(*db.User) bool, error) {
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	u, err := layout.Users()
	if err != nil {
		return nil, err
	}
	if m.email != "" && u.Column("email") == nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "--email: this application's user model has no email column",
			Hint: "--match searches the columns that there are"}
	}
	for flag, want := range map[string]*bool{"staff": f.Staff, "superuser": f.Superuser} {
		if want != nil && u.Column("is_"+flag) == nil {
			return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "--" + flag + ": this application's user model has no is_" + flag + " column", Hint: "leave it out"}
		}
	}
	if f.Active != nil && u.Column("is_active") == nil {
		a.say("note: this application's user model has no is_active column: every user counts as active")
	}
	for _, name := range m.without.without {
		k, err := kindNamed(name)
		if err == nil {
			err = k.Check(layout)
		}
		if err != nil {
			return nil, err
		}
		if owner := layout.Credentials(k.Name).Owner; !k.OwnerInData && !layout.AuthUsers(owner) {
			whose := "unknown users"
			if owner != nil {
				whose = "the users in " + owner.String()
			}
			return nil, &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "--without-token " + k.Name + ": " + k.Title + " belong to " + whose + ", and not to the users in " + u.String(),
				Hint: "leave it out"}
		}
	}
	filter, err := m.without.resolve(ctx, a, store, layout)
	if err != nil {
		return nil, err
	}
	f.Without, f.Now = filter.Without, filter.Now
	if m.email == "" && m.match == "" && filter.owners == nil {
		return nil, nil
	}
	email, match := foldCase(m.email), foldCase(m.match)
	return func(u *db.User) bool {
		return !filter.owners[u.ID] && contains(u.Email, email) &&
			(contains(&u.Username, match) || contains(u.Email, match) || contains(u.FirstName, match) || contains(u.LastName, match))
	}, nil
}

// contains reports whether a text contains part, which is a result of foldCase. A nil text contains only "".
func contains(text *string, part string) bool {
	return part == "" || text != nil && strings.Contains(foldCase(*text), part)
}

// foldCase returns the same form for texts that differ only in the case of letters, or that are equal in NFKC, which
// Django applies to names. It converts to upper case first, so that the two small sigmas get one form.
func foldCase(text string) string {
	return strings.ToLower(strings.ToUpper(django.NormalizeUsername(text)))
}
