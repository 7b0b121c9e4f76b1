package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// userSelector are the flags that pick users, or narrow those who are named.
type userSelector struct {
	all              bool
	staff, superuser bool
	without          []string
	set              db.Filter // what was given of them
	picks            bool      // any was
}

func (s *userSelector) flags(a *App, c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&s.all, "all-users", false, "for every user there is")
	f.BoolVar(&s.staff, "staff", false, "only for staff users; all of them where nobody is named")
	f.BoolVar(&s.superuser, "superuser", false, "only for superusers; all of them where nobody is named")
	f.StringSliceVar(&s.without, "without", nil, "only for users without a live credential of this `KIND`; all of them where nobody is named")
	must(c.RegisterFlagCompletionFunc("without", cobra.FixedCompletions(tokens.KindNames(), cobra.ShellCompDirectiveNoFileComp)))
}

// given notes which of the flags are on the command line.
func (s *userSelector) given(c *cobra.Command) {
	// --staff=false is those who are not: it must not widen to everybody.
	if c.Flags().Changed("staff") {
		s.set.Staff = &s.staff
	}
	if c.Flags().Changed("superuser") {
		s.set.Superuser = &s.superuser
	}
	s.picks = s.all || s.set.Staff != nil || s.set.Superuser != nil || len(s.without) > 0
}

// audience is the users whom the flags select.
type audience struct {
	narrows bool
	filter  db.Filter
	out     map[string]bool // and who is left out, by key
}

// audience finds out what the flags mean in this database.
func (s *userSelector) audience(ctx context.Context, a *App, store *db.Store, layout *db.Layout) (audience, error) {
	who := audience{narrows: s.picks, filter: s.set}
	who.filter.Now = store.Now()
	for _, name := range s.without {
		k, err := tokens.KindNamed(name)
		if err == nil {
			err = k.Check(layout)
		}
		if err != nil {
			return who, err
		}
		if k != tokens.Session {
			who.filter.Without = append(who.filter.Without, k.Name)
			continue
		}
		// Only its data tells whose a session is.
		sel := tokens.Selector{Kinds: []*tokens.Kind{k}, Statuses: []tokens.Status{tokens.Active}, PassedOver: new(int), Unreadable: new(int)}
		who.out = map[string]bool{}
		for c, err := range tokens.List(ctx, a.env(), store, sel) {
			if err != nil {
				return who, err
			}
			who.out[c.Owner.ID] = true
		}
		a.noteSkipped(sel)
	}
	return who, nil
}

// among returns those of the users who are in the audience.
func (w *audience) among(ctx context.Context, tx *db.Tx, users []db.User) ([]db.User, error) {
	users, err := tx.UsersAmong(ctx, users, w.filter)
	return slices.DeleteFunc(users, func(u db.User) bool { return w.out[u.ID] }), err
}

// pick returns the keys of all who are in the audience and can get a token of
// the kind, and how many cannot.
func (o *mintOptions) pick(ctx context.Context, store *db.Store, kind *tokens.Kind, who audience) (ids []string, full int, err error) {
	who.filter.Brief = true
	for u, err := range store.ListUsers(ctx, who.filter) {
		if err != nil {
			return nil, 0, err
		}
		if !who.out[u.ID] {
			ids = append(ids, strings.Clone(u.ID)) // which is a part of much more
		}
	}
	if kind.Barred == nil {
		return ids, 0, nil
	}
	found := len(ids)
	err = store.Read(ctx, func(tx *db.Tx) error {
		able := ids[:0]
		for batch := range slices.Chunk(ids, mintBatch) {
			users := make([]db.User, len(batch))
			for i, id := range batch {
				users[i].ID = id
			}
			refused, err := kind.Barred(ctx, o.app.env(), tx, users)
			if err != nil {
				return err
			}
			barred := map[string]bool{}
			for _, r := range refused {
				barred[r.User.ID] = true
			}
			for _, u := range users {
				if !barred[u.ID] {
					able = append(able, u.ID)
				}
			}
		}
		ids = able
		return nil
	})
	return ids, found - len(ids), err
}

// choose picks the users, shows them and asks. It reports whether there is
// something to do; they are in o.userIDs then.
func (o *mintOptions) choose(ctx context.Context, store *db.Store, kind *tokens.Kind, who audience) (bool, error) {
	a := o.app
	ids, full, err := o.pick(ctx, store, kind, who)
	if err != nil {
		return false, err
	}
	if full > 0 {
		a.say("passed over, having %s: %s", sated(kind), count(full, "user"))
	}
	what := count(len(ids), kind.Name+" token")
	switch {
	case o.dryRun:
		if err := o.showAll(ctx, store, who, ids); err != nil {
			return false, err
		}
		a.say("dry run: would mint %s for %s, creating 0 users", what, count(len(ids), "user"))
		return false, nil
	case len(ids) == 0 && o.consent.count <= 0:
		a.say("nothing to mint")
		return false, a.writeNone()
	}
	if !a.global.quiet || !o.consent.yes {
		if err := o.previewUsers(ctx, store, ids); err != nil {
			return false, err
		}
	}
	asked, err := o.consent.obtain(ctx, a, "mint", what, len(ids))
	if err != nil {
		return false, err
	}
	if asked {
		// Time has passed while the person was reading.
		again, _, err := o.pick(ctx, store, kind, who)
		if err != nil {
			return false, err
		}
		if !slices.Equal(ids, again) {
			return false, &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "the set changed while you were looking at it", Hint: "nothing was done; run the command again"}
		}
	}
	o.userIDs = ids
	return true, nil
}

// showAll is the result of --dry-run.
func (o *mintOptions) showAll(ctx context.Context, store *db.Store, who audience, ids []string) error {
	a := o.app
	w, err := output.NewWriter(a.Stdout, userColumns, a.options(false))
	if err != nil {
		return err
	}
	for u, err := range store.ListUsers(ctx, who.filter) {
		if err != nil {
			return err
		}
		// Both are in the order of the keys.
		if len(ids) == 0 || u.ID != ids[0] {
			continue
		}
		ids = ids[1:]
		if err := w.Write(userRow(&u)); err != nil {
			return err
		}
	}
	return w.Close()
}

// previewUsers shows the first of the users on stderr, and how many there are:
// nobody reads a million.
func (o *mintOptions) previewUsers(ctx context.Context, store *db.Store, ids []string) error {
	a := o.app
	var rows [][]output.Value
	err := store.Read(ctx, func(tx *db.Tx) error {
		found, err := tx.FindUsers(ctx, nil, ids[:min(len(ids), announced)])
		if err == nil {
			rows = userRows(found.Users)
		}
		return err
	})
	if err != nil {
		return err
	}
	shown := output.Options{Format: output.Table, Color: a.colored(a.Term.Stderr)}
	if a.Term.Stderr {
		shown.Width = a.width()
	}
	if err := writeRows(a.remarks(), userColumns, rows, shown); err != nil {
		return err
	}
	if more := len(ids) - announced; more > 0 {
		fmt.Fprintf(a.remarks(), "and %d more, whom --dry-run shows\n", more)
	}
	return nil
}
