package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// incident answers one leak on one screen. It finds out whose the credential is and what
// else the owner holds (incident_find.go), and computes what would remain (tokens.Exposures).
// After the question one transaction ends what was shown (incident_contain.go). Then each
// credential that it claims dead is verified again, what remains is computed from the rows
// as they are now, and all of it is the result (incident_screen.go).

type incidentOptions struct {
	changeFlags
	app       *App
	tokenFile string
	users     userFlags // of --user and --user-id: one user

	signingKey bool
	probeURL   string
	all        bool
	deactivate bool
	reset      bool
	generate   bool
	self       bool
	deliver    delivery // of the new password
}

func newIncident(a *App) *cobra.Command {
	o := &incidentOptions{app: a, users: userFlags{app: a}, deliver: delivery{app: a}}
	c := &cobra.Command{
		Use:   "incident {- | <id> | --user <username> | --signing-key}",
		Short: "Contain a leaked credential, and say what remains exposed",
		Long: `Contain a leak in one command: say whose the credential is and what else the owner
holds, end it, say what still works until when and which command ends that, and verify
again that what was ended is dead.

A secret is read from standard input with -, without echo in a terminal, or from
--token-file; a line may be what it was found in. With --user the whole account counts
as leaked, and only what flags name is done. --signing-key is for a leaked SECRET_KEY or
SIGNING_KEY: it says what can be forged, whom another key logs out, and the order of
work. It changes nothing.

Nothing is done before it was confirmed. A secret on standard input leaves nobody to
ask: the screen is shown, and the exit status is 8. --dry-run only looks.

With --probe the application itself is asked, too: one request with the secret before
the change, one after it, over https or to this machine. Redirects are not followed.

Exit status 0 means that nothing remains, 4 that something does.`,
		Example: `  tokenctl incident -
  tokenctl incident drf:7@1f0c3a55 --dry-run
  tokenctl incident --token-file leaked.txt --all --deactivate
  tokenctl incident --user alice --all --reset-password --yes -o json
  tokenctl incident --token-file leaked.txt --probe https://shop.example/api/orders/
  tokenctl incident --signing-key`,
		Args:              o.check,
		ValidArgsFunction: a.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			if o.signingKey {
				a.mutating = false
				return o.leakedKeys(c.Context())
			}
			return o.run(c.Context(), args)
		},
	}
	f := c.Flags()
	tokenFileFlag(c, &o.tokenFile)
	repeatedVar(f, &o.users.names, "user", "the whole account of the user `NAME`")
	repeatedVar(f, &o.users.userIDs, "user-id", "the whole account of the user with this primary key `PK`")
	f.BoolVar(&o.signingKey, "signing-key", false, "a key leaked: say what can be forged, and the order of work")
	f.BoolVar(&o.all, "all", false, "end all that the owner holds")
	f.BoolVar(&o.deactivate, "deactivate", false, "deactivate the owner")
	f.BoolVar(&o.reset, "reset-password", false, "make the owner's password unusable")
	f.BoolVar(&o.generate, "generate-password", false, "with --reset-password: make a random password, for --out")
	f.StringVar(&o.deliver.out, "out", "", "the new `FILE` for the random password, mode 0600")
	f.BoolVar(&o.self, "self", false, "deactivate also the last active superuser")
	f.BoolVar(&a.unverified, "unverified", false, "also a JWT without a row whose signature no configured key can check")
	f.StringVar(&o.probeURL, "probe", "", "also ask the application: the `URL` of a view that the secret opens; it must refuse it afterwards")
	o.changeFlags.flags(a, c, "a credential or user that is not there is no error", "only look: show what would be done, and what would remain")
	for _, name := range []string{"user", "user-id", "token-file", "probe", "all", "deactivate", "reset-password", "unverified", "keep-going", "ignore-missing", "dry-run", "yes", "confirm"} {
		c.MarkFlagsMutuallyExclusive("signing-key", name)
	}
	must(c.RegisterFlagCompletionFunc("user", a.completeUsers))
	return c
}

// check is for cobra's Args.
func (o *incidentOptions) check(_ *cobra.Command, args []string) error {
	named := len(args)
	if o.tokenFile != "" {
		named++
	}
	switch users := len(o.users.names) + len(o.users.userIDs); {
	case o.signingKey && named == 0:
		return nil
	case o.signingKey:
		return usage("--signing-key is about a key, not about a credential", "run it for each of them")
	case named+users == 0:
		return usage("incident needs what leaked", "write an id, or - to read a secret from standard input, or give --user")
	case named+users > 1:
		return usage("incident is about one credential, or about one user", "run it for each of them")
	case o.probeURL != "" && users > 0:
		return usage("--probe sends what leaked, and --user names no secret", "leave out --probe")
	case o.generate && !o.reset:
		return usage("--generate-password goes with --reset-password", "add --reset-password")
	case o.generate != (o.deliver.out != ""):
		return usage("--generate-password and --out go together: the new password is written to a file", "give both, or none of them")
	}
	return nil
}

// incident is one run.
type incident struct {
	o     *incidentOptions
	app   *App
	store *db.Store

	leaked  []*tokens.Credential // what was named; nil with --user
	given   tokenctl.Secret      // the secret that was given; zero with an id or --user
	owner   *db.User             // nil where nobody owns it
	users   *db.UserTable        // the owner's model
	rights  *db.Rights           // nil: not known
	held    []*tokens.Credential // all that the owner holds
	change  blacklistOptions     // of what is ended
	chosen  *selection           // what is ended, or would be
	encoded string               // the new password
	secret  tokenctl.Secret      // the new password; zero: it is unusable

	probe    *probe // nil: the application is not asked
	asking   bool   // the question follows
	done     []action
	proof    []proof
	unproved bool // it could not be verified again
	residual []tokens.Exposure
	keyCost  *int // how many users another signing key logs out; nil: nobody counted
}

func (o *incidentOptions) run(ctx context.Context, args []string) error {
	a := o.app
	var asks *probe
	if o.probeURL != "" {
		var err error
		if asks, err = newProbe(o.probeURL); err != nil {
			return err
		}
	}
	refs, err := a.references(ctx, "incident", args, o.tokenFile)
	if err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	n := &incident{o: o, app: a, store: store, probe: asks}
	there, err := n.find(ctx, refs)
	if err != nil || !there {
		return err
	}
	if err := n.choose(ctx); err != nil {
		return err
	}
	if err := n.probeFirst(ctx); err != nil {
		return err
	}
	incidentFile{row: n.row, sections: n.sections}.document(a)
	if err := n.remains(ctx, n.planned()); err != nil {
		return err
	}
	if o.dryRun || !n.acts() {
		if err := n.write(true); err != nil {
			return err
		}
		return n.verdict()
	}
	shown, err := n.ask(ctx)
	if err != nil {
		return err
	}
	if err := n.contain(ctx); err != nil {
		return err
	}
	unproved := n.prove(ctx)
	n.unproved = unproved != nil
	if err := errors.Join(n.write(!shown), unproved); err != nil {
		return err
	}
	return n.verdict()
}

// verdict ends the command: something remains, or nothing.
func (n *incident) verdict() error {
	if err := offences(n.chosen.missing); err != nil {
		return n.change.partly(n.chosen, len(n.done))
	}
	if len(n.residual) > 0 || !n.contained() {
		return errNo
	}
	return nil
}
