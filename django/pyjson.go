package django

import (
	"bytes"
	"errors"
	"slices"
)

// PyJWT, Django and Django REST Framework read and write JSON with Python's json.loads and
// json.dumps. The values are nil, bool, [PythonInteger], float64, string, []any and
// [PythonDict]. A string may contain lone surrogates, as three bytes each, which are not valid
// UTF-8: JSON has escapes for them, and Python's str accepts them.
//
// json.loads also reads UTF-16 and UTF-32. These are errors here: no signer writes them.

// PythonInteger is a Python int of any size, as its decimal digits.
type PythonInteger string

// PythonDict is a Python dict: a name that is set again keeps its place.
type PythonDict []PythonMember

// Set sets a name.
func (d *PythonDict) Set(name string, value any) {
	if i := d.index(name); i >= 0 {
		(*d)[i].Value = value
		return
	}
	*d = append(*d, PythonMember{name, value})
}

// Get returns the value of a name; ok is false if there is none.
func (d PythonDict) Get(name string) (value any, ok bool) {
	i := d.index(name)
	if i < 0 {
		return nil, false
	}
	return d[i].Value, true
}

// Text returns the value of a name if it is a string, else "".
func (d PythonDict) Text(name string) string {
	value, _ := d.Get(name)
	text, _ := value.(string)
	return text
}

func (d PythonDict) index(name string) int {
	return slices.IndexFunc(d, func(m PythonMember) bool { return m.Name == name })
}

// PythonMember is a member of a dict.
type PythonMember struct {
	Name  string
	Value any
}

var errPySyntax = errors.New("not JSON as Python reads it")

// ErrPythonDepth is Python's RecursionError: the text is nested too deeply.
var ErrPythonDepth = errors.New("nested too deeply")

// pyError is str() of an exception.
type pyError string

// Error implements error.
func (e pyError) Error() string { return string(e) }

// maxPyDepth is a little less than the depth that CPython's recursion limit of 1000 leaves to
// json.loads inside a request.
const maxPyDepth = 900

// maxPyDigits is sys.int_info.default_max_str_digits.
const maxPyDigits = 4300

// PythonJSON is json.loads of rest_framework/utils/json.py (3.16.0) for a str. The error has
// the text of Python's error, which does not quote the input, or is [ErrPythonDepth].
func PythonJSON(text []byte) (any, error) {
	r := pyReader{in: text, strict: true}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		return nil, r.fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
	}
	return r.whole()
}

// pyLoads is json.loads of bytes.
func pyLoads(in []byte) (any, error) {
	r := pyReader{in: bytes.TrimPrefix(in, []byte("\ufeff"))}
	return r.whole()
}

// pyCanonical rewrites JSON as json.dumps(json.loads(in)): 1e5 becomes 100000.0, and "ä" becomes
// "\u00e4". A repeated name keeps its first place and its last value.
func pyCanonical(in []byte) ([]byte, error) {
	value, err := pyLoads(in)
	if err != nil {
		return nil, err
	}
	return appendPython(nil, value), nil
}

// pyObject is json.loads of bytes for a JSON object. Another value is an error.
func pyObject(in []byte) (members JWTClaims, err error) {
	value, err := pyLoads(in)
	dict, ok := value.(PythonDict)
	if err == nil && !ok {
		err = errPySyntax
	}
	members = make(JWTClaims, len(dict))
	for i, m := range dict {
		members[i] = JWTClaim{m.Name, appendPython(nil, m.Value)}
	}
	return members, err
}
