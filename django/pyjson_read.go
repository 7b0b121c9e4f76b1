package django

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type pyReader struct {
	in      []byte
	pos     int
	depth   int
	strict  bool // NaN and the infinities are errors, as for rest_framework/utils/json.py
	passing bool // values are checked, and none is made
}

// fail makes the error of a place in the text: json/decoder.py and
// Modules/_json.c of CPython 3.11.
func (r *pyReader) fail(message string, pos int) error {
	before := r.in[:min(pos, len(r.in))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return fmt.Errorf("%s: line %d column %d (char %d)", message,
		bytes.Count(before, []byte{'\n'})+1, utf8.RuneCount(line)+1, utf8.RuneCount(before))
}

func (r *pyReader) whole() (any, error) {
	r.space()
	value, err := r.value()
	if err == nil {
		err = r.end()
	}
	return value, err
}

// object reads an object that is all there is. member reads the value of a name, or passes it.
func (r *pyReader) object(member func(name []byte) error) error {
	r.in = bytes.TrimPrefix(r.in, []byte("\ufeff"))
	if r.space(); r.peek() != '{' {
		return errPySyntax
	}
	if err := r.members(member); err != nil {
		return err
	}
	return r.end()
}

func (r *pyReader) space() {
	for c := r.peek(); c == ' ' || c == '\n' || c == '\t' || c == '\r'; c = r.peek() {
		r.pos++
	}
}

// peek returns the next byte, 0 at the end: no JSON has a NUL.
func (r *pyReader) peek() byte {
	if r.pos < len(r.in) {
		return r.in[r.pos]
	}
	return 0
}

func (r *pyReader) end() error {
	if r.space(); r.pos != len(r.in) {
		return r.fail("Extra data", r.pos)
	}
	return nil
}

var pyConstants = []struct {
	word  string
	value any
}{{"null", nil}, {"true", true}, {"false", false}, {"NaN", math.NaN()}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)}}

func (r *pyReader) value() (any, error) {
	switch r.peek() {
	case '"':
		text, err := r.text()
		if r.passing || err != nil {
			return nil, err
		}
		return string(text), nil
	case '{':
		return r.dict()
	case '[':
		return r.list()
	}
	for _, c := range pyConstants {
		if bytes.HasPrefix(r.in[r.pos:], []byte(c.word)) {
			if _, float := c.value.(float64); float && r.strict {
				return nil, pyError("Out of range float values are not JSON compliant: '" + c.word + "'")
			}
			r.pos += len(c.word)
			return c.value, nil
		}
	}
	return r.number()
}

// pass passes over the next value.
func (r *pyReader) pass() error {
	r.passing = true
	_, err := r.value()
	r.passing = false
	return err
}

func (r *pyReader) dict() (any, error) {
	if r.passing {
		return nil, r.members(func([]byte) error {
			_, err := r.value()
			return err
		})
	}
	var dict PythonDict
	indexes := map[string]int{} // by name
	err := r.members(func(text []byte) error {
		name := string(text)
		value, err := r.value()
		if index, again := indexes[name]; again {
			dict[index].Value = value
			return err
		}
		indexes[name] = len(dict)
		dict = append(dict, PythonMember{name, value})
		return err
	})
	return dict, err
}

// members reads an object. member reads the value of a name, or passes it.
func (r *pyReader) members(member func(name []byte) error) error {
	more, err := r.open('}')
	for more && err == nil {
		if r.peek() != '"' {
			return r.fail("Expecting property name enclosed in double quotes", r.pos)
		}
		var name []byte
		if name, err = r.text(); err != nil {
			return err
		}
		if r.space(); r.peek() != ':' {
			return r.fail("Expecting ':' delimiter", r.pos)
		}
		r.pos++
		r.space()
		if err = member(name); err == nil {
			more, err = r.more('}')
		}
	}
	return err
}

func (r *pyReader) list() (any, error) {
	list := []any{}
	more, err := r.open(']')
	for more && err == nil {
		var item any
		if item, err = r.value(); err != nil {
			break
		}
		if !r.passing {
			list = append(list, item)
		}
		more, err = r.more(']')
	}
	return list, err
}

// open reads what opens a collection, and reports whether it has members.
func (r *pyReader) open(end byte) (more bool, err error) {
	if r.depth++; r.depth > maxPyDepth {
		return false, ErrPythonDepth
	}
	r.pos++
	if r.space(); r.peek() == end {
		return false, r.close()
	}
	return true, nil
}

// more reads what follows a member of a collection, and reports whether another one does.
func (r *pyReader) more(end byte) (bool, error) {
	switch r.space(); r.peek() {
	case end:
		return false, r.close()
	case ',':
		r.pos++
		r.space()
		return true, nil
	}
	return false, r.fail("Expecting ',' delimiter", r.pos)
}

func (r *pyReader) close() error {
	r.pos++
	r.depth--
	return nil
}

// text reads a string. It is a part of what is read where that has no escapes.
func (r *pyReader) text() ([]byte, error) {
	open := r.pos
	r.pos++
	var decoded []byte
	start := r.pos // of what was not decoded yet
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c == '"':
			text := r.in[start:r.pos]
			r.pos++
			if decoded != nil {
				text = append(decoded, text...)
			}
			if !isPyText(text) {
				return nil, errPySyntax
			}
			return text, nil
		case c < ' ':
			return nil, r.fail("Invalid control character at", r.pos)
		case c != '\\':
			r.pos++
		case r.pos+1 == len(r.in):
			r.pos++
		default:
			decoded = append(decoded, r.in[start:r.pos]...)
			u, err := r.escape()
			if err != nil {
				return nil, err
			}
			decoded = appendPyRune(decoded, u)
			start = r.pos
		}
	}
	return nil, r.fail("Unterminated string starting at", open)
}

// escape reads one escape. A lone surrogate is a character like others in
// Python.
func (r *pyReader) escape() (rune, error) {
	r.pos++
	c := r.peek()
	r.pos++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return 0, r.fail(`Invalid \escape`, r.pos-2)
	}
	n, ok := r.hex(r.pos)
	if !ok {
		return 0, r.fail(`Invalid \uXXXX escape`, r.pos-1)
	}
	r.pos += 4
	if bytes.HasPrefix(r.in[r.pos:], []byte(`\u`)) {
		low, _ := r.hex(r.pos + 2)
		if joined := utf16.DecodeRune(n, low); joined != utf8.RuneError {
			r.pos += 6
			return joined, nil
		}
	}
	return n, nil
}

// hex reads the four digits of an escape. Python looks for a character behind
// them before it looks at them.
func (r *pyReader) hex(at int) (rune, bool) {
	if at+4 >= len(r.in) {
		return 0, false
	}
	// ParseUint takes no sign, and base 16 no underscores or prefix.
	n, err := strconv.ParseUint(string(r.in[at:at+4]), 16, 16)
	return rune(n), err == nil
}
