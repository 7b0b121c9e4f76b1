package output

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// AnyField is the value of Column.Fields for a column of JSON documents, which may have any names.
var AnyField = []string{"*"}

// fieldIndex returns the column of a field, and the path inside its value. The path is empty for the whole value.
func fieldIndex(cols []Column, name string) (index int, path string, err error) {
	index, err = columnIndex(cols, name)
	if err == nil {
		return index, "", nil
	}
	for i, c := range cols {
		path, inside := strings.CutPrefix(name, c.Name+".")
		switch paths := c.Paths(); {
		case !inside || path == "":
		case slices.Contains(paths, name), c.anyField():
			return i, path, nil
		case paths != nil:
			return 0, "", &UnknownFieldError{Name: name, Valid: paths}
		}
	}
	return 0, "", err
}

// Paths returns the fields inside a column's values in the form of Options.Field, such as owner.is_active.
func (c Column) Paths() (paths []string) {
	if c.anyField() {
		return nil
	}
	for _, name := range c.Fields {
		paths = append(paths, c.Name+"."+name)
	}
	return paths
}

func (c Column) anyField() bool { return slices.Equal(c.Fields, AnyField) }

// at returns the value at a path inside v, or null if there is none.
func (v Value) at(path string) Value {
	switch {
	case path == "":
		return v
	case v.kind == kindObject:
		for i, key := range v.more.keys {
			if rest, found := inside(path, key); found {
				return v.more.vals[i].at(rest)
			}
		}
	case v.kind == kindRaw:
		return documentAt([]byte(v.str), path)
	}
	return Null()
}

// inside reports whether a path begins with a key. rest is the path after the key.
func inside(path, key string) (rest string, found bool) {
	rest, found = strings.CutPrefix(path, key)
	if !found || rest == "" {
		return "", found
	}
	return strings.CutPrefix(rest, ".")
}

// documentAt returns the value at a path in a JSON document. Elements of an array have numbers from 0. A key may contain
// dots, as claims that are URLs do: the longest key that fits counts.
func documentAt(doc []byte, path string) Value {
	if path == "" {
		var text string
		if json.Unmarshal(doc, &text) == nil && string(doc) != "null" {
			return String(text)
		}
		return Raw(doc)
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(doc, &object) == nil {
		longest, value := -1, Null()
		for key, part := range object {
			if rest, found := inside(path, key); found && len(key) > longest {
				longest, value = len(key), documentAt(part, rest)
			}
		}
		return value
	}
	var array []json.RawMessage
	name, rest, _ := strings.Cut(path, ".")
	if i, err := strconv.Atoi(name); err == nil && json.Unmarshal(doc, &array) == nil && i >= 0 && i < len(array) {
		return documentAt(array[i], rest)
	}
	return Null()
}
