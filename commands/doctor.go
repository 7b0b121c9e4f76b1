package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clipperhouse/displaywidth"
	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/output"
)

// The statuses of a finding. Warnings and problems make the exit status 4.
const (
	statusOK      = "ok"
	statusInfo    = "info"
	statusWarning = "warning"
	statusProblem = "problem"
)

// finding is one row of doctor's output.
type finding struct{ check, status, found, fix string }

var doctorColumns = []output.Column{{Name: "check", Decides: true}, {Name: "status", Decides: true, Colors: map[string]string{
	statusOK: green, statusWarning: yellow, statusProblem: red}}, {Name: "found", Whole: true}, {Name: "fix", Whole: true}}

func newDoctor(a *App) *cobra.Command {
	readOnly, problems := false, false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Show what was detected and what is wrong, each with a fix",
		Long: `Show what tokenctl detects in the database, in the settings and on the way to the
server, and what is wrong, each with a fix. Nothing is changed.

The status of a check is ok; info, which is neither good nor bad; warning, if
something works but is unsafe or surprising; or problem, if something does not
work. The exit status is 4 if there is a warning or a problem, and 0 otherwise.
It is 7 if the database cannot be reached, as for every command.

tokenctl works with the indexes that Django makes. If a table is large and
another index would help, doctor shows the statement that creates it.

With --problems, and with --quiet, only warnings and problems are shown.

With --read-only the role only needs to read: doctor does not report anything
that matters only for changes.

The versions in django_migrations are lower bounds: a release that changes no
table leaves no trace.`,
		Example: `  tokenctl doctor
  tokenctl doctor -d postgresql://admin@localhost/app
  tokenctl doctor --problems
  tokenctl doctor --read-only
  tokenctl doctor -o json | jq '.[] | select(.status == "problem")'`,
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), readOnly, problems) },
	}
	c.Flags().BoolVar(&problems, "problems", false, "show only warnings and problems, as --quiet does")
	c.Flags().BoolVar(&readOnly, "read-only", false, "for a role that may only read: check only what list, show and verify need")
	return c
}

func (a *App) doctor(ctx context.Context, readOnly, problems bool) error {
	t, err := a.resolveTarget()
	if err != nil {
		return err
	}
	store, err := a.openTarget(t)
	if err != nil {
		return err
	}
	d := &doctor{app: a, ctx: ctx, readOnly: readOnly, lacks: map[*engine.Table][]string{}}
	d.ok("database", "%s, from %s", t, a.databaseSource)
	d.password()
	d.passfile()
	d.settings()
	if err := d.sessionCache(); err != nil {
		return err
	}
	if err := d.denylist(); err != nil {
		return err
	}
	if err := store.Inspect(ctx, func(tx *db.Tx, unknown error) error { return d.inspect(tx, t, unknown) }); err != nil {
		return err
	}
	if problems || a.global.quiet {
		d.findings = slices.DeleteFunc(d.findings, func(f finding) bool { return f.status != statusWarning && f.status != statusProblem })
	}
	if err := d.write(); err != nil {
		return err
	}
	return d.verdict()
}

// doctor collects findings. Its transaction ends before they are written.
type doctor struct {
	app      *App
	ctx      context.Context
	readOnly bool // the role only needs to read
	auditor  bool // the role reads through the views of tokenctl grants, and changes nothing
	findings []finding
	// lacks are the statements that are not possible on tables, because of a privilege or of a view.
	lacks    map[*engine.Table][]string
	readsAll bool // the whole database is read-only
}

func (d *doctor) add(check, status, found, fix string) {
	d.findings = append(d.findings, finding{check, status, found, fix})
}

func (d *doctor) ok(check, format string, args ...any) {
	d.add(check, statusOK, fmt.Sprintf(format, args...), "")
}

func (d *doctor) info(check, format string, args ...any) {
	d.add(check, statusInfo, fmt.Sprintf(format, args...), "")
}

// try runs one check. If the check fails, that is a problem, and the other checks continue. It returns only
// errors that end the command.
func (d *doctor) try(tx *db.Tx, check string, f func() error) error {
	return d.fail(check, tx.Try(d.ctx, f))
}

