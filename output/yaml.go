package output

import (
	"encoding/json"
	"strings"
)

// YAML is written by hand like the rest: go.yaml.in/yaml takes some eighty times as long, and the subset here is small.
// Strings are plain only where no reader of YAML 1.1 or 1.2 could take them for anything else, and otherwise JSON
// strings, which YAML reads too. The tests read all of it back with go.yaml.in/yaml.

// yamlKeys returns what precedes each value of a row.
func yamlKeys(cols []Column, sel []int, single bool) []string {
	keys := make([]string, len(sel))
	for n, i := range sel {
		var b []byte
		switch {
		case single:
		case n == 0:
			b = append(b, "- "...)
		default:
			b = append(b, "  "...)
		}
		keys[n] = string(appendYAMLKey(b, cols[i].Name, 0))
	}
	return keys
}

func (w *Writer) encodeYAML(row []Value) error {
	indent := 4
	if w.opts.Single {
		indent = 2
	}
	for n, i := range w.sel {
		w.buf = append(w.buf, w.keys[n]...)
		var err error
		if w.buf, err = row[i].appendYAML(w.buf, indent); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) finishYAML() error {
	if w.rows == 0 {
		w.buf = append(w.buf, "[]\n"...)
	}
	return nil
}

// appendYAML appends v after the colon of its key, with what belongs to it indented by indent, and ends the line.
func (v Value) appendYAML(dst []byte, indent int) ([]byte, error) {
	switch v.kind {
	case kindString:
		return append(appendYAMLString(append(dst, ' '), v.str), '\n'), nil
	case kindStrings:
		if len(v.more.strings) == 0 {
			return append(dst, " []\n"...), nil
		}
		dst = append(dst, '\n')
		for _, s := range v.more.strings {
			dst = appendYAMLString(append(appendSpaces(dst, indent), "- "...), s)
			dst = append(dst, '\n')
		}
		return dst, nil
	case kindObject:
		if len(v.more.keys) == 0 {
			return append(dst, " {}\n"...), nil
		}
		dst = append(dst, '\n')
		var err error
		for i, k := range v.more.keys {
			dst = appendYAMLKey(appendSpaces(dst, indent), k, indent)
			if dst, err = v.more.vals[i].appendYAML(dst, indent+2); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case kindRaw:
		dec := json.NewDecoder(strings.NewReader(v.str))
		dec.UseNumber()
		doc, err := readDocument(dec)
		if err != nil {
			return dst, err
		}
		return doc.appendYAML(dst, indent), nil
	default: // null, true, 42 and "2030-01-01T00:00:00Z" are the same in both
		return append(v.appendJSON(append(dst, ' ')), '\n'), nil
	}
}

// document is a JSON document with its keys in order.
type document struct {
	delim json.Delim // '{', '[' or 0
	keys  []string
	items []document
	leaf  json.Token
}

// readDocument reads the next value. Of a key that is there twice the last value counts, as in encoding/json and in
// Python's; YAML readers refuse such a mapping.
func readDocument(dec *json.Decoder) (document, error) {
	tok, err := dec.Token()
	if err != nil {
		return document{}, err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return document{leaf: tok}, nil
	}
	d := document{delim: delim}
	seen := map[string]int{}
	for dec.More() {
		at := len(d.items)
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return d, err
			}
			name := key.(string)
			if i, twice := seen[name]; twice {
				at = i
			} else {
				seen[name] = at
				d.keys = append(d.keys, name)
			}
		}
		item, err := readDocument(dec)
		if err != nil {
			return d, err
		}
		if at == len(d.items) {
			d.items = append(d.items, item)
		} else {
			d.items[at] = item
		}
	}
	_, err = dec.Token() // the closing delimiter
	return d, err
}

func (d document) appendYAML(dst []byte, indent int) []byte {
	switch {
	case d.delim == 0:
		dst = append(dst, ' ')
		switch leaf := d.leaf.(type) {
		case string:
			dst = appendYAMLString(dst, leaf)
		case json.Number:
			dst = append(dst, leaf...)
		case bool:
			dst = Bool(leaf).appendJSON(dst)
		default:
			dst = append(dst, "null"...)
		}
		return append(dst, '\n')
	case len(d.items) == 0:
		return append(dst, ' ', byte(d.delim), byte(d.delim)+2, '\n') // {} or []
	}
	dst = append(dst, '\n')
	for i, item := range d.items {
		dst = appendSpaces(dst, indent)
		if d.delim == '{' {
			dst = appendYAMLKey(dst, d.keys[i], indent)
		} else {
			dst = append(dst, '-')
		}
		dst = item.appendYAML(dst, indent+2)
	}
	return dst
}

// appendYAMLKey appends a key and its colon. YAML looks no further than 1024 characters for the colon; a longer key needs
// the form with a question mark.
func appendYAMLKey(dst []byte, key string, indent int) []byte {
	if len(key) < 128 { // at most six characters for each byte
		return append(appendYAMLString(dst, key), ':')
	}
	dst = append(appendYAMLString(append(dst, "? "...), key), '\n')
	return append(appendSpaces(dst, indent), ':')
}

func appendSpaces(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}

func appendYAMLString(dst []byte, s string) []byte {
	if yamlPlain(s) {
		return append(dst, s...)
	}
	return appendJSONString(dst, s)
}

// yamlPlain reports whether s needs no quotes: a letter, then letters, digits and harmless punctuation, and not one of
// the words that YAML 1.1 reads as null or a truth value.
func yamlPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case letter:
		case i == 0:
			return false
		case c >= '0' && c <= '9', c == '_', c == '.', c == '/', c == '@', c == '+', c == '-':
		case c == ':' && i+1 < len(s) && s[i+1] != ' ':
		default:
			return false
		}
	}
	if len(s) <= 5 {
		switch strings.ToLower(s) { // allocates for capitals only
		case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
			return false
		}
	}
	return true
}
