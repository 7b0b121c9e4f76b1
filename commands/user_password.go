package commands

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// passwordFlags choose the source of a password, which is never an argument.
type passwordFlags struct {
	app        *App
	stdin      bool
	file       string
	generate   bool
	none       bool
	noValidate bool
}

func (p *passwordFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&p.stdin, "password-stdin", false, "read the password from standard input: one line, blanks count")
	f.StringVar(&p.file, "password-file", "", "read the password from `FILE`")
	f.BoolVar(&p.generate, "generate-password", false, "make a random password and print it, once")
	f.BoolVar(&p.none, "no-password", false, "set an unusable password: the user logs in with tokens only")
	f.BoolVar(&p.noValidate, "no-validate", false, "skip Django's password validators")
	c.MarkFlagsMutuallyExclusive("password-stdin", "password-file", "generate-password", "no-password")
}

// given reports whether a flag chooses the source of the password.
func (p *passwordFlags) given() bool { return p.stdin || p.file != "" || p.generate || p.none }

// single reports whether the source gives one password, for one user.
func (p *passwordFlags) single() bool { return p.stdin || p.file != "" }

// read returns the one password of --password-stdin or --password-file.
func (p *passwordFlags) read(ctx context.Context) (tokenctl.Secret, error) {
	if p.file != "" {
		text, err := readSecretFile(ctx, p.file)
		if err != nil {
			return tokenctl.Secret{}, err
		}
		return passwordLine(text, "the password in "+p.file)
	}
	if p.app.Term.Stdin {
		// A line typed into a terminal would be seen.
		secret, err := p.ask(ctx, "Password: ")
		if err == nil && secret.IsZero() {
			err = usage("no password was given; nothing was changed", "--no-password sets an unusable one")
		}
		return secret, err
	}
	text, err := readText(patientReader{ctx, p.app.Stdin}, "the input", maxLine)
	if err != nil {
		return tokenctl.Secret{}, err
	}
	return passwordLine(text, "the password on standard input")
}

// ask asks for a password twice. An empty first answer means no password.
func (p *passwordFlags) ask(ctx context.Context, question string) (tokenctl.Secret, error) {
	first, err := p.app.prompt(ctx, question)
	if err != nil || first == "" {
		return tokenctl.Secret{}, err
	}
	again, err := p.app.prompt(ctx, "Repeat the password: ")
	if err != nil {
		return tokenctl.Secret{}, err
	}
	if first != again {
		return tokenctl.Secret{}, usage("the two passwords are not the same", "nothing was changed; try again")
	}
	return passwordLine(first, "the password")
}

// passwordLine checks one password. Blanks around it belong to it, as in Django; a line break at its end does not. A
// password that no client of the application could send is an error, because it would lock the user out.
func passwordLine(text, where string) (tokenctl.Secret, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case text == "":
		return tokenctl.Secret{}, usage(where+" is empty", "for a user without a password leave it out, or give --no-password")
	case strings.ContainsAny(text, "\r\n"):
		return tokenctl.Secret{}, usage(where+" has more than one line", "")
	case strings.ContainsRune(text, 0):
		return tokenctl.Secret{}, usage(where+" has a NUL character in it", "")
	case !utf8.ValidString(text):
		return tokenctl.Secret{}, usage(where+" is not UTF-8", "")
	}
	return tokenctl.NewSecret(text), nil
}

type userPasswordOptions struct {
	userChange
	source  passwordFlags
	deliver delivery
}

func newUserPassword(a *App) *cobra.Command {
	o := &userPasswordOptions{userChange: userChange{userFlags: userFlags{app: a}, verb: "change the password of"}, source: passwordFlags{app: a}, deliver: delivery{app: a}}
	c := &cobra.Command{
		Use:   "password <username>",
		Short: "Change a user's password",
		Long: `Change a user's password. In a terminal a prompt asks for it, twice and without echo;
without a terminal a flag names its source.

The hash is pbkdf2_sha256 with the application's own number of iterations. The
user's sessions end at their next use; tokens of every kind stay valid, and their
number is shown.`,
		Example: `  tokenctl user password alice
  tokenctl user password alice --password-stdin <new-password
  tokenctl user password alice --generate-password
  tokenctl user password deploy-bot --no-password`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args)+len(o.userIDs) != 1 {
				return usage("user password is about one user", "write "+c.CommandPath()+" USERNAME, or give --user-id")
			}
			return o.check(c, args)
		},
		ValidArgsFunction: a.completeUsers,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	repeatedVar(c.Flags(), &o.userIDs, "user-id", "the user with this primary key `PK`")
	o.source.flags(c)
	o.deliver.outFlag(c)
	o.credentialChange(c)
	return c
}

