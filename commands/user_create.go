package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/tokens"
)

type userCreateOptions struct {
	changeFlags
	app                        *App
	names                      []string
	email, firstName, lastName string
	staff, superuser, inactive bool
	set                        []string
	fromCSV                    string
	withToken                  string
	source                     passwordFlags
	deliver                    delivery
}

func newUserCreate(a *App) *cobra.Command {
	o := &userCreateOptions{app: a, source: passwordFlags{app: a}, deliver: delivery{app: a}}
	c := &cobra.Command{
		Use:   "create {<username>... | --from-csv <file>}",
		Short: "Create users",
		Long: `Create users, all of them or none. Names are checked and normalised as Django does,
and so are passwords, with its four password validators.

A password comes from a prompt, a file or standard input, never from an argument.
Without a terminal, and without a flag for the password, it is unusable. This suits
a service account, which logs in only with tokens.

With --ignore-missing users who exist already are skipped, and stay as they are. With
--keep-going users whose name, data or password is refused are skipped too, and the exit
status is 6.

A CSV file has a header that names its columns, in any order: username, email,
first_name, last_name, is_staff, is_superuser, is_active, password, and any other
column of the user table. An empty cell is the default.`,
		Example: `  tokenctl user create alice --email alice@example.com --staff
  tokenctl user create alice --generate-password
  TOKEN=$(tokenctl user create deploy-bot --with-token drf)
  tokenctl user create alice --password-stdin <password
  tokenctl user create --from-csv team.csv --generate-password --out passwords
  tokenctl user create alice --set phone=+4912345 --set tenant_id=3`,
		Args: o.check,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&o.email, "email", "", "the e-mail `ADDRESS`")
	f.StringVar(&o.firstName, "first-name", "", "the first `NAME`")
	f.StringVar(&o.lastName, "last-name", "", "the last `NAME`")
	f.BoolVar(&o.staff, "staff", false, "the user may log in to the admin site")
	f.BoolVar(&o.superuser, "superuser", false, "the user has every permission")
	f.BoolVar(&o.inactive, "inactive", false, "the user cannot log in before user activate")
	repeatedVar(f, &o.set, "set", "a further column of the user table, as `COLUMN=VALUE`; may be repeated")
	f.StringVar(&o.fromCSV, "from-csv", "", "create the users that `FILE` lists; - is standard input")
	o.source.flags(c)
	f.StringVar(&o.withToken, "with-token", "", "make a token of this `KIND` as well, in the same transaction")
	o.deliver.flags(c)
	o.changeFlags.flags(a, c, "skip users who exist already, without an error: create only those who are missing",
		"show the users who would be created; create none, and make no secret")
	must(c.RegisterFlagCompletionFunc("with-token", a.completeKinds("mint")))
	return c
}

// check is for cobra's Args. It checks everything that depends only on the command line.
func (o *userCreateOptions) check(c *cobra.Command, args []string) error {
	o.names = args
	switch {
	case len(args) == 0 && o.fromCSV == "":
		return usage("no user was named", "write tokenctl user create USERNAME, or give --from-csv")
	case len(args) > 0 && o.fromCSV != "":
		return usage("names and --from-csv do not go together", "")
	case slices.Contains(args, ""):
		return errEmptyName
	}
	if len(args) != 1 {
		for _, name := range []string{"email", "first-name", "last-name", "password-stdin", "password-file"} {
			if c.Flags().Changed(name) {
				return usage("--"+name+" is for one user", "for several use --from-csv")
			}
		}
	}
	switch {
	case o.deliver.format != "" && (o.withToken == "" || o.source.generate):
		return usage("--format shapes a token alone", "give it with --with-token and without --generate-password")
	case o.deliver.out != "" && !o.secrets() && !o.app.asked():
		return usage("there is nothing to write to --out", "add --generate-password or --with-token")
	}
	return nil
}

// single reports whether exactly one user is named, so that JSON is an object.
func (o *userCreateOptions) single() bool { return len(o.names) == 1 }

// secrets reports whether the command makes secrets.
func (o *userCreateOptions) secrets() bool { return o.source.generate || o.withToken != "" }

