package server

import (
	"tokenctl/django"
)

// A client's values are kept as Python's values, because the answers describe them so: nil,
// bool, pyInt, float64, string, []any, *dict, and *upload for a file of a multipart form. A
// string may contain lone surrogates: see [django.PythonJSON].

// pyInt is a Python int.
type pyInt = django.PythonInteger

// upload is a file of a form. No view uses its content, only its name.
type upload struct{ name string }

// dict is a Python dict: a name that is set again keeps its place.
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

// get returns the value of a name; ok is false if there is none. A nil dict is empty.
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

// text returns the value of a name if it is a string, else "".
func (d *dict) text(name string) string {
	value, _ := d.get(name)
	s, _ := value.(string)
	return s
}

// len returns the number of names.
func (d *dict) len() int {
	if d == nil {
		return 0
	}
	return len(d.members)
}

// loads is json.loads with DRF's strict_constant: see [django.PythonJSON].
func loads(text string) (any, error) {
	value, err := django.PythonJSON([]byte(text))
	return ofPython(value), err
}

// ofPython replaces each [django.PythonDict] in a value by a *dict.
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
