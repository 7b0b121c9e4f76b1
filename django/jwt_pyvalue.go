package django

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// number reads a number and writes it as Python's int or float prints.
func (r *pyReader) number(out []byte) ([]byte, error) {
	start := r.pos
	if r.peek() == '-' {
		r.pos++
	}
	digits := r.digits()
	if digits == 0 || digits > 1 && r.in[r.pos-digits] == '0' {
		return nil, errPySyntax
	}
	float := false
	if r.peek() == '.' {
		r.pos++
		if r.digits() == 0 {
			return nil, errPySyntax
		}
		float = true
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.pos++
		if c := r.peek(); c == '+' || c == '-' {
			r.pos++
		}
		if r.digits() == 0 {
			return nil, errPySyntax
		}
		float = true
	}
	text := string(r.in[start:r.pos])
	switch {
	case float:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, errPySyntax
		}
		return appendPyFloat(out, f), nil
	case digits > 4300: // sys.int_info.default_max_str_digits
		return nil, errPySyntax
	case text == "-0":
		text = "0"
	}
	return append(out, text...), nil
}

func (r *pyReader) digits() int {
	start := r.pos
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.pos++
	}
	return r.pos - start
}

// appendPyFloat writes repr(f).
func appendPyFloat(out []byte, f float64) []byte {
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
		return pyIntOfText(pyUnquote(string(value)))
	}
	if pyIsInt(value) {
		return pyIntOfText(string(value))
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

// pyIntOfText is int(s) for text in ASCII digits; Python knows others.
func pyIntOfText(s string) (int64, error) {
	s = strings.TrimFunc(s, func(u rune) bool { return unicode.IsSpace(u) || 0x1C <= u && u <= 0x1F })
	sign := int64(1)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	var n int64
	digits := 0
	for i := range len(s) {
		c := s[i]
		if c == '_' && i > 0 && s[i-1] != '_' && i < len(s)-1 {
			continue
		}
		if c < '0' || c > '9' {
			return 0, errPyValue
		}
		digits++
		n = min(n*10+int64(c-'0'), pyIntLimit)
	}
	if digits == 0 || digits > 4300 {
		return 0, errPyValue
	}
	return sign * n, nil
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
