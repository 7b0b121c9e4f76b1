package django

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendPython is json.dumps(value, separators=(",", ":")) for a value of pyLoads.
func appendPython(out []byte, value any) []byte {
	switch v := value.(type) {
	case bool:
		return strconv.AppendBool(out, v)
	case PythonInteger:
		return append(out, v...)
	case float64:
		return AppendPythonFloat(out, v)
	case string:
		return appendPyString(out, v)
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendPython(out, item)
		}
		return append(out, ']')
	case PythonDict:
		out = append(out, '{')
		for i, m := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendPyString(out, m.Name), ':')
			out = appendPython(out, m.Value)
		}
		return append(out, '}')
	}
	return append(out, "null"...)
}

// AppendPythonFloat appends a float as json.dumps writes it: repr(f), except NaN and the
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

// appendPyString appends a string as json.dumps writes it with ensure_ascii: DEL is escaped too, but
// "/", "<", ">" and "&" are not. Bytes that are neither UTF-8 nor a surrogate become U+FFFD.
func appendPyString(out []byte, s string) []byte {
	out = append(out, '"')
	for len(s) > 0 {
		u, size := DecodePythonRune(s)
		s = s[size:]
		switch i := strings.IndexRune("\"\\\b\f\n\r\t", u); {
		case i >= 0 && u != utf8.RuneError:
			out = append(out, '\\', `"\bfnrt`[i])
		case ' ' <= u && u <= '~':
			out = append(out, byte(u))
		case u > 0xFFFF:
			high, low := utf16.EncodeRune(u)
			out = appendPyEscape(appendPyEscape(out, high), low)
		default:
			out = appendPyEscape(out, u)
		}
	}
	return append(out, '"')
}

func appendPyEscape(out []byte, u rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// DecodePythonRune is utf8.DecodeRuneInString, but accepts surrogates like bytes.decode with
// "surrogatepass": it returns the first character of s, and its size in bytes.
func DecodePythonRune(s string) (u rune, size int) {
	if len(s) >= 3 && s[0] == 0xED && s[1]&0xE0 == 0xA0 && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return utf8.DecodeRuneInString(s)
}

// appendPyRune is utf8.AppendRune, but accepts surrogates.
func appendPyRune(out []byte, u rune) []byte {
	if utf16.IsSurrogate(u) {
		return append(out, 0xE0|byte(u>>12), 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
	}
	return utf8.AppendRune(out, u)
}

// isPyText reports whether text is UTF-8, surrogates included.
func isPyText(text []byte) bool {
	if utf8.Valid(text) {
		return true
	}
	for s := string(text); len(s) > 0; {
		u, size := DecodePythonRune(s)
		if u == utf8.RuneError && size == 1 {
			return false
		}
		s = s[size:]
	}
	return true
}

// pyString writes s as a JSON string.
func pyString(s string) json.RawMessage { return appendPyString(make([]byte, 0, len(s)+2), s) }

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

// pyText returns a value that is a string, and "" for another value. A lone surrogate becomes U+FFFD.
func pyText(value any) string {
	s, _ := value.(string)
	if utf8.ValidString(s) {
		return s
	}
	return pyUnquote(string(pyString(s)))
}
