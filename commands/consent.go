package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
)

// changeFlags are the flags of every command that changes rows.
type changeFlags struct {
	keepGoing     bool
	ignoreMissing bool
	dryRun        bool
	consent       consentFlags
}

// flags adds the flags to a command, and wraps its RunE, which must be set: App.mutating then says that the command
// changes rows unless --dry-run is given. missing and dryRun say what --ignore-missing and --dry-run do.
func (o *changeFlags) flags(a *App, c *cobra.Command, missing, dryRun string) {
	f := c.Flags()
	f.BoolVar(&o.keepGoing, "keep-going", false, "do what can be done and report the rest (exit status 6)")
	f.BoolVar(&o.ignoreMissing, "ignore-missing", false, missing)
	f.BoolVar(&o.dryRun, "dry-run", false, dryRun)
	o.consent.flags(c)
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		a.mutating = !o.dryRun
		return run(c, args)
	}
}

// consentFlags answer the question before a change that a selector selected.
type consentFlags struct {
	yes   bool
	count countValue
	note  string // what else the question says of them
}

func (f *consentFlags) flags(c *cobra.Command) {
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask for confirmation")
	c.Flags().Var(&f.count, "confirm", "do it without asking if exactly `N` are affected")
	c.MarkFlagsMutuallyExclusive("yes", "confirm")
}

// allowsNothing reports whether the command may end without a change: --confirm is not given, or is 0.
func (f *consentFlags) allowsNothing() bool { return f.count.n == nil || *f.count.n == 0 }

// allows reports whether the flags allow a change of n, so that nobody is asked.
func (f *consentFlags) allows(a *App, n int) bool {
	return f.yes && a.protected == "" || f.count.n != nil && *f.count.n == n
}

// obtainNamed obtains consent for rows that the command line names. It asks only if the database is protected or
// --confirm says a number.
func (f *consentFlags) obtainNamed(ctx context.Context, a *App, verb, what string, n int) error {
	if a.agreed || a.protected == "" && f.count.n == nil {
		return nil
	}
	_, err := f.obtain(ctx, a, verb, what, n)
	return err
}

// hint is how a script consents to a change of n.
func (f *consentFlags) hint(a *App, n int) string {
	switch {
	case a.protected != "" && a.schemas != nil:
		return "name one schema, and add --confirm N; --yes is not enough for a protected database"
	case a.protected != "":
		return fmt.Sprintf("add --confirm %d; --yes is not enough for a protected database", n)
	case a.schemas != nil:
		return "add --yes; --dry-run shows what it would be in each schema"
	}
	return fmt.Sprintf("add --yes, or --confirm %d", n)
}

// silent reports whether the command shows nobody what it changes: with --yes and --quiet.
func (f *consentFlags) silent(a *App) bool { return f.yes && a.global.quiet && a.protected == "" }

// preview shows the rows that are about to be changed, unless the command is silent.
func (f *consentFlags) preview(a *App, verb string, columns []output.Column, rows [][]output.Value) error {
	if f.silent(a) {
		return nil
	}
	a.introduce(verb)
	return a.preview(columns, rows)
}

// obtain returns nil when the change may happen, and whether somebody was asked.
func (f *consentFlags) obtain(ctx context.Context, a *App, verb, what string, n int) (asked bool, err error) {
	if f.note != "" {
		what += " (" + f.note + ")"
	}
	what += " in " + a.databaseName()
	defer func() { a.agreed = a.agreed || err == nil }()
	switch {
	case f.allows(a, n):
		return false, nil
	case f.count.n != nil:
		return false, &tokenctl.Error{Code: tokenctl.CodeChanged, Message: fmt.Sprintf("this would %s %s, and --confirm says %d: nothing was changed", verb, what, *f.count.n),
			Hint: "look at them with --dry-run, then give their number"}
	case !a.interactive():
		if a.protected != "" {
			what += ", which the context " + a.protected + " protects"
		}
		return false, &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: "this would " + verb + " " + what + ", and nobody can be asked here", Hint: f.hint(a, n)}
	}
	question := strings.ToUpper(verb[:1]) + verb[1:] + " " + what + "?"
	if a.protected != "" {
		return true, a.askName(ctx, question)
	}
	yes, err := a.confirm(ctx, question)
	if err != nil {
		return true, err
	}
	if !yes {
		return true, &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: "not confirmed; nothing was done"}
	}
	return true, nil
}
