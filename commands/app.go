// Package commands is tokenctl's command line: one or more files for every verb, with its
// flags, checks and prompts.
//
// It speaks no SQL, hashes nothing and formats nothing by itself. What a verb does to a
// credential is in package tokens, the tables are in db, the forms of output in output,
// and the answers of the test server in server.
//
// What every command keeps to:
//
//   - data goes to stdout, everything said about it to stderr;
//   - a failure is two lines, "tokenctl: what is wrong" and "hint: what to try",
//     in lower case and without a full stop, and one exit status (errors.go);
//   - only finish knows exit statuses and words a failure, also that of work which
//     does not end by itself after an interrupt (outcome.go);
//   - a new secret is written before its transaction commits (deliver.go);
//   - nothing is asked unless stdin and stderr are a terminal.
package commands

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/cache"
)

// App is one run of tokenctl.
type App struct {
	// What the run gets from outside. NewApp takes it from this process; tests bring their own.

	Stdin          io.Reader
	Stdout         io.Writer
	Stderr         io.Writer
	Getenv         func(string) string
	Now            tokenctl.Clock
	Random         io.Reader // of cryptographic quality
	Term           Terminal
	CompletionTime time.Duration // the longest time that a press of the tab key may take; 0: 250 ms

	// What the user and the command ask for.

	args          []string
	global        globals // globals.go
	commandTraits         // below

	// What the run has found and done so far. Each of these types stands beside the code that fills it.

	settingsInUse                 // settings.go
	databaseInUse                 // target.go
	changeRecord                  // record.go
	journaling                    // journal_entry.go
	runEnd                        // outcome.go
	messages                      // remarks.go
	schemas       *schemas        // nil unless the command runs in several schemas
	cache         *cache.Sessions // of the application's sessions; nil until it is needed
	missed        missed          // what could not be read or asked
}

// commandTraits are what a command says about itself before it opens the database.
type commandTraits struct {
	mutating    bool // it changes rows
	requests    bool // it is a server, and requests to it may change rows
	connections int  // it uses so many connections to the database at a time; 0: no limit
	unverified  bool // see tokens.Env
	forces      bool // it has the flag --force
	keepGoing   bool // --keep-going is given
}

// Main runs tokenctl with the arguments behind its name and returns the exit
// status.
func Main(args []string) int { return NewApp().Run(context.Background(), args) }

// NewApp returns an App with this process's streams, clock, randomness and terminal.
func NewApp() *App {
	// Mutating commands must survive a reader that goes away, to roll back and
	// say so. Reading ones end with the status that SIGPIPE would have given.
	// A file that reaches its size limit is a failed write, too.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ)
	return &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Now: time.Now, Random: rand.Reader, Term: systemTerminal()}
}

// Run runs one command line and returns the exit status.
func (a *App) Run(ctx context.Context, args []string) int {
	ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(nil)
	a.shareTerminal()
	defer a.watch(ctx)()
	root := newRoot(a)
	if completing(args) {
		completeFlags(root)
		plainUsages(root)
	}
	a.args = args
	root.SetArgs(args)
	if err := checkForSecrets(args); err != nil {
		if completing(args) {
			return exitDone
		}
		a.findOutput()
		return a.finish(ctx, err)
	}
	work := make(chan error, 1)
	go func() {
		err := a.withNear(ctx, root.ExecuteContext(ctx))
		if err == nil {
			err = a.helpError
		}
		err = a.withMissed(a.withUnsettled(a.endPaging(err)))
		if a.cache != nil {
			a.cache.Close() //nolint:errcheck // nothing is under way
		}
		if a.store != nil {
			a.store.Close() //nolint:errcheck // every transaction has ended
		}
		a.publishOutcome(tokenctl.CodeOf(err) == tokenctl.CodeOutcomeUnknown)
		work <- err
	}()
	select {
	case err := <-work:
		return a.finish(ctx, err)
	case <-a.enough:
		return a.finish(ctx, context.Cause(ctx))
	}
}

// interactive reports whether the person at the terminal can be asked.
func (a *App) interactive() bool {
	return a.Term.Stdin && a.Term.Stderr && !a.global.noInput && a.Getenv("CI") == ""
}

// newRoot builds the command tree.
func newRoot(a *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "tokenctl",
		Short: "Administer the API tokens of Django REST Framework applications",
		Long: `tokenctl administers the API tokens of Django REST Framework applications
directly in their database, PostgreSQL or SQLite, without Django.`,
		Example: `  tokenctl mint alice --init         an embedded database, the user and a token
  tokenctl list --user alice         what alice can log in with
  tokenctl blacklist --user alice    cut it all off
  tokenctl doctor                    what is in this database`,
	}
	var version bool
	a.addGlobals(root)
	root.Flags().BoolVar(&version, "version", false, "show which tokenctl this is")
	root.RunE = func(c *cobra.Command, args []string) error {
		if version && len(args) == 0 {
			return a.writeVersion()
		}
		return a.unknownCommand(c, args)
	}
	root.AddGroup(commandGroups...)
	root.AddCommand(grouped(groupLook, paged(inSchemas(a, newList(a))), paged(newShow(a)), paged(newVerify(a)), paged(inSchemas(a, newStats(a))), withReportFile(a, newScan(a)),
		withReportFile(a, inSchemas(a, newAudit(a))), newReportPage(a), newJournal(a), paged(inSchemas(a, newDoctor(a))))...)
	root.AddCommand(grouped(groupChange, withReportFile(a, newMint(a)), withReportFile(a, inSchemas(a, newRotate(a))), withReportFile(a, inSchemas(a, newExpire(a))), withReportFile(a, inSchemas(a, newBlacklist(a))),
		withReportFile(a, newUnblacklist(a)), newDenylist(a), withReportFile(a, inSchemas(a, newPurge(a))), newUser(a))...)
	root.AddCommand(grouped(groupChange, withReportFileIn(a, newIncident(a), ".md", ".json"))...)
	root.AddCommand(grouped(groupSetUp, newInit(a), newConfig(a), newDatabaseContext(a), inSchemas(a, newGrants(a)), newServe(a), newCompletion(a, root), paged(newHelp(a)), newVersion(a))...)
	a.prepare(root)
	return root
}

// prepare gives every command of the tree the behaviour that all share.
func (a *App) prepare(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { a.showHelp(commandHelp(c, a.helpWidth())) })
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			root.SetHelpCommand(c)
		}
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		a.findOutput()
		if args := c.Flags().Args(); len(args) > 0 && c.HasSubCommands() {
			return a.unknownCommand(c, a.typedFrom(args)) // whose flags these may be
		}
		return a.flagError(c, err)
	})
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return a.checkGlobals(c) }
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.DisableFlagsInUseLine = true
		c.Flags().SortFlags = false
		if c.HasSubCommands() && !c.Runnable() {
			c.RunE = a.unknownCommand
		}
		check := c.Args
		if check == nil && !c.HasSubCommands() && !strings.Contains(c.Use, " ") {
			check = noArguments
		}
		c.Args = func(c *cobra.Command, args []string) error {
			err := checkValuesForSecrets(c, args)
			if err == nil {
				err = emptyFlag(c)
			}
			if err == nil && check != nil {
				err = check(c, args)
			}
			var known *tokenctl.Error
			if err != nil && !errors.As(err, &known) {
				err = usage(err.Error(), "see "+c.CommandPath()+" --help")
			}
			return err
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(root)
}
