package commands

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"tokenctl/output"
	"tokenctl/tokens"
)

// render shapes minted credentials.
func (d *delivery) render(minted []tokens.Minted, single bool) ([]byte, error) {
	d.token = true
	if d.format != "" {
		if len(minted) > 1 {
			return nil, usage("--format is for one credential: it does not say whose a secret is", "use -o ndjson or csv for several")
		}
		var b bytes.Buffer
		for _, m := range minted {
			for _, s := range m.Secrets {
				if d.format == "env" || s.Name != "refresh" { // that goes into no header
					b.WriteString(d.shape(m, s))
				}
			}
		}
		return b.Bytes(), nil
	}
	var bundles []bundle
	for _, m := range minted {
		bundles = append(bundles, bundle{m.Owner.Username, m.Secrets})
	}
	return d.arrange(bundles, single, func() ([]output.Column, [][]output.Value) { return mintedRows(minted) })
}

// bundle is the new secrets of one user or credential.
type bundle struct {
	owner   string
	secrets []tokens.Named
}

// secretNames are what the secrets of the bundles are called, each once.
func secretNames(bundles []bundle) []string {
	var list []string
	for _, b := range bundles {
		for _, s := range b.secrets {
			if !slices.Contains(list, s.Name) {
				list = append(list, s.Name)
			}
		}
	}
	return list
}

// named is the secret of that name as a cell, null where there is none.
func (b bundle) named(name string) output.Value {
	for _, s := range b.secrets {
		if s.Name == name {
			return output.String(s.Secret.Reveal())
		}
	}
	return output.Null()
}

// options are the output options for new secrets. Nothing is cut to the
// terminal's width: what is cut off is lost.
func (d *delivery) options(single bool) output.Options {
	o := d.app.options(single)
	o.Width = 0
	if d.out != "" {
		o.Color = false
		if d.app.global.output == "" {
			o.Format = output.Plain
		}
	}
	return o
}

// complete refuses a choice of fields that leaves the secrets out: they are
// shown only once.
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
	if len(lost) == 0 {
		return nil
	}
	return usage("this output leaves out the "+strings.Join(lost, " and the ")+", which would be lost", "add the field "+lost[0]+"; tokenctl list shows the rest at any time")
}

// arrange shapes new secrets. A secret that is the only one stands alone, so
// that TOKEN=$(tokenctl mint alice) works; several secrets of one owner have a
// label each; those of several owners are rows of owner and secrets. table gives
// the objects for --output, --columns and --field.
func (d *delivery) arrange(bundles []bundle, single bool, table func() ([]output.Column, [][]output.Value)) ([]byte, error) {
	var b bytes.Buffer
	switch {
	case d.app.asked():
		o := d.options(single)
		if err := complete(o, secretNames(bundles)); err != nil {
			return nil, err
		}
		columns, rows := table()
		err := writeRows(&b, columns, rows, o)
		return b.Bytes(), err
	case single && len(bundles[0].secrets) == 1:
		d.bare = true
		b.WriteString(bundles[0].secrets[0].Secret.Reveal() + "\n")
		return b.Bytes(), nil
	case single:
		for _, s := range bundles[0].secrets {
			b.WriteString(s.Name + ": " + s.Secret.Reveal() + "\n")
		}
		return b.Bytes(), nil
	}
	columns := []output.Column{{Name: "user"}}
	for _, name := range secretNames(bundles) {
		columns = append(columns, output.Column{Name: name})
	}
	w, err := output.NewWriter(&b, columns, output.Options{Format: output.Plain})
	if err != nil {
		return nil, err
	}
	for _, owned := range bundles {
		row := []output.Value{output.String(owned.owner)}
		for _, c := range columns[1:] {
			row = append(row, owned.named(c.Name))
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

func (d *delivery) shape(m tokens.Minted, s tokens.Named) string {
	header := m.Of().Header(d.app.settings, s.Secret)
	switch d.format {
	case "header":
		return header + "\n"
	case "curl-config":
		return `header = "` + header + "\"\n"
	}
	return upper(s.Name) + "=" + s.Secret.Reveal() + "\n"
}

// writeNow writes what was asked for inside a transaction, so that a change whose
// result nobody got does not happen. Without --output, --field or --columns there
// is nothing to write.
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
