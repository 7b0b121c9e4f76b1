package django

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A token that simplejwt rotates is decoded by Python's json.loads and encoded
// again by json.dumps(separators=(",", ":")): PyJWT api_jwt.py, _encode_payload
// and _decode_payload (2.15.1). The reader below does both in one pass: it accepts
// what loads accepts and yields, for each value, the text that dumps would write.
// So 1e5 becomes 100000.0, "ä" becomes "\u00e4", and of equal keys the last value
// wins in the first one's place.
//
// One thing that loads accepts is refused: UTF-16 and UTF-32, which no signer
// writes.

var (
	errPySyntax = errors.New("not JSON as Python reads it")
	errPyDepth  = errors.New("nested too deeply")
)

// maxPyDepth is a bit less than CPython's recursion limit of 1000 leaves inside a
// request.
const maxPyDepth = 900

type pyReader struct {
	in    []byte
	pos   int
	depth int
	key   [64]byte // what keys are read into
}

// pyCanonical rewrites one JSON value as Python would.
func pyCanonical(in []byte) ([]byte, error) {
	r := &pyReader{in: bytes.TrimPrefix(in, []byte("\ufeff"))}
	r.space()
	out, err := r.value(nil)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pyObject reads a JSON object; ok is false where the value is something else.
func pyObject(in []byte) (members JWTClaims, ok bool, err error) {
	r := &pyReader{in: bytes.TrimPrefix(in, []byte("\ufeff"))}
	r.space()
	if r.peek() != '{' {
		if _, err := r.value(nil); err != nil {
			return nil, false, err
		}
		return nil, false, r.end()
	}
	if members, err = r.object(); err != nil {
		return nil, false, err
	}
	return members, true, r.end()
}

func (r *pyReader) space() {
	for r.pos < len(r.in) && strings.IndexByte(" \t\n\r", r.in[r.pos]) >= 0 {
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
		return errPySyntax
	}
	return nil
}

// value appends the canonical text of the next value to out.
func (r *pyReader) value(out []byte) ([]byte, error) {
	switch r.peek() {
	case '"':
		r.pos++
		return r.text(out)
	case '{':
		members, err := r.object()
		if err != nil {
			return nil, err
		}
		return members.appendJSON(out), nil
	case '[':
		return r.array(out)
	}
	for _, word := range []string{"null", "true", "false", "NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(r.in[r.pos:], []byte(word)) {
			r.pos += len(word)
			return append(out, word...), nil
		}
	}
	return r.number(out)
}

func (r *pyReader) object() (JWTClaims, error) {
	if r.depth++; r.depth > maxPyDepth {
		return nil, errPyDepth
	}
	defer func() { r.depth-- }()
	r.pos++
	members := JWTClaims{}
	var index map[string]int // by key, once there are many
	if r.space(); r.peek() == '}' {
		r.pos++
		return members, nil
	}
	for {
		if r.peek() != '"' {
			return nil, errPySyntax
		}
		r.pos++
		text, err := r.text(r.key[:0])
		if err != nil {
			return nil, err
		}
		key := string(text) // before the value's own keys
		if r.space(); r.peek() != ':' {
			return nil, errPySyntax
		}
		r.pos++
		r.space()
		value, err := r.value(nil)
		if err != nil {
			return nil, err
		}
		members, index = members.put(key, value, index)
		r.space()
		switch r.peek() {
		case '}':
			r.pos++
			return members, nil
		case ',':
			r.pos++
			r.space()
		default:
			return nil, errPySyntax
		}
	}
}

func (r *pyReader) array(out []byte) ([]byte, error) {
	if r.depth++; r.depth > maxPyDepth {
		return nil, errPyDepth
	}
	defer func() { r.depth-- }()
	r.pos++
	out = append(out, '[')
	if r.space(); r.peek() == ']' {
		r.pos++
		return append(out, ']'), nil
	}
	for {
		var err error
		if out, err = r.value(out); err != nil {
			return nil, err
		}
		r.space()
		switch r.peek() {
		case ']':
			r.pos++
			return append(out, ']'), nil
		case ',':
			r.pos++
			r.space()
			out = append(out, ',')
		default:
			return nil, errPySyntax
		}
	}
}

// text reads a string whose opening quote is behind it.
func (r *pyReader) text(out []byte) ([]byte, error) {
	out = append(out, '"')
	for {
		start := r.pos
		for r.pos < len(r.in) && isPyPlain(r.in[r.pos]) {
			r.pos++
		}
		out = append(out, r.in[start:r.pos]...)
		if r.pos == len(r.in) {
			return nil, errPySyntax
		}
		switch c := r.in[r.pos]; {
		case c == '"':
			r.pos++
			return append(out, '"'), nil
		case c < 0x20:
			return nil, errPySyntax
		case c == '\\':
			u, err := r.escape()
			if err != nil {
				return nil, err
			}
			out = appendPyRune(out, u)
		case c < utf8.RuneSelf:
			out = appendPyRune(out, rune(c))
			r.pos++
		default:
			u, size := utf8.DecodeRune(r.in[r.pos:])
			if u == utf8.RuneError && size == 1 {
				// loads decodes with "surrogatepass".
				rest := r.in[r.pos:]
				if len(rest) < 3 || rest[0] != 0xED || rest[1]&0xE0 != 0xA0 || rest[2]&0xC0 != 0x80 {
					return nil, errPySyntax
				}
				u, size = 0xD000|rune(rest[1]&0x3F)<<6|rune(rest[2]&0x3F), 3
			}
			out = appendPyRune(out, u)
			r.pos += size
		}
	}
}

// isPyPlain tells the characters that stand for themselves in both directions.
func isPyPlain(c byte) bool { return ' ' <= c && c <= '~' && c != '"' && c != '\\' }

// escape reads one escape. A lone surrogate is a character like others in
// Python.
func (r *pyReader) escape() (rune, error) {
	r.pos++
	c := r.peek()
	r.pos++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 && c != 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' || r.pos+4 > len(r.in) {
		return 0, errPySyntax
	}
	// ParseUint takes no sign, and base 16 no underscores or prefix.
	n, err := strconv.ParseUint(string(r.in[r.pos:r.pos+4]), 16, 16)
	if err != nil {
		return 0, errPySyntax
	}
	r.pos += 4
	if n&0xFC00 == 0xD800 && r.pos+6 <= len(r.in) && r.in[r.pos] == '\\' && r.in[r.pos+1] == 'u' {
		low, err := strconv.ParseUint(string(r.in[r.pos+2:r.pos+6]), 16, 16)
		if err == nil && low&0xFC00 == 0xDC00 {
			r.pos += 6
			return rune(0x10000 + (n&0x3FF)<<10 + low&0x3FF), nil
		}
	}
	return rune(n), nil
}