func (o *userCreateOptions) run(ctx context.Context) error {
	a := o.app
	if err := o.deliver.check(); err != nil {
		return err
	}
	if err := o.deliver.checkFields(o.source.generate, passwordColumns(o.secrets())); err != nil {
		return err
	}
	file, err := o.openCSV(ctx)
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Close()
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return err
	}
	users, err := o.entries(file)
	if err != nil {
		return err
	}
	var kind *tokens.Kind
	if o.withToken != "" {
		if kind, err = chooseKind(layout, o.withToken); err != nil {
			return err
		}
	}
	var cost hashing
	err = store.Read(ctx, func(tx *db.Tx) error {
		if err := users.clean(ctx, tx); err != nil {
			return err
		}
		// Find existing users before hashing passwords, which takes long. Otherwise the insert finds them.
		if o.keepGoing || o.ignoreMissing || o.dryRun || o.secrets() || slices.ContainsFunc(users.list, (*userEntry).mayHavePassword) {
			if err := o.skipExisting(ctx, tx, users); err != nil {
				return err
			}
		}
		cost, err = a.hashing(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	if file != nil {
		if err := o.validate(ctx, layout, users); err != nil {
			return err
		}
	}
	switch {
	case users.count == 0 && users.skipErrors != nil:
		return users.skipErrors[0]
	case o.dryRun:
		return o.showDryRun(ctx, layout, users)
	case users.count == 0:
		a.say("no user to create in %s", a.databaseName())
		return a.writeNone()
	}
	if err := o.consent.obtainNamed(ctx, a, "create", count(users.count, "user"), users.count); err != nil {
		return err
	}
	if err := o.passwords(ctx, users); err != nil {
		return err
	}
	if file == nil {
		if err := o.validate(ctx, layout, users); err != nil {
			return err
		}
	}
	var work []hashWork
	for _, n := range users.list {
		if !n.password.IsZero() {
			work = append(work, hashWork{n.password, &n.Password})
		}
	}
	if err := a.hashAll(ctx, cost, work); err != nil {
		return err
	}
	return o.create(ctx, store, kind, users)
}

// create writes the users, and their tokens, in one transaction.
func (o *userCreateOptions) create(ctx context.Context, store *db.Store, kind *tokens.Kind, entries *userEntries) error {
	a := o.app
	if o.secrets() || a.asked() {
		if err := o.deliver.openFile(); err != nil {
			return err
		}
	}
	var users []db.User
	var minted []tokens.Minted
	a.recordUsers("create", func() []db.User { return users }, everyDone)
	var made announcement
	a.recordMinted(&made)
	err := store.Write(ctx, func(tx *db.Tx) error {
		if err := a.createUsers(ctx, tx, entries); err != nil {
			return err
		}
		if !o.secrets() && !a.asked() && !a.recording() && entries.count > mostTold {
			return tx.CheckConstraints(ctx)
		}
		made, err := entries.existing(ctx, tx, nil)
		if err == nil && len(made) != entries.count {
			err = usersExist(tx.Layout, made) // somebody else has created a user of the same name
		}
		if err != nil {
			return err
		}
		users = usersOf(made)
		if kind != nil {
			if minted, err = kind.MintAllOrNone(ctx, a.env(), tx, users, tokens.MintRequest{}); err != nil {
				return err
			}
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		return o.hand(ctx, users, entries.list, minted)
	})
	if err := o.deliver.settleFile(err); err != nil {
		return err
	}
	for i := range minted {
		made.add(&minted[i])
	}
	o.tell(users, entries, &made)
	return partlyDone(count(entries.count, "user"), entries.skipErrors)
}

// hand writes the secrets or the rows before the transaction commits.
func (o *userCreateOptions) hand(ctx context.Context, users []db.User, entries []*userEntry, minted []tokens.Minted) error {
	issued := make([]ownedSecrets, len(users))
	for i, u := range users {
		issued[i].owner = u.Username
		if entries[i].generated {
			issued[i].secrets = append(issued[i].secrets, tokens.NamedSecret{Name: "password", Secret: entries[i].password})
		}
		if minted != nil {
			issued[i].secrets = append(issued[i].secrets, minted[i].Secrets...)
		}
	}
	if o.deliver.format == "" {
		return o.deliver.hand(ctx, users, issued, o.single())
	}
	if err := o.deliver.checkCount(len(minted)); err != nil {
		return err
	}
	return o.deliver.write(ctx, o.deliver.shaped(&minted[0]))
}

func (o *userCreateOptions) tell(users []db.User, entries *userEntries, made *announcement) {
	a := o.app
	if entries.count > mostTold {
		users = nil
	}
	for i := range users {
		text := "created " + users[i].Username + " (id " + users[i].ID + ")"
		if entries.list[i].password.IsZero() {
			text += ", with an unusable password"
		}
		a.say("%s", text)
	}
	if made.n > 0 {
		made.tell(a)
	}
	a.sayDone(entries.count, "created", count(entries.count, "user"))
}
