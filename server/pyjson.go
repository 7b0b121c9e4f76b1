package server

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"tokenctl/django"
)

// What a client sent is kept as Python would have it, because that is what the
// answers speak of: nil, bool, pyInt, float64, string, []any, *dict, and *upload for
// a file of a multipart form. A string may hold lone surrogates, three bytes each
// where UTF-8 has none: JSON has escapes for them, and str takes them.

// pyInt is an int: its decimal digits.
type pyInt string

// upload is a file of a form. Nobody wants one: only its name is ever asked for.
type upload struct{ name string }

// dict is a dict: names keep the place where they were first set.
type dict struct {
	members object
	place   map[string]int
}

// set sets a name.
func (d *dict) set(name string, value any) {
	if i, ok := d.place[name]; ok {
		d.members[i].value = value
		return
	}
	if d.place == nil {
		d.place = map[string]int{}
	}
	d.place[name] = len(d.members)
	d.members = append(d.members, member{name, value})
}

// get returns the value of a name; ok is false where there is none. A nil dict
// has no names.
func (d *dict) get(name string) (value any, ok bool) {
	if d == nil {
		return nil, false
	}
	i, ok := d.place[name]
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
	canonical, err := django.PythonJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	c := canonicalJSON(canonical)
	return c.value(), nil
}

// canonicalJSON is what is left to read of what django.PythonJSON returned:
// right, without spaces, and in ASCII.
type canonicalJSON string

// value reads the next value.
func (c *canonicalJSON) value() any {
	switch (*c)[0] {
	case '"':
		return c.text()
	case '[':
		values := []any{}
		for c.more(']') {
			values = append(values, c.value())
		}
		return values
	case '{':
		d := &dict{}
		for c.more('}') {
			name := c.text()
			c.skip(1)
			d.set(name, c.value())
		}
		return d
	}
	n := strings.IndexAny(string(*c), ",]}")
	if n < 0 {
		n = len(*c)
	}
	return scalar(c.skip(n))
}

// more steps over what opens a collection, separates its values or ends it, and
// reports whether a value follows.
func (c *canonicalJSON) more(end byte) bool {
	switch c.skip(1)[0] {
	case end:
		return false
	case ',':
		return true
	}
	if (*c)[0] == end {
		c.skip(1)
		return false
	}
	return true
}

func (c *canonicalJSON) skip(n int) string {
	skipped := (*c)[:n]
	*c = (*c)[n:]
	return string(skipped)
}

// text reads a string.
func (c *canonicalJSON) text() string {
	c.skip(1)
	var out []byte
	for {
		n := strings.IndexAny(string(*c), `"\\`)
		out = append(out, c.skip(n)...)
		if c.skip(1) == `"` {
			return string(out)
		}
		escape := c.skip(1)[0]
		if i := strings.IndexByte("bfnrt", escape); i >= 0 {
			out = append(out, "\b\f\n\r\t"[i])
			continue
		} else if escape != 'u' {
			out = append(out, escape)
			continue
		}
		u := c.hex()
		if utf16.IsSurrogate(u) && u < 0xDC00 && strings.HasPrefix(string(*c), `\u`) {
			rest := *c
			rest.skip(2)
			if joined := utf16.DecodeRune(u, rest.hex()); joined != utf8.RuneError {
				u, *c = joined, rest
			}
		}
		out = django.AppendPythonRune(out, u)
	}
}

func (c *canonicalJSON) hex() rune {
	u, _ := strconv.ParseUint(c.skip(4), 16, 16) // as four digits were written
	return rune(u)
}

func scalar(text string) any {
	switch text {
	case "null":
		return nil
	case "true", "false":
		return text == "true"
	case "Infinity": // 1e999
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	if strings.Trim(text, "-0123456789") == "" {
		return pyInt(text)
	}
	f, _ := strconv.ParseFloat(text, 64) // a float wrote it
	return f
}
