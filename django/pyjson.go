package django

import (
	"bytes"
	"errors"
	"fmt"
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
//
// A body that a view of Django REST Framework parses goes through the same json.loads, and
// what is wrong with it reaches the client: [PythonJSON].

var errPySyntax = errors.New("not JSON as Python reads it")

// ErrPythonDepth is Python's RecursionError: the text is nested too deeply.
var ErrPythonDepth = errors.New("nested too deeply")

// maxPyDepth is a bit less than CPython's recursion limit of 1000 leaves inside a
// request.
const maxPyDepth = 900

// PythonJSONError is a ValueError that json.loads raises.
type PythonJSONError struct {
	message string
	text    []byte // of a JSONDecodeError, whose place is a part of what it says
	pos     int
}

// Error implements error: str() of the exception. It quotes nothing of the text.
func (e *PythonJSONError) Error() string {
	if e.text == nil {
		return e.message
	}
	before := e.text[:e.pos]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return fmt.Sprintf("%s: line %d column %d (char %d)", e.message,
		bytes.Count(before, []byte{'\n'})+1, utf8.RuneCount(line)+1, utf8.RuneCount(before))
}

type pyReader struct {
	in     []byte
	pos    int
	depth  int
	strict bool     // NaN and the infinities are errors, as for rest_framework/utils/json.py
	key    [64]byte // what keys are read into
	edits  []pyEdit // of the value that is being written
}

// fail makes the error of a place in the text: json/decoder.py and
// Modules/_json.c of CPython 3.11.
func (r *pyReader) fail(message string, pos int) error {
	return &PythonJSONError{message, r.in, min(pos, len(r.in))}
}

// PythonJSON is json.loads of rest_framework/utils/json.py (3.16.0) for text in
// UTF-8 without surrogates. It returns the value as json.dumps writes it, with
// separators (",", ":"), so that only ASCII and one spelling are left to read. The
// error is a *[PythonJSONError] or [ErrPythonDepth].
func PythonJSON(text []byte) ([]byte, error) {
	r := &pyReader{in: text, strict: true}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		return nil, r.fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
	}
	return r.whole()
}

// pyCanonical rewrites one JSON value as Python would.
func pyCanonical(in []byte) ([]byte, error) {
	r := &pyReader{in: bytes.TrimPrefix(in, []byte("\ufeff"))}
	return r.whole()
}

func (r *pyReader) whole() ([]byte, error) {
	r.space()
	out, err := r.canonical()
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pyObject is json.loads of bytes, for a JSON object; ok is false where the value is something else.
func pyObject(in []byte) (members JWTClaims, ok bool, err error) {
	text, ok := pyDecodeJSON(in)
	if !ok {
		return nil, false, errPySyntax
	}
	r := &pyReader{in: text}
	r.space()
	if r.peek() != '{' {
		if _, err := r.canonical(); err != nil {
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
		return r.fail("Extra data", r.pos)
	}
	return nil
}

// value appends the text of the next value to out, which is canonical once the edits
// are made.
func (r *pyReader) value(out []byte) ([]byte, error) {
	switch r.peek() {
	case '"':
		r.pos++
		return r.text(out)
	case '{':
		return r.nested(out)
	case '[':
		return r.array(out)
	}
	for i, word := range []string{"null", "true", "false", "NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(r.in[r.pos:], []byte(word)) {
			if i >= 3 && r.strict {
				return nil, &PythonJSONError{message: "Out of range float values are not JSON compliant: '" + word + "'"}
			}
			r.pos += len(word)
			return append(out, word...), nil
		}
	}
	return r.number(out)
}

func (r *pyReader) array(out []byte) ([]byte, error) {
	if r.depth++; r.depth > maxPyDepth {
		return nil, ErrPythonDepth
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
			return nil, r.fail("Expecting ',' delimiter", r.pos)
		}
	}
}

// text reads a string whose opening quote is behind it.
func (r *pyReader) text(out []byte) ([]byte, error) {
	out = append(out, '"')
	open := r.pos - 1
	for {
		start := r.pos
		for r.pos < len(r.in) && isPyPlain(r.in[r.pos]) {
			r.pos++
		}
		out = append(out, r.in[start:r.pos]...)
		if r.pos == len(r.in) {
			return nil, r.fail("Unterminated string starting at", open)
		}
		switch c := r.in[r.pos]; {
		case c == '"':
			r.pos++
			return append(out, '"'), nil
		case c < 0x20:
			return nil, r.fail("Invalid control character at", r.pos)
		case c == '\\' && r.pos+1 == len(r.in):
			return nil, r.fail("Unterminated string starting at", open)
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