func (o *userPasswordOptions) run(ctx context.Context) error {
	a := o.app
	switch {
	case !o.source.given() && !a.interactive() && !o.dryRun:
		return usage("nobody can be asked for the password here", "give --password-stdin, --password-file, --generate-password or --no-password")
	case o.deliver.out != "" && !o.source.generate && !a.asked():
		return usage("there is nothing to write to --out", "add --generate-password")
	}
	if err := o.deliver.checkFields(o.source.generate, passwordColumns(o.source.generate)); err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	var cost hashing
	chosen, err := db.Read(ctx, store, func(tx *db.Tx) (u chosenUsers, err error) {
		if u, err = o.choose(ctx, tx); err == nil {
			cost, err = a.hashing(ctx, tx)
		}
		return u, err
	})
	if err != nil {
		return err
	}
	a.sayAbsent(chosen.absent)
	switch {
	case o.dryRun:
		return a.writeDryRun(userColumns, userRows(chosen.list), len(chosen.list) == 1, o.verb, count(len(chosen.list), "user"))
	case len(chosen.list) == 0:
		a.say("no password to change in %s", a.databaseName())
		return a.writeNone()
	}
	u := chosen.list[0]
	if err := o.consent.obtainNamed(ctx, a, o.verb, "1 user", 1); err != nil {
		return err
	}
	secret, err := o.password(ctx, store, u)
	if err != nil {
		return err
	}
	var t *db.UserTable
	encoded, err := a.encode(ctx, cost, secret)
	if err != nil {
		return err
	}
	if o.source.generate || a.asked() {
		if err := o.deliver.openFile(); err != nil {
			return err
		}
	}
	var held []db.LiveCredentials
	a.recordUsers("password", func() []db.User { return []db.User{u} }, everyDone)
	err = store.Write(ctx, func(tx *db.Tx) error {
		if err := tx.SetPassword(ctx, u, encoded); err != nil {
			return err
		}
		changed, err := tx.UserByID(ctx, u.ID)
		if err != nil {
			return err
		}
		u = changed
		users := []db.User{u}
		all, err := tx.LiveCredentials(ctx, users)
		if err != nil {
			return err
		}
		t, held = tx.Layout.User, all[u.ID]
		b := ownedSecrets{owner: u.Username}
		if o.source.generate {
			b.secrets = []tokens.NamedSecret{{Name: "password", Secret: secret}}
		}
		return o.deliver.hand(ctx, users, []ownedSecrets{b}, true)
	})
	if err := o.deliver.settleFile(err); err != nil {
		return err
	}
	o.tell(t, &u, held)
	return nil
}

// password returns the new password. The zero secret means an unusable password.
func (o *userPasswordOptions) password(ctx context.Context, store *db.Store, u db.User) (secret tokenctl.Secret, err error) {
	a := o.app
	switch {
	case o.source.none:
		return tokenctl.Secret{}, nil
	case o.source.generate:
		text, err := django.GeneratePassword(a.Random, a.settings.Auth.MinPasswordLength())
		return tokenctl.NewSecret(text), err
	case o.source.single():
		secret, err = o.source.read(ctx)
	default:
		secret, err = o.source.ask(ctx, "New password for "+output.Visible(u.Username)+": ")
	}
	if err == nil && secret.IsZero() {
		err = usage("no password was given; nothing was changed", "--no-password sets an unusable one")
	}
	if err != nil || o.source.noValidate {
		return secret, err
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return secret, err
	}
	checks, err := a.passwordChecks()
	if err != nil {
		return secret, err
	}
	err = rejected(checks.Validate(secret.Reveal(), u.Attributes(layout)))
	a.tellChecks(checks, layout, err)
	return secret, err
}

func (o *userPasswordOptions) tell(t *db.UserTable, u *db.User, held []db.LiveCredentials) {
	a := o.app
	if o.source.none {
		a.say("%s has an unusable password now", whose(u))
	} else {
		a.say("changed the password of %s", whose(u))
	}
	defer a.sayDone(1, "changed", "1 password")
	if len(held) == 0 {
		a.say("%s has no live tokens; sessions end at their next use", whose(u))
		return
	}
	a.say("still valid: %s; sessions end at their next use", liveCredentials(held))
	a.say("hint: to end those too: tokenctl blacklist %s", tokens.UserArgument(t, u, "--user"))
}
