package output

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// AnyField is for Column.Fields of a column that holds JSON documents: their names are their own.
var AnyField = []string{"*"}

// fieldIndex finds the column of a field, and the path inside it, which is empty for the whole value.
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

// Paths are the fields inside a column whose names are known, as Options.Field takes them: owner.is_active.
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

// at returns the value at a path inside v; null where there is none.
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

// inside reports whether a path is that of a key or goes on behind it.
func inside(path, key string) (rest string, found bool) {
	rest, found = strings.CutPrefix(path, key)
	if !found || rest == "" {
		return "", found
	}
	return strings.CutPrefix(rest, ".")
}

// documentAt returns what a JSON document has at a path. Elements of an array are numbered from 0. A key may itself have
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
