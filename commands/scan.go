package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/scan"
)

// scan finds secrets of the database's credentials in files and git repositories. Package scan
// reads the texts and cuts out words that look like a secret. The database, or a bundle of it,
// decides which of them are credentials (scan.Members). Each finding is a row. Files that cannot
// be read are named on stderr. With --blacklist or --rotate the credentials are changed at the
// end, as by these commands (scan_change.go).

type scanOptions struct {
	app       *App
	all       bool
	exclude   []string
	maxSize   string
	git       string
	gitSince  dateValue
	gitBranch string
	bundle    string
	unchecked bool

	change    credentialChange
	blacklist bool
	rotate    bool
	out       string
}

func newScan(a *App) *cobra.Command {
	o := &scanOptions{app: a, change: credentialChange{app: a}}
	c := &cobra.Command{
		Use:   "scan [<path>... | -]",
		Short: "Find live secrets in files, archives and git history",
		Long: `Search files, folders or standard input for secrets of this database: drf keys,
knox tokens, JWTs and session keys. Every candidate is looked up, so a hash or
another system's token is never reported. Secrets are not shown.

scan finds secrets in clear, in base64, percent-encoded, with the escapes of JSON, in
quoted-printable and in UTF-16, also inside gzip, zstd, bzip2, xz, tar and zip, up to
five levels deep. Without a path it searches the working directory. It respects
.gitignore, reads hidden files, and does not read .git: --git searches the history of a
repository. It leaves out the SQLite database in use.

Exit status 4 means that an active credential was found, 6 that something could not
be read.`,
		Example: `  tokenctl scan
  tokenctl scan /var/log/app -o json
  git diff --cached | tokenctl scan -
  tokenctl scan --git . --git-since 90d
  tokenctl scan backups/ --blacklist`,
		Args: o.check,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		Annotations: map[string]string{pathArguments: "yes", sarif: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			a.mutating = a.mutating && (o.blacklist || o.rotate)
			return o.run(c, args)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "also search what .gitignore excludes")
	repeatedVar(f, &o.exclude, "exclude", "leave out files that match the `GLOB`, as in a .gitignore; may be repeated")
	f.StringVar(&o.maxSize, "max-size", "", "leave out files and members larger than a `SIZE` such as 50M")
	f.StringVar(&o.git, "git", "", "search the whole history of the git repository `DIR`")
	f.StringVar(&o.gitSince.text, "git-since", "", "with --git: only commits after the `DATE`, or within an age such as 90d")
	f.StringVar(&o.gitBranch, "git-branch", "", "with --git: only the history of the branch or tag `NAME`")
	f.StringVar(&o.bundle, "bundle", "", "look up in a `FILE` that tokenctl scan bundle made, not in a database")
	f.BoolVar(&o.unchecked, "unchecked", false, "also JWTs without a row whose signature no configured key can check")
	f.BoolVar(&o.blacklist, "blacklist", false, "blacklist the found credentials")
	f.BoolVar(&o.rotate, "rotate", false, "replace the found credentials; the new secrets go to --out")
	f.StringVar(&o.out, "out", "", "with --rotate: the new `FILE` for the new secrets")
	o.change.changeFlags.flags(a, c, "skip credentials that are gone or blacklisted already, without an error", "show what would be changed; change nothing")
	c.MarkFlagsMutuallyExclusive("blacklist", "rotate", "bundle")
	c.MarkFlagsMutuallyExclusive("unchecked", "bundle")
	must(c.RegisterFlagCompletionFunc("git", cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)))
	c.AddCommand(newScanBundle(a))
	return c
}

