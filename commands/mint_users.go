package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// userFilterFlags are the flags of mint that select users, or narrow those who are named.
type userFilterFlags struct {
	all              bool
	staff, superuser bool
	without          []string
	filter           db.Filter // --staff and --superuser, where they were given
	given            bool      // any of the flags was
}

func (f *userFilterFlags) flags(c *cobra.Command) {
	c.Flags().BoolVar(&f.all, "all-users", false, "for every user there is")
	c.Flags().BoolVar(&f.staff, "staff", false, "only for staff users; all of them where nobody is named")
	c.Flags().BoolVar(&f.superuser, "superuser", false, "only for superusers; all of them where nobody is named")
	listVar(c.Flags(), &f.without, "without", "only for users without a live credential of this `KIND`; all of them where nobody is named")
	must(c.RegisterFlagCompletionFunc("without", cobra.FixedCompletions(tokens.KindNames(), cobra.ShellCompDirectiveNoFileComp)))
}

// read notes which of the flags are on the command line.
func (f *userFilterFlags) read(c *cobra.Command) {
	f.filter.Staff, f.filter.Superuser = givenBool(c, "staff"), givenBool(c, "superuser")
	f.given = f.all || f.filter.Staff != nil || f.filter.Superuser != nil || len(f.without) > 0
}

// userFilter is what the flags mean in this database.
type userFilter struct {
	db.Filter
	owners map[string]bool // users with a credential that --without names, of kinds that the database cannot filter by owner
}

func (f *userFilterFlags) resolve(ctx context.Context, a *App, store *db.Store, layout *db.Layout) (userFilter, error) {
	u := userFilter{Filter: f.filter}
	u.Now = store.Now()
	for _, name := range f.without {
		k, err := tokens.KindNamed(name)
		if err == nil {
			err = k.Check(layout)
		}
		if err != nil {
			return u, err
		}
		if !k.OwnerInData {
			u.Without = append(u.Without, k.Name)
			continue
		}
		sel := tokens.Selector{Kinds: []*tokens.Kind{k}, Statuses: []tokens.Status{tokens.Active}, PassedOver: new(int), Unreadable: new(int)}
		u.owners = map[string]bool{}
		for c, err := range tokens.List(ctx, a.env(), store, sel) {
			if err != nil {
				return u, err
			}
			u.owners[c.Owner.ID] = true
		}
		a.noteSkipped(sel)
	}
	return u, nil
}

// matching returns the users whom the flags do not exclude.
func (f *userFilter) matching(ctx context.Context, tx *db.Tx, users []db.User) ([]db.User, error) {
	if f.Staff != nil || f.Superuser != nil || f.Without != nil {
		var err error
		if users, err = tx.UsersAmong(ctx, users, f.Filter); err != nil {
			return nil, err
		}
	}
	if f.owners != nil {
		users = slices.DeleteFunc(slices.Clone(users), func(u db.User) bool { return f.owners[u.ID] })
	}
	return users, nil
}

// eachBatch calls f with the users who are to get tokens, a batch at a time. If a user is
// absent, it only looks for further absent ones, unless --keep-going is given.
func (r *mintRun) eachBatch(ctx context.Context, tx *db.Tx, f func([]db.User) error) error {
	names, ids, size := r.names, r.ids, tokens.MintBatch
	if r.o.dryRun {
		size = r.count() // no user is created, so the next batch would not find this one's
	}
	for len(names)+len(ids) > 0 {
		n := min(len(names), size)
		k := min(len(ids), size-n)
		users, err := r.users(ctx, tx, names[:n], ids[:k])
		if err == nil && len(users) > 0 && (r.o.keepGoing || r.absent() == 0) {
			err = f(users)
		}
		if err != nil {
			return err
		}
		names, ids = names[n:], ids[k:]
	}
	return nil
}

// users finds the users with these names and primary keys, creates those who are missing
// if --create was given, and leaves out those whom the flags exclude.
func (r *mintRun) users(ctx context.Context, tx *db.Tx, names, ids []string) ([]db.User, error) {
	found, err := tx.FindUsers(ctx, names, ids)
	if err == nil && r.create && len(found.MissingNames) > 0 {
		found, err = r.createMissing(ctx, tx, names, ids, found)
	}
	if err != nil {
		return nil, err
	}
	r.lack(found.Missing())
	r.ambiguous = append(r.ambiguous, found.Ambiguous...)
	users, err := r.filter.matching(ctx, tx, found.Users)
	r.excluded += len(found.Users) - len(users)
	if err != nil || r.selected {
		return users, err
	}
	// A name and a primary key in different batches may belong to the same user.
	return slices.DeleteFunc(users, func(u db.User) bool {
		seen := r.seen[u.ID]
		r.seen[u.ID] = true
		return seen
	}), nil
}

// lack notes names and primary keys that nobody has.
func (r *mintRun) lack(names []string) {
	if r.o.ignoreMissing {
		r.ignored = append(r.ignored, names...)
	} else {
		r.missing = append(r.missing, names...)
	}
}

// createMissing creates the users who are missing, and finds all users again. A dry run
// only notes the names.
func (r *mintRun) createMissing(ctx context.Context, tx *db.Tx, names, ids []string, found *db.Found) (*db.Found, error) {
	names, err := r.createNamed(ctx, tx, names, found.MissingNames)
	if err != nil {
		return nil, err
	}
	if r.o.dryRun {
		found.MissingNames = nil
		return found, nil
	}
	return tx.FindUsers(ctx, names, ids)
}

// createNamed creates those of the users who are missing, and returns the names as the
// database has them now. A dry run only notes the names.
func (r *mintRun) createNamed(ctx context.Context, tx *db.Tx, names, missing []string) ([]string, error) {
	created, normal, err := newNames(ctx, tx, missing)
	if err != nil {
		return nil, err
	}
	r.created = append(r.created, created...)
	if r.o.dryRun {
		return names, nil
	}
	list := tokenctl.Mapped(created, func(name string) db.NewUser { return db.NewUser{Username: name, IsActive: true} })
	if _, err := r.o.app.insertUsers(ctx, tx, list); err != nil {
		return nil, err
	}
	names = slices.Clone(names)
	for i, name := range names {
		if n, created := normal[name]; created {
			names[i] = n
		}
	}
	return names, nil
}

// newNames are the names of users to be created for those that the database does not
// find, as Django writes them and each once. normal maps the names to them.
func newNames(ctx context.Context, tx *db.Tx, missing []string) (names []string, normal map[string]string, err error) {
	clean := make([]string, len(missing))
	for i, name := range missing {
		if clean[i], err = checkUsername(tx.Layout, name); err != nil {
			return nil, nil, err
		}
	}
	there, repeated, err := tx.UsersNamed(ctx, clean)
	if err == nil {
		err = usersExist(tx.Layout, there)
	}
	if err != nil {
		return nil, nil, err
	}
	normal = map[string]string{}
	for i, name := range missing {
		first, again := repeated[i]
		if !again {
			names, first = append(names, clean[i]), i
		}
		normal[name] = clean[first]
	}
	return names, normal, nil
}
