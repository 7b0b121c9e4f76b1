package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// encodeYAML writes a single row as a mapping, and each row of a list as a sequence of one mapping. Together these are
// the sequence of all rows.
func (w *Writer) encodeYAML(row []Value) error {
	start := len(w.buf)
	w.appendJSONRow(row)
	dec := json.NewDecoder(bytes.NewReader(w.buf[start:]))
	dec.UseNumber()
	doc, err := yamlNode(dec)
	if err != nil {
		return err
	}
	if !w.opts.Single {
		doc = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{doc}}
	}
	text, err := yaml.Dump(doc, yaml.WithLineWidth(-1), yaml.WithCompactSeqIndent(false))
	// YAML does not escape some characters that JSON output escapes. All of them are inside quotes.
	w.buf = append(w.buf[:start], escapeDocument(text)...)
	return err
}

func (w *Writer) finishYAML() error {
	if w.rows == 0 {
		w.buf = append(w.buf, "[]\n"...)
	}
	return nil
}

// yamlNode reads the next value of a JSON document.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		return yamlCollection(dec, token)
	case string:
		return yamlString(token), nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	default: // a json.Number or a bool
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token)}, nil
	}
}

// yamlCollection reads the rest of an object or array. If a key is repeated, its last value counts, as in encoding/json
// and in Python's json. Readers of YAML refuse repeated keys.
func yamlCollection(dec *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if open == '{' {
		n.Kind = yaml.MappingNode
	}
	values := map[string]*yaml.Node{}
	for dec.More() {
		item, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		if open == '{' {
			key := item
			if item, err = yamlNode(dec); err != nil {
				return nil, err
			}
			if value, twice := values[key.Value]; twice {
				*value = *item
				continue
			}
			values[key.Value] = item
			n.Content = append(n.Content, key)
		}
		n.Content = append(n.Content, item)
	}
	_, err := dec.Token()
	return n, err
}

// yamlString returns a text without quotes if every reader of YAML 1.1 or 1.2 reads it as a text, else with quotes.
func yamlString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s, Style: yaml.DoubleQuotedStyle}
	if yamlPlain().MatchString(s) && !slices.Contains(yamlWords, strings.ToLower(s)) {
		n.Style = 0
	}
	return n
}

var (
	yamlPlain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z](:?[A-Za-z0-9_./@+-])*$`) })
	yamlWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)
