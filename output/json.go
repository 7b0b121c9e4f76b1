package output

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// jsonKeys returns the text before each value of a row: the brace or comma, and the key.
func jsonKeys(cols []Column, sel []int) []string {
	keys := make([]string, len(sel))
	for n, i := range sel {
		b := []byte{','}
		if n == 0 {
			b[0] = '{'
		}
		keys[n] = string(append(appendJSONString(b, cols[i].Name), ':'))
	}
	return keys
}

func (w *Writer) appendJSONRow(row []Value) {
	b := w.buf
	for n, i := range w.sel {
		b = append(b, w.keys[n]...)
		b = row[i].appendJSON(b)
	}
	w.buf = append(b, '}')
}

// encodeJSON does not end the line, because a comma follows if there is another row.
func (w *Writer) encodeJSON(row []Value) error {
	if w.rows == 0 {
		w.buf = append(w.buf, "[\n  "...)
	} else {
		w.buf = append(w.buf, ",\n  "...)
	}
	w.appendJSONRow(row)
	return nil
}

func (w *Writer) finishJSON() error {
	if w.rows == 0 {
		w.buf = append(w.buf, "[]\n"...)
	} else {
		w.buf = append(w.buf, "\n]\n"...)
	}
	return nil
}

func (w *Writer) encodeNDJSON(row []Value) error {
	w.appendJSONRow(row)
	w.buf = append(w.buf, '\n')
	return nil
}

// encodeJSONSingle writes a single row, indented for people.
func (w *Writer) encodeJSONSingle(row []Value) error {
	w.appendJSONRow(row)
	var b bytes.Buffer
	if err := json.Indent(&b, w.buf, "", "  "); err != nil {
		return err
	}
	w.buf = append(append(w.buf[:0], b.Bytes()...), '\n')
	return nil
}

func (v Value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case kindString:
		return appendJSONString(dst, v.str)
	case kindTime:
		dst = append(dst, '"')
		dst = appendFull(dst, v.time())
		return append(dst, '"')
	case kindBool:
		return strconv.AppendBool(dst, v.num != 0)
	case kindInt:
		return strconv.AppendInt(dst, v.num, 10)
	case kindRaw:
		return append(dst, v.str...)
	case kindStrings:
		dst = append(dst, '[')
		for i, s := range v.more.strings {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, s)
		}
		return append(dst, ']')
	case kindObject:
		dst = append(dst, '{')
		for i, k := range v.more.keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSONString(dst, k), ':')
			dst = v.more.vals[i].appendJSON(dst)
		}
		return append(dst, '}')
	case kindList:
		dst = append(dst, '[')
		for i, element := range v.more.vals {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = element.appendJSON(dst)
		}
		return append(dst, ']')
	default:
		return append(dst, "null"...)
	}
}

// jsonSafe marks the ASCII characters that are literal in a JSON string.
var jsonSafe = func() (safe [utf8.RuneSelf]bool) {
	for c := ' '; c < 0x7f; c++ {
		safe[c] = c != '"' && c != '\\'
	}
	return safe
}()

// appendJSONString appends s as a JSON string, which is also a double-quoted scalar of YAML. Bytes that are not UTF-8
// become U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !jsonSafe[c] {
				dst = append(dst, s[start:i]...)
				dst = appendJSONEscape(dst, rune(c))
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || jsonEscaped(r) {
			dst = append(dst, s[start:i]...)
			dst = appendJSONEscape(dst, r)
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// jsonEscaped reports whether a character beyond ASCII is escaped although JSON does not require it: C1 and bidi
// controls, because a terminal may show the document; line separators, which JavaScript did not accept before 2019; and
// characters that YAML must escape.
func jsonEscaped(r rune) bool {
	switch {
	case r < 0xa0:
		return true
	case r < 0x61c:
		return false
	}
	return r == 0x61c || r >= 0x200e && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0xfeff || r == 0xfffe || r == 0xffff
}

func appendJSONEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case utf8.RuneError:
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// escapeDocument escapes the characters of jsonEscaped in a whole JSON document, where only strings can contain them. It
// also escapes DEL, the only ASCII control that JSON does not require to be escaped.
func escapeDocument(doc []byte) []byte {
	if bytes.IndexFunc(doc, func(r rune) bool { return r >= 0x7f }) < 0 {
		return doc
	}
	dst := make([]byte, 0, len(doc)+64)
	for i := 0; i < len(doc); {
		r, size := utf8.DecodeRune(doc[i:])
		if r == utf8.RuneError && size == 1 || r == 0x7f || r > 0x7f && jsonEscaped(r) {
			dst = appendJSONEscape(dst, r)
		} else {
			dst = append(dst, doc[i:i+size]...)
		}
		i += size
	}
	return dst
}
