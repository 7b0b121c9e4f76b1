package commands

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
)

// reportSchema is the version of a report's JSON.
const reportSchema = 1

// report is the file of --report: what a command did to which rows, without secrets. The
// file is made before anything is changed, so that a path that cannot be written changes
// nothing; it says then that the outcome is unknown, and goes on saying so if the process is
// killed. The report takes its place when the command has ended. If nothing was changed the
// file is removed.
type report struct {
	app     *App
	path    string
	command string
	forms   []string // the endings that the command knows

	// document is the report of a command that has another form; nil: the report has rows.
	// It is also written if nothing was changed.
	document func(r *report, to io.Writer, outcome string) error
}

// reportRow is what was done to one credential or user.
type reportRow struct {
	action   string // "blacklist"
	outcome  string // "done", or why not
	kind, id string
	user     *db.User
	created  time.Time
	expires  time.Time
	replaces string
	reason   string
	schema   string // empty unless the command runs in several
}

// The outcome of a row that was changed as asked, and of one of several of which the database
// says only how many were.
const (
	rowDone    = "done"
	rowUnclear = "unclear"
)

var reportColumns = []output.Column{{Name: "time"}, {Name: "action"}, {Name: "outcome"}, {Name: "kind"}, {Name: "id"}, {Name: "user"},
	{Name: "user_id"}, {Name: "created"}, {Name: "expires"}, {Name: "replaces"}, {Name: "reason"}}

// reporting gives a command that changes rows the flag --report.
func reporting(a *App, c *cobra.Command) *cobra.Command {
	return reportingIn(a, c, ".csv", ".json", ".md")
}

// reportingIn is reporting for files with these endings.
func reportingIn(a *App, c *cobra.Command, forms ...string) *cobra.Command {
	r := &report{app: a, forms: forms}
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
		a.report = r
		return r.finish(run(c, args))
	}
	return c
}

// listed joins words: "a, b or c".
func listed(words []string, last string) string {
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// form is the form of the report by the ending of its name.
func (r *report) form() string { return strings.ToLower(filepath.Ext(r.path)) }

func (r *report) create() error {
	if !slices.Contains(r.forms, r.form()) {
		return usage("--report: "+r.path+" ends in none of "+listed(r.forms, "and"), "the ending says the form: write --report FILE"+r.forms[0])
	}
	f, err := createNew(r.path, "--report")
	if err != nil {
		return err
	}
	r.app.parts = []func(add func(reportRow)){func(add func(reportRow)) {
		add(reportRow{action: r.command, outcome: "unknown", reason: "the command did not end"})
	}}
	err = errors.Join(r.fill(f, "unknown"), f.Sync(), f.Close())
	r.app.parts = nil
	if err != nil {
		os.Remove(r.path) //nolint:errcheck // the first error is the one to tell
		return unwritten(r.path, err)
	}
	return nil
}

// fill writes the report into a file.
func (r *report) fill(f *os.File, outcome string) error {
	w := bufio.NewWriter(f)
	return errors.Join(r.write(w, outcome), w.Flush())
}

// recordUsers adds users to the report. outcome says what became of each.
func (a *App) recordUsers(action string, users func() []db.User, outcome func(*db.User) string) {
	a.record(func(add func(reportRow)) {
		for _, u := range users() {
			add(reportRow{action: action, outcome: outcome(&u), kind: "user", id: u.ID, user: &u})
		}
	})
}

// everyDone is the outcome of users who are changed all or not at all.
func everyDone(*db.User) string { return rowDone }

// recordMinted adds new credentials to the report.
func (a *App) recordMinted(made *announcement) {
	made.keep = a.recording()
	a.record(func(add func(reportRow)) {
		for _, row := range made.rows {
			add(row)
		}
	})
}

// recordChange adds what a change does to a selection to the report.
func (f *credentialChange) recordChange(s *selection) {
	f.app.record(func(add func(reportRow)) {
		listed := map[string]bool{}
		for r := range s.refs.All() {
			c := r.Credential()
			listed[c.ID] = true
			row := reportRow{action: f.verb, outcome: rowDone, kind: c.Kind, id: c.ID, user: r.Owner(), created: c.Created, expires: c.Expires}
			if r.Outcome() != 0 {
				row.outcome, row.reason = "not done", r.WhyUnchanged(f.verb).Message
			}
			add(row)
		}
		for _, v := range s.voided {
			add(reportRow{action: f.verb, outcome: rowDone, kind: "denylist", id: v.ID, user: &v.User})
		}
		for _, o := range s.missing {
			if o.refs == nil && o.id != "" && !listed[o.id] {
				add(reportRow{action: f.verb, outcome: "not done", id: o.id, reason: o.err.Message})
			}
		}
	})
}

// record adds rows to the report and to the journal. It is called before the transaction that
// changes them. The function rows is called when that has changed them, for the journal, and
// when the command has ended, for the report.
func (a *App) record(rows func(add func(reportRow))) {
	if !a.recording() {
		return
	}
	part := rows
	if a.schemas != nil {
		schema := a.schemas.name
		part = func(add func(reportRow)) {
			rows(func(row reportRow) {
				row.schema = schema
				add(row)
			})
		}
	}
	a.parts = append(a.parts, part)
}

// recording reports whether somebody wants to know of each row what is done to it.
func (a *App) recording() bool { return a.report != nil || a.journal != nil }

// finish writes the report, or removes it if nothing was changed. err is how the command
// ended.
func (r *report) finish(err error) error {
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
func (r *report) rows(outcome string, add func(reportRow) error) (err error) {
	for _, part := range r.app.parts {
		part(func(row reportRow) {
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
