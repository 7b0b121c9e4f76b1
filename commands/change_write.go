package commands

import (
	"fmt"
	"io"
	"slices"

	"tokenctl"
	"tokenctl/output"
	"tokenctl/tokens"
)

// write writes the credentials that f reports on. after sets a credential to its state after the change, and
// returns false for a credential to leave out. With --keep-going a row with the reason follows for each offence.
func (f *credentialChange) write(s *selection, to io.Writer, o output.Options, after func(*tokens.Ref, *tokens.Credential) bool) error {
	columns := f.columns(credentialColumns)
	w, err := output.NewWriter(to, columns, o)
	if err != nil {
		return err
	}
	for r := range s.refs.All() {
		c := r.Credential()
		if !after(r, &c) {
			continue
		}
		if err := w.Write(f.row(credentialRow(&c))); err != nil {
			return err
		}
	}
	if err := f.writeOffenders(s, columns, w.Write); err != nil {
		return err
	}
	return w.Close()
}

// conclude writes the result if a form of output asks for it, and ends the command. n is the number of changed
// credentials.
func (f *credentialChange) conclude(s *selection, n int) error {
	if f.result != nil && f.app.asked() {
		if err := f.write(s, f.app.Stdout, f.app.options(s.single), f.result); err != nil {
			return err
		}
	}
	return f.partly(s, n)
}

// rehearse runs --jq on the result while the transaction can still be undone.
func (f *credentialChange) rehearse(s *selection) error {
	if f.result == nil || f.app.global.query == nil {
		return nil
	}
	return f.write(s, io.Discard, f.app.options(s.single), f.result)
}

// columns returns the columns of the result. With --keep-going the last one is the reason.
func (f *credentialChange) columns(columns []output.Column) []output.Column {
	if f.keepGoing {
		columns = append(slices.Clone(columns), reasonColumn)
	}
	return columns
}

// row returns a row of the result. With --keep-going its reason is null.
func (f *credentialChange) row(row []output.Value) []output.Value {
	if f.keepGoing {
		row = append(row, output.Null())
	}
	return row
}

// writeOffenders writes a row for each thing that could not be done, if --keep-going is set and a form of
// output asks for rows.
func (f *credentialChange) writeOffenders(s *selection, columns []output.Column, write func([]output.Value) error) error {
	if !f.keepGoing || !f.app.asked() {
		return nil
	}
	for _, o := range s.missing {
		row := make([]output.Value, len(columns))
		row[len(row)-1] = output.String(tokens.Hide(o.err.Message))
		if o.refs == nil {
			if o.id == "" && f.app.options(false).Format == output.ID {
				continue // a secret that belongs to no credential has no id
			}
			row[0] = output.OptString(o.id)
			if err := write(row); err != nil {
				return err
			}
			continue
		}
		for _, r := range o.refs {
			c := r.Credential()
			copy(row, credentialRow(&c))
			if err := write(slices.Clone(row)); err != nil {
				return err
			}
		}
	}
	return nil
}

// showDryRun writes the result of --dry-run: the selected credentials, in the form that the options ask for.
func (f *credentialChange) showDryRun(s *selection) error {
	n := s.refs.Len()
	if err := f.write(s, f.app.Stdout, f.app.options(s.single && n == 1), func(*tokens.Ref, *tokens.Credential) bool { return true }); err != nil {
		return err
	}
	f.app.say("dry run: would %s %s in %s", f.verb, count(n, "credential"), f.app.databaseName())
	more := s.voiding()
	if f.question != nil {
		more = f.question(s)
	}
	if more != "" {
		f.app.say("note: %s", more)
	}
	return f.partly(s, n)
}

// writeNone writes the result of a command that has nothing to do: an empty list, if a form of output asks for
// it.
func (a *App) writeNone() error { return a.writeAsked(credentialColumns, nil, false) }

// partly returns an error with the reason for each part of a change that was not done. If the command did
// something, the code is CodePartlyDone. It returns nil if everything was done.
func (f *credentialChange) partly(s *selection, done int) error {
	if len(s.missing) == 0 {
		return nil
	}
	if done == 0 {
		return offences(s.missing)
	}
	var reasons []string
	total := done
	for _, o := range s.missing {
		reasons = append(reasons, o.err.Message)
		total += o.count()
	}
	return &tokenctl.Error{Code: tokenctl.CodePartlyDone, Message: fmt.Sprintf("%d of %d were done; not done: %s", done, total, firstOf(reasons, "; "))}
}
