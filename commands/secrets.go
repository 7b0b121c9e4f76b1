package commands

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// mintedStream writes new credentials while they are made. It writes to --out immediately, so that a million of them
// need no memory. It writes to stdout after all are made, because output cannot be taken back.
type mintedStream struct {
	*arrangement
	d        *delivery
	held     bytes.Buffer // text for stdout, or a small text for --out
	replaces bool
	columns  []output.Column
}

// stream begins to write credentials whose secrets have these names. replaces means that each of them replaces another
// one.
func (d *delivery) stream(names []string, single, replaces bool) (*mintedStream, error) {
	d.token = true
	s := &mintedStream{d: d, replaces: replaces}
	if d.format != "" {
		return s, nil
	}
	var to io.Writer = &s.held
	if d.file != nil {
		to = outFile{d}
	}
	var err error
	s.columns = mintedColumns(names, replaces)
	if d.reasons {
		s.columns = append(s.columns, reasonColumn)
	}
	s.arrangement, err = d.arrange(to, names, single, s.columns)
	return s, err
}

// add writes one credential.
func (s *mintedStream) add(m *tokens.Minted) error {
	if s.d.format == "" {
		return s.arrangement.add(ownedSecrets{m.Owner.Username, m.Secrets}, func() []output.Value {
			row := mintedRow(m, s.names, s.replaces)
			if s.d.reasons {
				row = append(row, output.Null())
			}
			return row
		})
	}
	s.held.Write(s.d.shaped(m))
	return nil
}

// deliver ends the stream and returns after everything has been written.
func (s *mintedStream) deliver(ctx context.Context) error {
	if s.arrangement != nil {
		if err := s.close(); err != nil {
			return err
		}
	}
	return s.d.write(ctx, s.held.Bytes())
}

// checkCount returns an error if --format is given and there are several credentials.
func (d *delivery) checkCount(n int) error {
	if d.format != "" && n > 1 {
		return usage("--format is for one credential: it does not name the owner of a secret", "use -o ndjson or csv for several")
	}
	return nil
}

// shaped returns a credential's secrets in the form of --format.
func (d *delivery) shaped(m *tokens.Minted) []byte {
	var b bytes.Buffer
	for _, s := range m.Secrets {
		if d.format == "env" || s.Name != "refresh" { // no header contains a refresh token
			b.WriteString(d.shape(m, s))
		}
	}
	return b.Bytes()
}

// ownedSecrets has the new secrets of one user or credential.
type ownedSecrets struct {
	owner   string
	secrets []tokens.NamedSecret
}

// secretNames returns the names of the secrets, each once.
func secretNames(issued []ownedSecrets) []string {
	var list []string
	for _, b := range issued {
		for _, s := range b.secrets {
			if !slices.Contains(list, s.Name) {
				list = append(list, s.Name)
			}
		}
	}
	return list
}

// named returns the secret with this name as a cell, or null if there is none.
func (b ownedSecrets) named(name string) output.Value {
	for _, s := range b.secrets {
		if s.Name == name {
			return output.String(s.Secret.Reveal())
		}
	}
	return output.Null()
}

// options returns the output options for new secrets. Text is never cut to the terminal's width, because a secret is
// shown only once.
func (d *delivery) options(single bool) output.Options {
	o := d.app.options(single)
	o.Width = 0
	if d.out != "" {
		o.Color = false
		if d.app.global.output == "" {
			o.Format = formatOf(d.out)
		}
	}
	return o
}

// formatOf returns the format for the ending of a file's name.
func formatOf(path string) output.Format {
	if f, err := output.ParseFormat(strings.TrimPrefix(filepath.Ext(path), ".")); err == nil && f != output.Table && f != output.ID {
		return f
	}
	return output.Plain
}

// complete returns an error if the chosen fields leave out secrets, because these are shown only once.
func complete(o output.Options, secrets []string) error {
	fields := o.Columns
	switch {
	case o.Field != "":
		fields = []string{o.Field}
	case o.Format == output.ID:
		fields = []string{"id"}
	}
	if len(fields) == 0 {
		return nil
	}
	lost := slices.DeleteFunc(slices.Clone(secrets), func(name string) bool { return slices.Contains(fields, name) })
	pair := o.Field != "" && len(lost) == len(secrets)-1 && !slices.ContainsFunc(secrets, func(name string) bool { return name != "refresh" && name != "access" })
	if len(lost) == 0 || pair || slices.ContainsFunc(o.Columns, output.Added) {
		return nil
	}
	return leftOut(lost)
}

// leftOut returns the error for secrets that the output does not show.
func leftOut(lost []string) error {
	return usage("this output leaves out the "+strings.Join(lost, " and the ")+", which would be lost", "add the field "+lost[0]+"; tokenctl list shows the rest at any time")
}

// hand delivers the users and their new secrets. Without secrets, and if no form of output asks for the users, there is
// nothing to deliver.
func (d *delivery) hand(ctx context.Context, users []db.User, issued []ownedSecrets, single bool) error {
	names := secretNames(issued)
	if len(names) == 0 && !d.app.asked() {
		return nil
	}
	var b bytes.Buffer
	columns, rows := createdRows(users, issued)
	a, err := d.arrange(&b, names, single, columns)
	if err != nil {
		return err
	}
	for i, owned := range issued {
		if err := a.add(owned, func() []output.Value { return rows[i] }); err != nil {
			return err
		}
	}
	if err := a.close(); err != nil {
		return err
	}
	return d.write(ctx, b.Bytes())
}

func (d *delivery) shape(m *tokens.Minted, s tokens.NamedSecret) string {
	header := m.Of().Header(d.app.settings, s.Secret)
	switch d.format {
	case "header":
		return header + "\n"
	case "curl-config":
		return `header = "` + header + "\"\n"
	}
	return strings.ToUpper(s.Name) + "=" + s.Secret.Reveal() + "\n"
}

// writeNow writes the result inside the transaction, so that a change whose result cannot be written does not happen.
// Without --output, --field, --columns and --jq there is nothing to write.
func (a *App) writeNow(ctx context.Context, columns []output.Column, rows [][]output.Value, single bool) error {
	if !a.asked() {
		return nil
	}
	var b bytes.Buffer
	if err := writeRows(&b, columns, rows, a.options(single)); err != nil {
		return err
	}
	d := delivery{app: a}
	return d.write(ctx, b.Bytes())
}
