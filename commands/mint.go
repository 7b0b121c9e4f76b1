package commands

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

type mintOptions struct {
	app       *App
	names     []string
	userIDs   []string
	usersFrom string
	kind      string
	life      lifeFlags
	tokenType string
	claims    []string
	force     bool
	init      bool
	importDRF bool
	create    bool
	keepGoing bool
	dryRun    bool
	selector  userSelector
	consent   consentFlags
	deliver   delivery
}

func newMint(a *App) *cobra.Command {
	o := &mintOptions{app: a, deliver: delivery{app: a}}
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

With --import-drf no token is made: the users' drf tokens get rows of knox, so
that clients can go on with them when the application changes over to knox. They
expire as knox tokens do; --never keeps them as they are.

--all-users, --staff, --superuser and --without, where nobody is named, pick users:
they are shown first, and confirmed. Who can get no further token is passed over.
Beside names, the flags narrow. More than 1000 secrets go to --out.

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
  tokenctl mint --kind knox --import-drf --never --users-from names.txt`,
		ValidArgsFunction: a.completeUserArgs,
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			o.selector.given(c)
			a.mutating = !o.dryRun
			return o.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.kind, "kind", "", "the `KIND` of token (default: drf where the database has it, else the only kind there is)")
	f.StringArrayVar(&o.userIDs, "user-id", nil, "the user with this primary key `PK`; may be repeated")
	f.StringVar(&o.usersFrom, "users-from", "", "read user names from `FILE`, one a line; - is standard input")
	o.selector.flags(a, c)
	f.BoolVar(&o.keepGoing, "keep-going", false, "do what can be done and report the rest (exit status 6)")
	f.BoolVar(&o.create, "create", false, "create users who do not exist, with an unusable password")
	f.BoolVar(&o.init, "init", false, "create the SQLite database if there is none; implies --create")
	f.BoolVar(&o.importDRF, "import-drf", false, "make the users' drf tokens knox tokens too, so that clients go on using them unchanged")
	o.life.flags(c)
	f.StringVar(&o.tokenType, "type", "", "the `TYPE` of JWT: refresh (with its access token), access or sliding")
	f.StringArrayVar(&o.claims, "claim", nil, "a custom claim of a JWT, as `NAME=JSON`; may be repeated")
	f.BoolVar(&o.force, "force", false, "sign although the configured key is not the one that the application signs with")
	o.deliver.flags(c)
	f.BoolVar(&o.dryRun, "dry-run", false, "show who would get a token; make none")
	o.consent.flags(c)
	must(c.RegisterFlagCompletionFunc("kind", a.completeKinds("mint")))
	return c
}

func (o *mintOptions) run(ctx context.Context) error {
	a := o.app
	if err := o.deliver.check(); err != nil {
		return err
	}
	if o.usersFrom != "" {
		names, err := a.readNames(ctx, o.usersFrom)
		if err != nil {
			return err
		}
		o.names = append(o.names, names...)
	}
	if err := o.check(); err != nil {
		return err
	}
	o.names, o.userIDs = dedupe(o.names), dedupe(o.userIDs)
	if o.importDRF {
		return o.importTokens(ctx)
	}
	store, err := o.open(ctx)
	if store == nil || err != nil {
		return err
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return err
	}
	kind, err := chooseKind(layout, o.kind)
	if err != nil {
		return err
	}
	if _, err := store.UsersOf(ctx, []string{kind.Name}); err != nil {
		return err
	}
	life, err := o.life.resolve(store.Now())
	if err != nil {
		return err
	}
	req := tokens.MintRequest{Life: life, Type: o.tokenType, Force: o.force}
	if req.Claims, err = parseClaims(o.claims); err != nil {
		return err
	}
	if err := kind.CheckMint(a.env(), req); err != nil {
		return err
	}
	who, err := o.selector.audience(ctx, a, store, layout)
	if err != nil {
		return err
	}
	selected := !o.named()
	switch {
	case selected:
		if goOn, err := o.choose(ctx, store, kind, who); !goOn {
			return err
		}
	case o.dryRun:
		return o.preview(ctx, store, kind, who)
	}
	n := len(o.names) + len(o.userIDs)
	if o.deliver.out == "" && n > stdoutMost {
		return usage(count(n, "secret")+" do not go to stdout: a reader who stalls would hold the transaction open", "name a file with --out")
	}
	if err := o.deliver.create(); err != nil {
		return err
	}
	m := minting{mintOptions: o, kind: kind, req: req, who: who, selected: selected, meter: a.progress("minting", int64(n)), seen: map[string]bool{}}
	defer m.meter.done()
	err = store.Write(ctx, func(tx *db.Tx) error { return m.all(ctx, tx) })
	m.meter.done()
	if err := o.deliver.settle(err); err != nil {
		return err
	}
	if m.made == 0 {
		o.deliver.discard()
	}
	return m.report()
}

// stdoutMost is how many secrets are written to stdout.
const stdoutMost = 1000

// named reports whether users were named one by one.
func (o *mintOptions) named() bool { return len(o.names)+len(o.userIDs) > 0 }

// check validates who is meant.
func (o *mintOptions) check() error {
	switch {
	case slices.Contains(o.names, "") || slices.Contains(o.userIDs, ""):
		return usage("an empty name is nobody's", "")
	case o.named() && o.selector.all:
		return usage("names and --all-users do not go together", "give one of them")
	case !o.named() && (!o.selector.picks || o.usersFrom != ""):
		return usage("nobody to make a token for", "write tokenctl mint USERNAME, or pick with flags such as --all-users")
	case !o.named() && (o.create || o.init):
		return usage("--create and --init make users who are named", "name them, or leave the flags out")
	case o.create && (o.selector.set.Staff != nil || o.selector.set.Superuser != nil):
		return usage("--create makes users who are neither staff nor superusers", "leave out --staff and --superuser")
	}
	return nil
}

// announce says on stderr what a new secret is and belongs to.
func (a *App) announce(verb string, m *tokens.Minted) {
	text := verb + " " + m.ID + " for " + whose(&m.Owner)
	if m.Replaces != "" {
		text += ", replacing " + m.Replaces
		if !m.Until.IsZero() {
			text += ", which works until " + m.Until.UTC().Format(time.RFC3339)
		}
	}
	a.say("%s", text)
	if m.Status == tokens.Disabled {
		a.say("note: %s is inactive: the token does not work before the user is active again", whose(&m.Owner))
	}
}

// open opens the database, and with --init makes it first when there is none;
// with --dry-run it says so, and there is no store.
func (o *mintOptions) open(ctx context.Context) (*db.Store, error) {
	a := o.app
	if !o.init {
		return a.open()
	}
	o.create = true
	t, err := a.target()
	if err != nil {
		return nil, err
	}
	if t.Engine != db.SQLite {
		return nil, usage("mint --init is for SQLite: it would make tables in a server's database", "run tokenctl init once, then tokenctl mint --create")
	}
	if _, err := os.Stat(t.Path); err == nil {
		return a.openTarget(t)
	}
	if o.dryRun {
		a.say("dry run: would create the database %s and in it %s: %s", t, count(len(o.names), "user"), strings.Join(o.names, ", "))
		return nil, nil
	}
	store, err := a.initialise(ctx, t)
	if err == nil {
		a.standing = "the database " + t.Path + " was created, and nothing else was changed"
	}
	return store, err
}

func chooseKind(l *db.Layout, name string) (*tokens.Kind, error) {
	if name == "" {
		return tokens.Default(l)
	}
	k, err := tokens.KindNamed(name)
	if err != nil {
		return nil, err
	}
	if err := k.Refuse("mint"); err != nil {
		return nil, err
	}
	// An access JWT is recorded nowhere: Mint looks whether it needs the table.
	if k == tokens.JWT {
		return k, nil
	}
	return k, k.Check(l)
}

// parseClaims reads --claim NAME=JSON.
func parseClaims(list []string) ([]django.JWTClaim, error) {
	var claims []django.JWTClaim
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--claim needs a name and a value", `write --claim roles='["ops"]' or --claim tenant='"acme"'`)
		}
		c, err := django.NewJWTClaim(name, []byte(value))
		if err != nil {
			return nil, usage("the value of --claim "+name+" is not JSON", `write --claim roles='["ops"]' or --claim tenant='"acme"'`)
		}
		claims = append(claims, c)
	}
	return claims, nil
}