// bounded is try for a check that reads whole tables.
func (d *doctor) bounded(tx *db.Tx, check string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(d.ctx, orphanTime)
	defer cancel()
	err := tx.Try(d.ctx, func() error { return f(ctx) })
	if err != nil && ctx.Err() != nil && d.ctx.Err() == nil {
		d.info(check, "not all rows checked: that would take longer than %s", orphanTime)
		return nil
	}
	return d.fail(check, err)
}

// fail adds an error as a problem.
func (d *doctor) fail(check string, err error) error {
	var e *tokenctl.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e), e.Code == tokenctl.CodeDatabaseUnreachable:
		return err
	}
	// The missing grant is among the findings already, or the role shall not have it.
	if e.Code == tokenctl.CodePermissionDenied && (d.auditor || slices.ContainsFunc(d.findings, func(f finding) bool { return f.check == "privileges" && f.fix != "" })) {
		d.info(check, "unknown: %s", e.Message)
		return nil
	}
	d.add(check, statusProblem, e.Message, e.Hint)
	return nil
}

func (d *doctor) inspect(tx *db.Tx, t engine.Target, unknown error) error {
	var err error
	if t.Engine == engine.SQLite {
		err = d.sqlite(tx, t.Path)
	} else {
		err = d.postgres(tx)
	}
	if err != nil {
		return err
	}
	var e *tokenctl.Error
	if unknown != nil {
		if !errors.As(unknown, &e) {
			return unknown
		}
		d.add("layout", statusProblem, e.Message, e.Hint)
		return nil
	}
	if errors.As(tx.Layout.Empty(), &e) {
		d.add("layout", statusProblem, e.Message, e.Hint)
		return nil
	}
	var applied map[string][]string
	if err := d.try(tx, "django_migrations", func() (err error) {
		applied, err = tx.AppliedMigrations(d.ctx)
		return err
	}); err != nil {
		return err
	}
	if err := d.users(tx); err != nil {
		return err
	}
	if err := d.tables(tx); err != nil {
		return err
	}
	if err := d.try(tx, "indexes", func() error { return d.indexes(tx) }); err != nil {
		return err
	}
	d.kinds(tx.Layout, applied)
	if err := d.application(tx); err != nil {
		return err
	}
	d.peers(applied)
	return nil
}

// verdict returns errNo if there is a warning or a problem.
func (d *doctor) verdict() error {
	counts := map[string]int{}
	for _, f := range d.findings {
		counts[f.status]++
	}
	bad := counts[statusWarning]+counts[statusProblem] > 0
	if d.app.Term.Stdout {
		if bad {
			d.app.say("%s, %s in %s", count(counts[statusProblem], "problem"), count(counts[statusWarning], "warning"), d.app.databaseName())
		} else {
			d.app.say("nothing is wrong in %s", d.app.databaseName())
		}
	}
	if bad {
		return errNo
	}
	return nil
}

func (d *doctor) write() error {
	a := d.app
	o := a.options(false)
	if o.Parts == nil && o.Format == output.Table && o.Width > 0 && o.Field == "" && len(o.Columns) == 0 {
		if rows, fits := d.wrapped(o.Width); fits {
			return a.write(doctorColumns[:3], rows, false)
		}
	}
	return a.write(doctorColumns, rowsOf(d.findings, func(f *finding) []output.Value {
		return []output.Value{output.String(f.check), output.String(f.status), output.String(f.found), output.OptString(f.fix)}
	}), false)
}

// wrapped returns the table for a terminal: the finding on as many lines as it needs, and the fix below it,
// because nobody can use a fix that is cut. fits is false if the terminal is too narrow.
func (d *doctor) wrapped(width int) (rows [][]output.Value, fits bool) {
	check, status := len("CHECK"), len("STATUS")
	for _, f := range d.findings {
		check, status = max(check, len(f.check)), max(status, len(f.status))
	}
	width -= check + status + 2*len("  ")
	for _, f := range d.findings {
		lines := output.Wrap(output.Visible(f.found), width)
		if f.fix != "" {
			lines = slices.Concat(lines, output.Wrap("fix: "+output.Visible(f.fix), width))
		}
		check, status := f.check, f.status
		for _, line := range lines {
			if displaywidth.String(line) > width {
				return nil, false
			}
			rows = append(rows, []output.Value{output.String(check), output.String(status), output.String(line)})
			check, status = "", ""
		}
	}
	return rows, true
}
