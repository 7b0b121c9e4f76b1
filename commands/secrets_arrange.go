package commands

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"tokenctl/output"
	"tokenctl/tokens"
)

// arrangement writes new secrets, one owner or credential after the other. A single secret is written alone, so that
// TOKEN=$(tokenctl mint alice) works. Several secrets of one owner get a label each. Secrets of several owners are rows
// of owner and secrets. Rows of several kinds have a header, and also the kind and the id. With --output, --columns,
// --field and --jq they are objects.
type arrangement struct {
	to      io.Writer
	names   []string       // of the secrets
	asked   bool           // an output format was chosen
	objects bool           // the rows are objects
	rows    *output.Writer // nil: the secrets of a single owner, alone or with labels
	query   *queried       // nil without --jq
}

// arrange begins an arrangement of secrets with these names on a writer. columns are the columns of the objects.
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

// add adds the secrets of one owner. object returns the row for --output.
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

// close writes the rest.
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

// queried is the result of --jq for new secrets. It is written only after a check that it has all secrets, because a
// missing secret would be lost.
type queried struct {
	to      io.Writer
	text    bytes.Buffer
	secrets [][]tokens.NamedSecret // of each credential
}

// close checks and writes the text. One secret of a pair of JWTs is enough, as with --field.
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

func isPair(secrets []tokens.NamedSecret) bool {
	return !slices.ContainsFunc(secrets, func(s tokens.NamedSecret) bool { return s.Name != "refresh" && s.Name != "access" })
}
