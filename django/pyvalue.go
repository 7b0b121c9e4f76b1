package django

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// number reads a number and writes it as Python's int or float prints. What
// follows the longest number is not its own concern: 01 is 0, and then a 1.
func (r *pyReader) number(out []byte) ([]byte, error) {
	start := r.pos
	if r.peek() == '-' {
		r.pos++
	}
	digits := 1
	if r.peek() == '0' {
		r.pos++
	} else if digits = r.digits(); digits == 0 {
		return nil, r.fail("Expecting value", start)
	}
	float := r.fraction() // both, in this order
	float = r.exponent() || float
	text := string(r.in[start:r.pos])
	switch {
	case float:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, errPySyntax
		}
		return AppendPythonFloat(out, f), nil
	case digits > maxPyDigits:
		return nil, &PythonJSONError{message: fmt.Sprintf("Exceeds the limit (%d digits) for integer string conversion: "+
			"value has %d digits; use sys.set_int_max_str_digits() to increase the limit", maxPyDigits, digits)}
	case text == "-0":
		text = "0"
	}
	return append(out, text...), nil
}

// maxPyDigits is sys.int_info.default_max_str_digits.
const maxPyDigits = 4300

// fraction reads "." and digits, if that is what follows.
func (r *pyReader) fraction() bool {
	start := r.pos
	if r.peek() == '.' {
		if r.pos++; r.digits() > 0 {
			return true
		}
	}
	r.pos = start
	return false
}

// exponent reads an exponent, if one follows.
func (r *pyReader) exponent() bool {
	start := r.pos
	if c := r.peek(); c == 'e' || c == 'E' {
		r.pos++
		if c := r.peek(); c == '+' || c == '-' {
			r.pos++
		}
		if r.digits() > 0 {
			return true
		}
	}
	r.pos = start
	return false
}

func (r *pyReader) digits() int {
	start := r.pos
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.pos++
	}
	return r.pos - start
}

// AppendPythonFloat writes a float as json.dumps does: repr(f), but for NaN and the
// infinities.
func AppendPythonFloat(out []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(out, "NaN"...)
	case math.IsInf(f, 1):
		return append(out, "Infinity"...)
	case math.IsInf(f, -1):
		return append(out, "-Infinity"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(out, f, 'e', -1, 64)
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, 'f', -1, 64)
	if !strings.Contains(string(out[start:]), ".") {
		out = append(out, ".0"...)
	}
	return out
}

// isPyPlain tells the characters that stand for themselves in both directions.
func isPyPlain(c byte) bool { return ' ' <= c && c <= '~' && c != '"' && c != '\\' }

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
	if n&0xFC00 == 0xD800 && bytes.HasPrefix(r.in[r.pos:], []byte(`\u`)) {
		if low, ok := r.hex(r.pos + 2); ok && low&0xFC00 == 0xDC00 {
			r.pos += 6
			return 0x10000 + (n&0x3FF)<<10 + low&0x3FF, nil
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

// appendPyRune writes a character as json.dumps does with ensure_ascii: DEL is
// escaped too, and "/", "<", ">" and "&" are not.
func appendPyRune(out []byte, u rune) []byte {
	if i := strings.IndexRune("\"\\\b\f\n\r\t", u); i >= 0 && u != utf8.RuneError {
		return append(out, '\\', `"\bfnrt`[i])
	}
	if ' ' <= u && u <= '~' {
		return append(out, byte(u))
	}
	if u > 0xFFFF {
		u -= 0x10000
		out = appendPyEscape(out, 0xD800+u>>10)
		u = 0xDC00 + u&0x3FF
	}
	return appendPyEscape(out, u)
}

func appendPyEscape(out []byte, u rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// pyString writes s as a JSON string; invalid UTF-8 becomes U+FFFD.
func pyString(s string) json.RawMessage {
	out := make([]byte, 0, len(s)+2)
	out = append(out, '"')
	for _, u := range s {
		out = appendPyRune(out, u)
	}
	return append(out, '"')
}

// pyUnquote is the inverse of pyString; a lone surrogate becomes U+FFFD.
func pyUnquote(canonical string) string {
	if !strings.Contains(canonical, `\`) {
		return canonical[1 : len(canonical)-1]
	}
	var s string
	if json.Unmarshal([]byte(canonical), &s) != nil {
		return ""
	}
	return s
}

// What Python's int() raises.
var (
	errPyValue    = errors.New("ValueError")
	errPyType     = errors.New("TypeError")
	errPyOverflow = errors.New("OverflowError")
)

// pyIntLimit is where pyInt stops to count: far beyond every date.
const pyIntLimit = int64(1) << 53

// pyInt is int(value) for a canonical value, cut to ±pyIntLimit.
func pyInt(value json.RawMessage) (int64, error) {
	switch value[0] {
	case 't':
		return 1, nil
	case 'f':
		return 0, nil
	case 'n', '[', '{':
		return 0, errPyType
	case '"':
		return PythonInt(pyUnquote(string(value)))
	}
	if pyIsInt(value) {
		return PythonInt(string(value))
	}
	f := pyFloat(value)
	switch {
	case math.IsNaN(f):
		return 0, errPyValue
	case math.IsInf(f, 0):
		return 0, errPyOverflow
	}
	return int64(max(min(f, float64(pyIntLimit)), -float64(pyIntLimit))), nil
}

// PythonInt is int(s), cut to ±2^53.
func PythonInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) > maxPyDigits {
		digits, err := pyDigits(s)
		if err != nil {
			return 0, err
		}
		n, _ = strconv.ParseInt(digits, 10, 64) // beyond 64 bits: the nearer end
	}
	return max(min(n, pyIntLimit), -pyIntLimit), nil
}

// pyIsInt tells an int from a float among canonical numbers.
func pyIsInt(value json.RawMessage) bool {
	for i, c := range value {
		if (c < '0' || c > '9') && !(c == '-' && i == 0 && len(value) > 1) {
			return false
		}
	}
	return true
}

// pyFloat is float(value) for a canonical number.
func pyFloat(value json.RawMessage) float64 {
	switch string(value) {
	case "NaN":
		return math.NaN()
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	f, _ := strconv.ParseFloat(string(value), 64) // ±Inf where it is out of range
	return f
}

// pyFalsy is "not value" for a canonical value.
func pyFalsy(value json.RawMessage) bool {
	switch string(value) {
	case "null", "false", `""`, "[]", "{}", "0", "0.0", "-0.0":
		return true
	}
	return false
}
