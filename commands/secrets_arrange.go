package commands

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"tokenctl/output"
	"tokenctl/tokens"
)

// arrangement shapes new secrets, one owner or credential after the other. A
// secret that is the only one stands alone, so that TOKEN=$(tokenctl mint alice)
// works; several secrets of one owner have a label each; those of several owners
// are rows of owner and secrets. Rows of several kinds have a header, and tell the
// kind and the id too. With --output, --columns, --field and --jq they are objects.
type arrangement struct {
	to      io.Writer
	names   []string       // what the secrets are called
	asked   bool           // for a form
	objects bool           // rows are made of the objects
	rows    *output.Writer // nil: a single one's secrets, alone or labelled
	query   *queried       // nil without --jq
}

// arrange begins an arrangement of secrets with these names on a writer. columns
// are those of the objects.
func (d *delivery) arrange(to io.Writer, names []string, single bool, columns []output.Column) (*arrangement, error) {
	a := &arrangement{to: to, names: names, asked: d.app.asked() || d.format == "" && formatOf(d.out) != output.Plain}
	a.objects = a.asked || d.kinds
	var err error
	switch {
	case a.asked:
		o := d.options(single)
		if o.Query != nil {
			a.query = &queried{to: to}
			to = &a.query.text
		}
		if a.rows, err = output.NewWriter(to, columns, o); err == nil {
			err = complete(o, names)
		}
	case d.kinds:
		o := output.Options{Format: output.TSV, Columns: slices.Concat([]string{"user", "kind", "id"}, names)}
		a.rows, err = output.NewWriter(to, columns, o)
	case single:
		d.bare = len(names) == 1
	default:
		columns := []output.Column{{Name: "user"}}
		for _, name := range names {
			columns = append(columns, output.Column{Name: name})
		}
		a.rows, err = output.NewWriter(to, columns, output.Options{Format: output.Plain, Parts: d.app.schemas.parts()})
	}
	return a, err
}

// add adds the secrets of one owner; object is asked for what --output shows.
func (a *arrangement) add(b ownedSecrets, object func() []output.Value) error {
	if a.query != nil {
		a.query.secrets = append(a.query.secrets, b.secrets)
	}
	switch {
	case a.objects:
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
	err := a.rows.Close()
	if err == nil && a.query != nil {
		err = a.query.close()
	}
	return err
}

// queried is what --jq made of new secrets. It is kept back until it is known that no
// secret is missing, which would be lost.
type queried struct {
	to      io.Writer
	text    bytes.Buffer
	secrets [][]tokens.Named // of each credential
}

// close hands the text over. Of the pair of a JWT one is enough, as with --field.
func (q *queried) close() error {
	words := map[string]bool{}
	for word := range bytes.FieldsFuncSeq(q.text.Bytes(), func(r rune) bool { return r <= ' ' || strings.ContainsRune("\"',:;=|", r) }) {
		words[string(word)] = true
	}
	for _, secrets := range q.secrets {
		var lost []string
		for _, s := range secrets {
			if text := s.Secret.Reveal(); !words[text] && !bytes.Contains(q.text.Bytes(), []byte(text)) {
				lost = append(lost, s.Name)
			}
		}
		if len(lost) > 0 && (len(lost) == len(secrets) || !isPair(secrets)) {
			return leftOut(lost)
		}
	}
	_, err := q.text.WriteTo(q.to)
	return err
}

func isPair(secrets []tokens.Named) bool {
	return !slices.ContainsFunc(secrets, func(s tokens.Named) bool { return s.Name != "refresh" && s.Name != "access" })
}
