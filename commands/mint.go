package commands

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/db/engine"
)

// mintOptions are the flags of mint, which makes tokens in four steps.
//
// mint checks the command line (this file), then the kind of token and its lifetime against the
// database (mint_request.go). If flags alone select the users, it lists them once, skips those who can get
// no further token, shows the rest and asks (mint_select.go). One transaction then makes
// the tokens, a batch of users at a time (mint_write.go): it finds the users, creates those
// who are missing if --create asks for that, and leaves out those whom the flags exclude
// (mint_users.go). The secrets are delivered before the transaction commits. Finally mint
// says what it made.
//
// If a named user is missing, or a selected user changed since the list was made, nothing
// is done; --keep-going leaves out only these users. --import-drf finds its users in the
// same way, and makes their drf tokens knox tokens (mint_import.go). --secret-stdin and
// --secrets-from store secrets that clients have already (mint_provide.go).
type mintOptions struct {
	changeFlags
	app         *App
	users       userFlags
	filter      userFilterFlags
	kind        string
	lifetime    lifetimeFlags
	tokenType   string
	claims      []string
	set         []string
	force       bool
	init        bool
	importDRF   bool
	secretStdin bool
	secretsFrom string
	create      bool
	deliver     delivery
}

func newMint(a *App) *cobra.Command {
	o := &mintOptions{app: a, users: userFlags{app: a}, deliver: delivery{app: a}}
	c := &cobra.Command{
		Use:   "mint {<username>... | --users-from <file> | --all-users | --staff ...}",
		Short: "Make a token for a user, or for many",
		Long: `Make a token for each user and print it, once. The token alone is on stdout;
everything said about it is on stderr. The row is committed only after the token
was written.

A user has at most one drf token: a second one is refused, and rotate replaces
the first. Of knox tokens there may be several, up to TOKEN_LIMIT_PER_USER.

A JWT is a pair: the refresh token, which is recorded, and an access token, one
labelled line each; --type makes an access or a sliding token alone. It takes the
application's key.

With --secret-stdin or --secrets-from no token is made: the secrets are those that
clients have already. What is weak about one is said. None is printed; stdout has
the ids.

--set gives every new row a value in a column that only the project's own model of
tokens or sessions has. The database converts it to the type of the column. A column
without --set gets its default, else NULL; --set COLUMN= is the empty text.

With --import-drf no token is made: the users' drf tokens get rows of knox, so
that clients can go on with them when the application changes over to knox. They
never expire unless --ttl or --expires says so. With --all-users that is done for all
users who have a drf token.

--all-users, --staff, --superuser and --without select users if no user is named. The
users are shown first, and confirmed. Users who can get no further token are skipped.
If users are named, these flags exclude some of them. More than 1000 secrets go to
--out.

A session, with --kind session, is for testing: what is printed is the value of
the sessionid cookie. It takes the application's SECRET_KEY, no signal is sent,
and the user's last_login stays as it is.`,
		Example: `  tokenctl mint alice
  TOKEN=$(tokenctl mint alice)
  tokenctl mint alice --init                 with an embedded database, if there is none
  tokenctl mint deploy-bot --create --out deploy.token
  tokenctl mint alice --format curl-config | curl -K - https://api.example.com/
  tokenctl mint --users-from names.txt -o csv --out tokens.csv
  tokenctl mint --all-users --without drf --out tokens.tsv
  tokenctl mint --kind knox alice --ttl 90d
  tokenctl mint alice --set label=deploy
  tokenctl mint alice --secret-stdin <known.key
  tokenctl mint --kind knox --secrets-from known.csv --ttl 90d
  tokenctl mint --kind knox --import-drf --never --users-from names.txt`,
		ValidArgsFunction: a.completeUsers,
		RunE: func(c *cobra.Command, args []string) error {
			o.users.names = args
			o.filter.read(c)
			return o.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.kind, "kind", "", "the `KIND` of token (default: drf where the database has it, else the only kind there is)")
	o.users.flags(c)
	o.filter.flags(c)
	f.BoolVar(&o.create, "create", false, "create users who do not exist, with an unusable password")
	f.BoolVar(&o.init, "init", false, "create the SQLite database if there is none; implies --create")
	f.BoolVar(&o.importDRF, "import-drf", false, "make the users' drf tokens knox tokens too, so that clients go on using them unchanged")
	f.BoolVar(&o.secretStdin, "secret-stdin", false, "take a secret that the client has already, from standard input (drf, knox)")
	f.StringVar(&o.secretsFrom, "secrets-from", "", "take the users and their secrets from `FILE`, which nobody else may read: USER,SECRET in each line (drf, knox)")
	o.lifetime.flags(c)
	f.StringVar(&o.tokenType, "type", "", "the `TYPE` of JWT: refresh (with its access token), access or sliding")
	repeatedVar(f, &o.claims, "claim", "a custom claim of a JWT, as `NAME=JSON`; may be repeated")
	repeatedVar(f, &o.set, "set", "a further column of the project's own token or session model, as `COLUMN=VALUE`; may be repeated")
	f.BoolVar(&o.force, "force", false, "make it although the key, or the claims, differ from those of the application")
	o.deliver.flags(c)
	o.changeFlags.flags(a, c, "skip users who do not exist, without an error", "show who would get a token; make none")
	must(c.RegisterFlagCompletionFunc("kind", a.completeKinds("mint")))
	return c
}

func (o *mintOptions) run(ctx context.Context) error {
	a := o.app
	if err := o.deliver.check(); err != nil {
		return err
	}
	if err := o.users.read(ctx); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	r := &mintRun{o: o, names: dedupe(o.users.names), ids: dedupe(o.users.userIDs), create: o.create || o.init, seen: map[string]bool{}, lineOf: map[string]int{}}
	r.selected = r.count() == 0 && o.secretsFrom == ""
	switch {
	case o.importDRF:
		return r.importTokens(ctx)
	case o.provides():
		return r.provide(ctx)
	}
	if goOn, err := r.prepare(ctx); !goOn {
		return err
	}
	// MintBelowLimit checks this too. Here it is checked before a person is asked, and for --dry-run.
	if r.kind.CheckApplication != nil && (o.dryRun || r.selected) {
		err := r.store.Read(ctx, func(tx *db.Tx) error {
			_, err := r.kind.CheckApplication(ctx, a.env(), tx, o.force, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	if r.selected {
		if goOn, err := r.selectUsers(ctx); !goOn {
			return err
		}
	}
	if o.dryRun {
		return r.showDryRun(ctx)
	}
	if o.deliver.out == "" && r.count() > stdoutLimit {
		return usage(count(r.count(), "secret")+" do not go to stdout: a reader who stalls would hold the transaction open", "name a file with --out")
	}
	if !r.selected {
		if err := o.consent.obtainNamed(ctx, a, "mint", count(r.count(), r.kind.Noun()), r.count()); err != nil {
			return err
		}
	}
	if err := o.deliver.openFile(); err != nil {
		return err
	}
	r.meter = a.progress("minting", int64(r.count()))
	defer r.meter.done()
	r.record()
	err := r.store.Write(ctx, func(tx *db.Tx) error { return r.write(ctx, tx) })
	r.meter.done()
	if err := o.deliver.settleFile(err); err != nil {
		return err
	}
	if r.made == 0 {
		o.deliver.removeFile()
	}
	return r.tell()
}

// stdoutLimit is how many secrets are written to stdout.
const stdoutLimit = 1000

// check checks what the command line alone tells.
func (o *mintOptions) check() error {
	named := len(o.users.names)+len(o.users.userIDs) > 0 || o.secretsFrom != ""
	if o.provides() {
		if err := o.checkProvided(); err != nil {
			return err
		}
	}
	switch {
	case slices.Contains(o.users.names, ""):
		return errEmptyName
	case named && o.filter.all:
		return usage("names and --all-users do not go together", "give one of them")
	case !named && (!o.filter.given || o.users.usersFrom != ""):
		return usage("no user was named or selected", "write tokenctl mint USERNAME, or select users with flags such as --all-users")
	case !named && (o.create || o.init):
		return usage("--create and --init make users who are named", "name them, or leave the flags out")
	case o.create && (o.filter.filter.Staff != nil || o.filter.filter.Superuser != nil):
		return usage("--create makes users who are neither staff nor superusers", "leave out --staff and --superuser")
	}
	return nil
}

// open opens the database, and with --init makes it first when there is none;
// with --dry-run it says so, and there is no store.
func (o *mintOptions) open(ctx context.Context) (*db.Store, error) {
	a := o.app
	if !o.init {
		return a.open()
	}
	t, err := a.resolveTarget()
	if err != nil {
		return nil, err
	}
	if t.Engine != engine.SQLite {
		return nil, usage("mint --init is for SQLite: it would make tables in a server's database", "run tokenctl init once, then tokenctl mint --create")
	}
	if _, err := os.Stat(t.Path); err == nil {
		return a.openTarget(t)
	}
	if o.dryRun {
		a.say("dry run: would create the database %s and in it %s: %s", t, count(len(o.users.names), "user"), strings.Join(o.users.names, ", "))
		return nil, nil
	}
	store, err := a.initialise(ctx, t, func() error {
		n := len(dedupe(o.users.names)) + len(dedupe(o.users.userIDs))
		return o.consent.obtainNamed(ctx, a, "mint", count(n, "token"), n)
	})
	if err == nil {
		a.outcome.standing = "the database " + t.Path + " was created, and nothing else was changed"
	}
	return store, err
}
