package commands

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
)

// checkGlobals validates the flags that every command has, and sets the
// limit for the whole command.
func (a *App) checkGlobals(c *cobra.Command) error {
	g := &a.global
	a.forces = c.Flags().Lookup("force") != nil
	keepGoing := c.Flags().Lookup("keep-going")
	a.keepGoing = keepGoing != nil && keepGoing.Value.String() == "true"
	if g.output != "" && (g.output != sarif || c.Annotations[sarif] == "") {
		if _, err := output.ParseFormat(g.output); err != nil {
			g.output = ""
			return usage(err.Error(), "")
		}
	}
	if g.color != "auto" && g.color != "always" && g.color != "never" {
		return usage("--color is auto, always or never", "")
	}
	if err := exclusiveFlags(c); err != nil {
		return err
	}
	if format := output.Format(g.output); g.query != nil && format != "" && format != output.JSON && format != output.NDJSON {
		return usage("--jq takes JSON and does not go with -o "+g.output, "leave out -o, or write -o json or -o ndjson")
	}
	if err := a.checkFields(c); err != nil {
		return err
	}
	if g.maxTime > 0 {
		time.AfterFunc(g.maxTime, func() {
			a.stop(&tokenctl.Error{Code: tokenctl.CodeTimeout, Message: "--max-time was reached", Hint: "allow more with --max-time"})
		})
	}
	if c.Annotations[pagedOutput] != "" && !c.Flags().Changed("watch") {
		a.startPaging()
	}
	a.Stdout = patient{c.Context(), a.Stdout}
	a.learn(false)
	return nil
}

// patient is a writer whose reader may take its time, but not longer than ctx.
type patient struct {
	ctx context.Context
	to  io.Writer
}

// Write implements io.Writer.
func (w patient) Write(p []byte) (int, error) {
	return await(w.ctx, func() (int, error) { return w.to.Write(p) })
}

// options are the output options for a command's rows.
func (a *App) options(single bool) output.Options {
	o := output.Options{Format: output.Format(a.global.output), Columns: a.global.columns, Field: a.global.field, Query: a.global.query,
		NoHeaders: a.global.noHeaders, Single: single, CSVRaw: a.global.csvRaw, Parts: a.schemas.parts(), Color: a.colored(a.Term.Stdout), Now: a.Now()}
	if a.Term.Stdout {
		o.Width = a.width()
	}
	switch {
	case o.Format != "":
	case o.Query != nil:
		o.Format = output.JSON
	case a.Term.Stdout:
		o.Format = output.Table
	default:
		o.Format = output.Plain
	}
	return o
}

// previewOptions are the output options for rows on stderr, which a person reads before
// answering a question.
func (a *App) previewOptions() output.Options {
	o := output.Options{Format: output.Table, Color: a.colored(a.Term.Stderr), Now: a.Now()}
	if a.Term.Stderr {
		o.Width = a.width()
	}
	return o
}

// width is how wide the terminal is.
func (a *App) width() int {
	if columns, err := strconv.Atoi(a.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	return a.Term.Width
}

// asked reports whether the caller chose a form for the result, rather than
// leave it to the command.
func (a *App) asked() bool {
	g := &a.global
	return g.output != "" || g.field != "" || g.columns != nil || g.query != nil
}

// write writes all rows to stdout. single is for a command that was asked about
// one thing: JSON is an object then.
func (a *App) write(columns []output.Column, rows [][]output.Value, single bool) error {
	return writeRows(a.Stdout, columns, rows, a.options(single))
}

// writeAsked writes the rows of a command that says on stderr what it has done, if a form of output asks for
// them.
func (a *App) writeAsked(columns []output.Column, rows [][]output.Value, single bool) error {
	if !a.asked() {
		return nil
	}
	return a.write(columns, rows, single)
}

// writeDryRun writes the result of --dry-run: the rows, and on stderr what would be done.
func (a *App) writeDryRun(columns []output.Column, rows [][]output.Value, single bool, verb, what string) error {
	if err := a.write(columns, rows, single); err != nil {
		return err
	}
	a.say("dry run: would %s %s in %s", verb, what, a.databaseName())
	return nil
}

func writeRows(to io.Writer, columns []output.Column, rows [][]output.Value, o output.Options) error {
	w, err := output.NewWriter(to, columns, o)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Close()
}

// dateValue is a flag that takes a date or an age. now is asked when the flag
// is used, so that all flags of a command agree with the rest of it.
type dateValue struct {
	text string
}

func (d dateValue) given() bool { return d.text != "" } // emptyFlag refuses an empty one

// resolve returns the moment: ISO 8601, where a date without a time is its
// midnight in UTC, or an age such as 90d, which is that long before now, or
// after it when ahead.
func (d dateValue) resolve(flag string, now time.Time, ahead bool) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, d.text); err == nil {
			if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
				return t, usage(fmt.Sprintf("--%s: %s lies outside the years 1 to 9999, as Django has them", flag, d.text), "")
			}
			return t, nil
		}
	}
	age, err := tokenctl.ParseDuration(d.text)
	if err != nil {
		return time.Time{}, usage(fmt.Sprintf("--%s: %q is neither a date nor a duration", flag, d.text), "write 2026-11-22, 2026-11-22T15:04:05Z, or a duration like "+tokenctl.DurationForms)
	}
	if ahead {
		return now.Add(age), nil
	}
	return now.Add(-age), nil
}
