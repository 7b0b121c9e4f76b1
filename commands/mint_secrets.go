package commands

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"tokenctl"
)

// provided is a secret, and the user who gets it.
type provided struct {
	name   string // empty: the user is named by primary key
	secret tokenctl.Secret
	line   int // of the file; 0: the secret is from standard input
}

// readProvided reads the secrets.
func (o *mintOptions) readProvided(ctx context.Context) ([]provided, error) {
	if o.secretsFrom != "" {
		return readSecrets(o.secretsFrom)
	}
	var text string
	var err error
	if o.app.Term.Stdin {
		text, err = o.app.prompt(ctx, "Secret: ")
	} else {
		text, err = readText(patientReader{ctx, o.app.Stdin}, "standard input", maxLine)
	}
	if err != nil {
		return nil, err
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	p := provided{secret: tokenctl.NewSecret(text)}
	if len(o.users.names) > 0 {
		p.name = o.users.names[0]
	}
	return []provided{p}, nil
}

// readSecrets reads a file with a user and a secret in each line, as CSV: what has a comma or
// a quote in it stands in double quotes. If the first line has a tab, tabs divide the lines,
// and quotes mean nothing: this is what mint prints for several users. Errors never quote a
// line.
func readSecrets(path string) ([]provided, error) {
	text, err := readRegular(path, maxInput, private(path))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "cannot read " + path + ": " + tokenctl.Reason(err)}
		}
		return nil, err
	}
	first, _, _ := strings.Cut(text, "\n")
	var list []provided
	add := func(fields []string, line int) error {
		if len(fields) != 2 {
			return usage(fmt.Sprintf("%s line %d has %s, not a user and a secret", path, line, count(len(fields), "field")), `write USER,SECRET; a name with a comma or a quote stands in double quotes: "smith, ann",SECRET`)
		}
		if line == 1 && isHeader(fields) {
			return nil
		}
		if fields[0] == "" {
			return usage(fmt.Sprintf("%s line %d names no user", path, line), "write USER,SECRET")
		}
		list = append(list, provided{fields[0], tokenctl.NewSecret(fields[1]), line})
		return nil
	}
	if strings.Contains(first, "\t") {
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if err := add(strings.Split(strings.TrimSuffix(line, "\r"), "\t"), i+1); err != nil {
				return nil, err
			}
		}
	} else {
		r := csv.NewReader(bytes.NewReader([]byte(text)))
		r.FieldsPerRecord = -1
		for {
			fields, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			var parse *csv.ParseError
			if errors.As(err, &parse) {
				return nil, usage(fmt.Sprintf("%s line %d: %s", path, parse.Line, parse.Err), "what has commas or quotes in it stands in double quotes")
			}
			line, _ := r.FieldPos(0)
			if err := add(fields, line); err != nil {
				return nil, err
			}
		}
	}
	if list == nil {
		return nil, usage(path+" has no secrets", "write USER,SECRET, one a line")
	}
	return list, nil
}

// isHeader reports whether a first line names its columns.
func isHeader(fields []string) bool {
	name, secret := strings.ToLower(fields[0]), strings.ToLower(fields[1])
	return (name == "user" || name == "username") && (secret == "secret" || secret == "token" || secret == "key")
}
