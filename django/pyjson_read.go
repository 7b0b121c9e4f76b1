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
	in       []byte
	pos      int
	depth    int
	strict   bool // NaN and the infinities are errors, as in rest_framework/utils/json.py
	skipping bool // values are checked, but not built
}

// fail returns an error at a position of the text: JSONDecodeError of json/decoder.py (CPython 3.11).
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

// object reads a text that is one object. member reads or skips the value of a name.
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

// peek returns the next byte, or 0 at the end. JSON has no NUL.
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
		if r.skipping || err != nil {
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

// skip skips the next value.
func (r *pyReader) skip() error {
	r.skipping = true
	_, err := r.value()
	r.skipping = false
	return err
}

func (r *pyReader) dict() (any, error) {
	if r.skipping {
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

// members reads an object. member reads or skips the value of a name.
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
		if !r.skipping {
			list = append(list, item)
		}
		more, err = r.more(']')
	}
	return list, err
}

// open reads the bracket that opens a collection, and reports whether the collection has members.
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

// more reads the comma or bracket after a member, and reports whether another member follows.
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

// text reads a string. The result is a part of the input if the string has no escapes.
func (r *pyReader) text() ([]byte, error) {
	open := r.pos
	r.pos++
	var decoded []byte
	start := r.pos // of the part that is not decoded yet
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

// escape reads one escape. Python accepts a lone surrogate.
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

// hex reads the four digits of an escape. Python requires a character after the digits before it
// reads them.
func (r *pyReader) hex(at int) (rune, bool) {
	if at+4 >= len(r.in) {
		return 0, false
	}
	// ParseUint accepts no sign, and with base 16 neither underscores nor a prefix.
	n, err := strconv.ParseUint(string(r.in[at:at+4]), 16, 16)
	return rune(n), err == nil
}
