package commands

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
	"tokenctl/tokens"
)

// tokenctl report writes one page for people. The page shows the counts of stats, the findings of audit, the users with
// the most credentials, and the days on which credentials expire. It looks into each schema
// (report_page_look.go) and appends sections to the page (report_page_sections.go, report_page_findings.go). It makes the
// file first, so that a file that cannot be made fails before a long look. It fills the file at the end.

type reportPage struct {
	app   *App
	audit auditOptions // the rules to check, and the baseline
	path  string
	page  output.Page
	found severityCounts // in all schemas
}

var reportPageColumns = []output.Column{{Name: "file"}, {Name: "credentials"}, {Name: "active"}, {Name: "critical"}, {Name: "high"}, {Name: "medium"}, {Name: "low"}, {Name: "skipped"}}

func newReportPage(a *App) *cobra.Command {
	o := &reportPage{app: a, audit: auditOptions{app: a}}
	c := &cobra.Command{
		Use:   "report --html <file>",
		Short: "Write one page about the stock of credentials, for people",
		Long: `Write one HTML page with what stats counts and what audit finds: findings by severity
with the commands that mend them, the days on which credentials expire, the counts by
kind, status, age and time to live, and the users who hold most. With --baseline it also
says what has changed since then.

The page is one file for a browser or a printer. It loads nothing, runs no script and
holds no secret. The file must not exist yet, and only its owner can read it; - means
stdout. Of each rule the page lists ` + strconv.Itoa(listedFindings) + ` findings, the new ones first; tokenctl audit has all.

--kind narrows it as it narrows stats and audit. The thresholds and what to ignore are
those of audit.

The exit status is 0 whatever was found. For an answer in the exit status use
tokenctl audit. Rules that could not be checked are named on the page.`,
		Example: `  tokenctl report --html report.html
  tokenctl report --html q4.html --baseline q3.json
  tokenctl report --html high.html --severity high
  tokenctl report --html - | gzip >report.html.gz`,
		Args: o.check,
		RunE: func(c *cobra.Command, _ []string) error { return o.look(c) },
	}
	f := c.Flags()
	f.StringVar(&o.path, "html", "", "the new `FILE`, mode 0600; - for stdout")
	listVar(f, &o.audit.selector.kinds, "kind", "only this `KIND`: "+strings.Join(tokens.KindNames(), ", "))
	f.StringVar(&o.audit.baseline, "baseline", "", "say what has changed since audit wrote this `FILE`")
	o.audit.ruleFlags(c)
	must(c.RegisterFlagCompletionFunc("kind", fixedList(tokens.KindNames())))
	inSchemas(a, c)
	look := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.write(func() error { return look(c, args) })
	}
	return c
}

// check checks the arguments for cobra's Args.
func (o *reportPage) check(c *cobra.Command, args []string) error {
	a := o.app
	switch {
	case o.path == "":
		return usage("report needs the name of one new file", "tokenctl report --html report.html")
	case o.path == "-" && a.asked():
		return usage("--html - writes the page to stdout, and so do --output, --field, --columns and --jq", "name a file")
	case o.path == "-" && a.Term.Stdout:
		return usage("the page is for a browser, not for a terminal", "name a file, or send it on: tokenctl report --html - | …")
	case o.audit.baseline != "" && c.Flags().Changed("kind"):
		return usage("--baseline is about all kinds: it does not go with --kind", "leave one of them out")
	}
	return o.audit.check(c, args)
}

// write makes the file, fills the page and writes it. If some schemas failed, the page is about the other
// schemas and says so. After any other error write removes the file.
func (o *reportPage) write(look func() error) error {
	a := o.app
	if o.path == "-" {
		return o.fill(a.Stdout, look)
	}
	f, err := createNew(o.path, "--html")
	if err != nil {
		return err
	}
	err = o.fill(f, look)
	whole := err == nil || tokenctl.CodeOf(err) == tokenctl.CodePartlyDone
	if failed := errors.Join(f.Sync(), f.Close()); whole && failed != nil {
		whole, err = false, undelivered(failed)
	}
	if !whole {
		os.Remove(o.path) //nolint:errcheck // the first error is the one to tell
		return err
	}
	a.say("wrote %s: %s", o.path, &o.found)
	return err
}

// fill fills the page and writes it.
func (o *reportPage) fill(to io.Writer, look func() error) error {
	err := look()
	if err != nil && tokenctl.CodeOf(err) != tokenctl.CodePartlyDone {
		return err
	}
	if err != nil {
		o.page.Heading(2, "", "Not in this report")
		o.page.Text(err.Error())
	}
	if _, failed := o.page.WriteTo(to); failed != nil {
		return undelivered(failed)
	}
	return err
}