// check is for cobra's Args.
func (o *scanOptions) check(c *cobra.Command, args []string) error {
	changes := o.blacklist || o.rotate
	switch {
	case o.git != "" && len(args) > 0:
		return usage("--git and paths do not go together", "scan them one after the other")
	case o.git == "" && (o.gitSince.text != "" || o.gitBranch != ""):
		return usage("--git-since and --git-branch need --git", "add --git .")
	case o.git != "" && (o.all || len(o.exclude) > 0):
		return usage("--all and --exclude are for files, not for --git", "leave them out")
	case slices.Contains(args, "-") && len(args) > 1:
		return usage("- must be the only argument: it reads standard input", "")
	case o.rotate != (o.out != ""):
		return usage("--rotate and --out go together: the new secrets go to a new file", "add --rotate --out new-secrets.txt")
	case !changes && (o.change.keepGoing || o.change.ignoreMissing || o.change.dryRun || o.change.consent.yes || o.change.consent.count.n != nil || c.Flags().Changed("report")):
		return usage("without --blacklist and --rotate nothing is changed", "add --blacklist or --rotate")
	}
	_, err := o.size()
	return err
}

// size reads --max-size.
func (o *scanOptions) size() (int64, error) {
	if o.maxSize == "" {
		return 0, nil
	}
	text, shift := o.maxSize, 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		for _, suffix := range []string{unit, unit + "B", unit + "iB"} {
			if number, ok := strings.CutSuffix(o.maxSize, suffix); ok {
				text, shift = number, 10*(i+1)
			}
		}
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 0 {
		return 0, usage(fmt.Sprintf("--max-size: %q is not a size", o.maxSize), "write --max-size 500K, 50M or 2G")
	}
	return n << shift, nil
}

func (o *scanOptions) run(c *cobra.Command, args []string) error {
	a, ctx := o.app, c.Context()
	w, err := o.writer()
	if err != nil {
		return err
	}
	found := &scanned{taken: map[string]bool{}}
	options, notes, store, err := o.lookUp(ctx, found)
	if err != nil {
		return err
	}
	options.All, options.Exclude = o.all, o.exclude
	options.MaxSize, _ = o.size()
	options.Found = func(list []scan.Finding) error {
		for i := range list {
			if err := w.Write(&list[i]); err != nil {
				return err
			}
			found.add(list[i].Match)
		}
		return nil
	}
	options.Unread = func(path, why string) {
		found.unread = append(found.unread, path+": "+why)
		a.say("not read: %s: %s", path, why)
	}
	s := scan.New(options)
	if err := o.search(ctx, s, args); err != nil {
		w.Flush() //nolint:errcheck // the error that ended the scan is returned
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if n := s.Counts.Skipped.Load(); n > 0 {
		a.say("note: left out %s larger than %s", plural(int(n), "file", "files"), o.maxSize)
	}
	for _, note := range notes() {
		a.say("note: %s", note)
	}
	if found.total == 0 && a.Term.Stdout {
		what := "nothing was found"
		if store != nil {
			what = "no secrets of " + a.databaseName() + " were found"
		}
		a.say("%s", what)
	}
	if o.blacklist || o.rotate {
		if err := o.contain(ctx, store, found); err != nil {
			return err
		}
	}
	return o.end(found)
}

// search searches the paths, the repository or the stream of the command line.
func (o *scanOptions) search(ctx context.Context, s *scan.Scanner, args []string) (err error) {
	a := o.app
	p := &progress{app: a, verb: "scanning", more: func(taken time.Duration) string { return scanProgress(&s.Counts, taken) }}
	p.begin()
	defer p.done()
	switch {
	case o.git != "":
		var since time.Time
		if o.gitSince.text != "" {
			if since, err = o.gitSince.resolve("git-since", a.Now(), false); err != nil {
				return err
			}
		}
		err = s.Git(ctx, o.git, scan.GitOptions{Since: since, Branch: o.gitBranch, Getenv: a.Getenv})
	case len(args) == 1 && args[0] == "-":
		err = s.Reader(ctx, "-", patientReader{ctx, a.Stdin})
	default:
		if len(args) == 0 {
			args = []string{"."}
		}
		err = s.Files(ctx, args)
	}
	if err != nil {
		return err
	}
	return s.Finish(ctx)
}
