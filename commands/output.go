package commands

import (
	"context"
	"io"
	"strconv"

	"tokenctl/output"
)

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
