package commands

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tokenctl/output"
	"tokenctl/tokens"
)

// leakedKeys is --signing-key: what leaked keys are worth, and the order of work. It changes
// nothing: the keys are in the application's settings.
func (o *incidentOptions) leakedKeys(ctx context.Context) error {
	a := o.app
	store, err := a.open()
	if err != nil {
		return err
	}
	keys, err := tokens.LeakedKeys(ctx, a.env(), store)
	if err != nil {
		return err
	}
	incidentFile{row: func() []output.Value { return keysRow(keys) }, sections: func() []section { return keySections(keys) }}.document(a)
	if err := a.writeIncident(keysRow(keys), func(to io.Writer, _ output.Options) error { return sayKeys(to, keys) }); err != nil {
		return err
	}
	return errNo
}

// keyExposure is the leaked key as one.
func keyExposure(k tokens.LeakedKey) *tokens.Exposure {
	return &tokens.Exposure{What: tokens.SigningKey, ID: k.Name, Certain: k.Proven, Text: "whoever has the key makes credentials", Lever: tokens.Lever{Name: tokens.LeverChangeKey}}
}

// keysRow is the object of --signing-key. The notes of its subject say what can be forged, and
// then the order of work.
func keysRow(keys []tokens.LeakedKey) []output.Value {
	var notes []string
	var residual []output.Value
	for _, k := range keys {
		for _, text := range k.Forges {
			notes = append(notes, k.Name+" forges "+text)
		}
		for i, text := range k.Steps {
			notes = append(notes, fmt.Sprintf("%s, step %d: %s", k.Name, i+1, text))
		}
		residual = append(residual, object(residualColumns, exposureRow(keyExposure(k), k.LogsOut)))
	}
	subject := make([]output.Value, len(subjectColumns))
	subject[len(subject)-1] = output.Strings(notes)
	return []output.Value{output.Int(incidentSchema), object(subjectColumns, subject), output.List(nil), output.List(nil), output.List(residual), output.List(nil), output.Bool(false)}
}

// keyLines are a key for people: what it is worth, what another one costs, and the order of work.
func keyLines(k tokens.LeakedKey) (title string, lines []string) {
	title = "leaked: " + k.Name + "; nothing that is stored proves that the configured one is the application's"
	if k.Proven {
		title = "leaked: " + k.Name + ", which signed what is stored"
	}
	for _, what := range k.Forges {
		lines = append(lines, "forges: "+what)
	}
	cost := "how many users another key logs out is not known"
	if k.LogsOut != nil {
		cost = "another key logs out " + count(*k.LogsOut, "user")
		if k.Name == "SECRET_KEY" {
			cost += " without SECRET_KEY_FALLBACKS"
		}
	}
	lines = append(lines, cost)
	for i, step := range k.Steps {
		lines = append(lines, strconv.Itoa(i+1)+". "+step)
	}
	return title, lines
}

func sayKeys(to io.Writer, keys []tokens.LeakedKey) error {
	var b strings.Builder
	for _, k := range keys {
		title, lines := keyLines(k)
		b.WriteString(title + "\n")
		for _, line := range lines {
			b.WriteString("  " + line + "\n")
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// keySections are the keys for a report file.
func keySections(keys []tokens.LeakedKey) (list []section) {
	remains := section{title: "Remains", rows: [][]string{residualHeader}}
	for _, k := range keys {
		title, lines := keyLines(k)
		list = append(list, section{title: title, lines: lines})
		remains.rows = append(remains.rows, residualCells(keyExposure(k), k.LogsOut))
	}
	return append(list, remains)
}
