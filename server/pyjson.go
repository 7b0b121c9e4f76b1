package server

import (
	"tokenctl/django"
)

// What a client sent is kept as Python would have it, because that is what the
// answers speak of: nil, bool, pyInt, float64, string, []any, *dict, and *upload for
// a file of a multipart form. A string may hold lone surrogates, three bytes each
// where UTF-8 has none: JSON has escapes for them, and str takes them.

// pyInt is an int.
type pyInt = django.PythonInteger

// upload is a file of a form. Nobody wants one: only its name is ever asked for.
type upload struct{ name string }

// dict is a dict: names keep the place where they were first set.
type dict struct {
	members object
	index   map[string]int
}

// set sets a name.
func (d *dict) set(name string, value any) {
	if i, ok := d.index[name]; ok {
		d.members[i].value = value
		return
	}
	if d.index == nil {
		d.index = map[string]int{}
	}
	d.index[name] = len(d.members)
	d.members = append(d.members, member{name, value})
}

// get returns the value of a name; ok is false where there is none. A nil dict
// has no names.
func (d *dict) get(name string) (value any, ok bool) {
	if d == nil {
		return nil, false
	}
	i, ok := d.index[name]
	if !ok {
		return nil, false
	}
	return d.members[i].value, true
}

// text returns the value of a name that is a string, "" where it is not.
func (d *dict) text(name string) string {
	value, _ := d.get(name)
	s, _ := value.(string)
	return s
}

// len is the number of names.
func (d *dict) len() int {
	if d == nil {
		return 0
	}
	return len(d.members)
}

// loads is json.loads with DRF's strict_constant.
func loads(text string) (any, error) {
	value, err := django.PythonJSON([]byte(text))
	return ofPython(value), err
}

// ofPython returns a value with the server's own dicts in it.
func ofPython(value any) any {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			v[i] = ofPython(item)
		}
	case django.PythonDict:
		d := &dict{}
		for _, m := range v {
			d.set(m.Name, ofPython(m.Value))
		}
		return d
	}
	return value
}
