package commands

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
)

// reportFileSchema is the version of the JSON of a report file.
const reportFileSchema = 1

// reportFile is the file of --report: what a command did to which rows, without secrets. The command makes the
// file before it changes anything, so that a path that cannot be written changes nothing. Until the command has
// ended, the file says that the outcome is unknown; it still says so if the process is killed. At the end the
// result replaces this text. If nothing was changed, the file is removed.
type reportFile struct {
	app     *App
	path    string
	command string
	forms   []string // the endings that the command knows

	// document writes the content for a command whose report file has no rows; nil: it has rows.
	// Such a file is also written if nothing was changed.
	document func(r *reportFile, to io.Writer, outcome string) error
}

var reportFileColumns = []output.Column{{Name: "time"}, {Name: "action"}, {Name: "outcome"}, {Name: "kind"}, {Name: "id"}, {Name: "user"},
	{Name: "user_id"}, {Name: "created"}, {Name: "expires"}, {Name: "replaces"}, {Name: "reason"}}

// withReportFile gives a command that changes rows the flag --report.
func withReportFile(a *App, c *cobra.Command) *cobra.Command {
	return withReportFileIn(a, c, ".csv", ".json", ".md")
}

// withReportFileIn does the same for files with these endings.
func withReportFileIn(a *App, c *cobra.Command, forms ...string) *cobra.Command {
	r := &reportFile{app: a, forms: forms}
	c.Flags().StringVar(&r.path, "report", "", "write what was done to the new `FILE`, mode 0600: "+listed(forms, "or"))
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if r.path == "" {
			return run(c, args)
		}
		r.command = strings.TrimPrefix(c.CommandPath(), "tokenctl ")
		if err := r.create(); err != nil {
			return err
		}
		a.reportFile = r
		return r.finish(run(c, args))
	}
	return c
}

// listed joins words: "a, b or c".
func listed(words []string, last string) string {
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// form is the form of the file by the ending of its name.
func (r *reportFile) form() string { return strings.ToLower(filepath.Ext(r.path)) }

func (r *reportFile) create() error {
	if !slices.Contains(r.forms, r.form()) {
		return usage("--report: "+r.path+" ends in none of "+listed(r.forms, "and"), "the ending says the form: write --report FILE"+r.forms[0])
	}
	f, err := createNew(r.path, "--report")
	if err != nil {
		return err
	}
	r.app.recorded = []recordedPart{func(add func(recordedRow)) {
		add(recordedRow{action: r.command, outcome: "unknown", reason: "the command did not end"})
	}}
	err = errors.Join(r.fill(f, "unknown"), f.Sync(), f.Close())
	r.app.recorded = nil
	if err != nil {
		os.Remove(r.path) //nolint:errcheck // the first error is the one to tell
		return unwritten(r.path, err)
	}
	return nil
}

// fill writes the content into a file.
func (r *reportFile) fill(f *os.File, outcome string) error {
	w := bufio.NewWriter(f)
	return errors.Join(r.write(w, outcome), w.Flush())
}

// finish writes the file, or removes it if nothing was changed. err is how the command
// ended.
func (r *reportFile) finish(err error) error {
	unknown := tokenctl.CodeOf(err) == tokenctl.CodeOutcomeUnknown
	looked := r.document != nil && (err == nil || errors.Is(err, errNo))
	if !r.app.outcome.changed && r.app.schemas.standing() == "" && !unknown && !looked {
		if os.Remove(r.path) == nil {
			r.app.say("nothing was done; %s was removed", r.path)
		}
		return err
	}
	outcome := rowDone
	switch {
	case unknown:
		outcome = "unknown"
	case err != nil && !errors.Is(err, errNo):
		outcome = "partly"
	}
	var failed *tokenctl.Error
	if !errors.As(replaceFile(r.path, func(f *os.File) error { return r.fill(f, outcome) }), &failed) {
		r.app.say("wrote what was done to %s", r.path)
		return err
	}
	r.app.say("note: %s still says that the outcome is unknown: %s", r.path, tokenctl.Reason(failed.Err))
	if failed.Hint = "the change itself was made"; err == nil {
		err = failed
	}
	return err
}

// rows yields the rows of all parts. If the outcome is unknown, so is that of each row.
func (r *reportFile) rows(outcome string, add func(recordedRow) error) (err error) {
	for _, part := range r.app.recorded {
		part(func(row recordedRow) {
			if outcome == "unknown" && row.outcome == rowDone && (r.app.schemas == nil || r.app.schemas.name == row.schema) {
				row.outcome = outcome
			}
			if err == nil {
				err = add(row)
			}
		})
	}
	return err
}
