package commands

import (
	"io"

	"tokenctl/output"
)

// arrangement shapes new secrets, one owner or credential after the other. A
// secret that is the only one stands alone, so that TOKEN=$(tokenctl mint alice)
// works; several secrets of one owner have a label each; those of several owners
// are rows of owner and secrets. With --output, --columns and --field they are
// objects.
type arrangement struct {
	to    io.Writer
	names []string       // what the secrets are called
	asked bool           // for a form
	rows  *output.Writer // nil: a single one's secrets, alone or labelled
}

// arrange begins an arrangement of secrets with these names on a writer. columns
// are those of the objects.
func (d *delivery) arrange(to io.Writer, names []string, single bool, columns []output.Column) (*arrangement, error) {
	a := &arrangement{to: to, names: names, asked: d.app.asked() || d.format == "" && formatOf(d.out) != output.Plain}
	var err error
	switch {
	case a.asked:
		o := d.options(single)
		if a.rows, err = output.NewWriter(to, columns, o); err == nil {
			err = complete(o, names)
		}
	case single:
		d.bare = len(names) == 1
	default:
		columns := []output.Column{{Name: "user"}}
		for _, name := range names {
			columns = append(columns, output.Column{Name: name})
		}
		a.rows, err = output.NewWriter(to, columns, output.Options{Format: output.Plain})
	}
	return a, err
}

// add adds the secrets of one owner; object is asked for what --output shows.
func (a *arrangement) add(b ownedSecrets, object func() []output.Value) error {
	switch {
	case a.asked:
		return a.rows.Write(object())
	case a.rows != nil:
		row := []output.Value{output.String(b.owner)}
		for _, name := range a.names {
			row = append(row, b.named(name))
		}
		return a.rows.Write(row)
	}
	for _, s := range b.secrets {
		label := s.Name + ": "
		if len(a.names) == 1 {
			label = ""
		}
		if _, err := io.WriteString(a.to, label+s.Secret.Reveal()+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// close writes what is left.
func (a *arrangement) close() error {
	if a.rows == nil {
		return nil
	}
	return a.rows.Close()
}
