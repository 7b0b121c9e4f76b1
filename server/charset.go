package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// charset is the encoding of a request's text: the one its Content-Type names, if
// Python knows it, UTF-8 otherwise (HttpRequest._set_content_type_params of
// django/http/request.py, 4.2). Of Python's hundred these are taken; a body in
// another is read as UTF-8.
type charset string

const (
	charsetUTF8   charset = "utf-8"
	charsetASCII  charset = "ascii"
	charsetLatin1 charset = "latin-1"
	charsetUTF16  charset = "utf-16" // of JSON; a form's is read as UTF-8
)

// charsets are the names in Python's encodings/aliases.py (3.11), normalised as its
// encodings.normalize_encoding does and in lower case.
var charsets = map[string]charset{
	"utf_8": charsetUTF8, "utf8": charsetUTF8, "u8": charsetUTF8, "utf": charsetUTF8, "utf8_ucs2": charsetUTF8,
	"utf8_ucs4": charsetUTF8, "cp65001": charsetUTF8,
	"ascii": charsetASCII, "646": charsetASCII, "ansi_x3.4_1968": charsetASCII, "ansi_x3_4_1968": charsetASCII,
	"ansi_x3.4_1986": charsetASCII, "cp367": charsetASCII, "csascii": charsetASCII, "ibm367": charsetASCII,
	"iso646_us": charsetASCII, "iso_646.irv_1991": charsetASCII, "iso_ir_6": charsetASCII, "us": charsetASCII, "us_ascii": charsetASCII,
	"utf_16": charsetUTF16, "u16": charsetUTF16, "utf16": charsetUTF16,
	"latin_1": charsetLatin1, "8859": charsetLatin1, "cp819": charsetLatin1, "csisolatin1": charsetLatin1, "ibm819": charsetLatin1,
	"iso8859": charsetLatin1, "iso8859_1": charsetLatin1, "iso_8859_1": charsetLatin1, "iso_8859_1_1987": charsetLatin1,
	"iso_ir_100": charsetLatin1, "l1": charsetLatin1, "latin": charsetLatin1, "latin1": charsetLatin1,
}

// charsetOf is the charset of a Content-Type. Django up to 4.1 asks Python's cgi for
// it, which reads a header as Django's own function does from 4.2 on.
func charsetOf(contentType string) charset {
	t, err := headerParser{}.mediaType(contentType)
	if err != nil {
		return charsetUTF8
	}
	name := strings.Join(strings.FieldsFunc(strings.ToLower(t.param("charset")), func(c rune) bool {
		return c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z')
	}), "_")
	if c, ok := charsets[name]; ok {
		return c
	}
	return charsetUTF8
}

// decode is bytes.decode() where it is not final, as in codecs.StreamReader.read: a
// character that the end cuts off is dropped in silence. The error is that of
// UnicodeDecodeError.
func (c charset) decode(b []byte) (string, error) {
	if c == charsetUTF16 {
		return decodeUTF16(b)
	}
	for i := 0; i < len(b) && c != charsetLatin1; {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		if c == charsetASCII {
			return "", decodeError(c, b, i, 1, "ordinal not in range(128)")
		}
		n, fault := utf8Char(b[i:])
		switch {
		case fault == cutOff, len(b)-i == 2 && b[i] == 0xED && b[i+1]&0xE0 == 0xA0: // or it may be a surrogate
			return string(b[:i]), nil
		case fault != "":
			return "", decodeError(c, b, i, n, fault)
		}
		i += n
	}
	if c == charsetLatin1 {
		return latin1(string(b)), nil
	}
	return string(b), nil
}

// decodeUTF16 is StreamReader of encodings/utf_16.py (3.11): it wants a byte order
// mark.
func decodeUTF16(b []byte) (string, error) {
	var order binary.ByteOrder = binary.LittleEndian
	codec, i := charset("utf-16-le"), 0
	if bytes.HasPrefix(b, []byte{0xFE, 0xFF}) {
		order, codec, i = binary.BigEndian, "utf-16-be", 2
	} else if bytes.HasPrefix(b, []byte{0xFF, 0xFE}) {
		i = 2
	}
	marked := i > 0
	var out []byte
	for ; i+2 <= len(b); i += 2 {
		u := rune(order.Uint16(b[i:]))
		if utf16.IsSurrogate(u) {
			if u >= 0xDC00 {
				return "", decodeError(codec, b, i, 2, "illegal encoding")
			} else if i+4 > len(b) {
				break // cut off
			}
			if u = utf16.DecodeRune(u, rune(order.Uint16(b[i+2:]))); u == utf8.RuneError {
				return "", decodeError(codec, b, i, 2, "illegal UTF-16 surrogate")
			}
			i += 2
		}
		out = utf8.AppendRune(out, u)
	}
	if !marked && i > 0 { // Python looks for the mark last
		return "", errors.New("UTF-16 stream does not start with BOM")
	}
	return string(out), nil
}

func decodeError(c charset, b []byte, at, n int, reason string) error {
	if n == 1 {
		return fmt.Errorf("'%s' codec can't decode byte 0x%02x in position %d: %s", c, b[at], at, reason)
	}
	return fmt.Errorf("'%s' codec can't decode bytes in position %d-%d: %s", c, at, at+n-1, reason)
}

// replace is bytes.decode(errors="replace").
func (c charset) replace(b []byte) string {
	if c == charsetLatin1 {
		return latin1(string(b))
	}
	var out []byte
	for i := 0; i < len(b); {
		n, fault := 1, ""
		if c != charsetASCII {
			n, fault = utf8Char(b[i:])
		} else if b[i] >= utf8.RuneSelf {
			fault = "not ASCII"
		}
		if fault == "" {
			out = append(out, b[i:i+n]...)
		} else {
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		i += n
	}
	return string(out)
}

// cutOff is the fault of a character that the end cuts off.
const cutOff = "unexpected end of data"

// utf8Char returns the length of the character that b begins with; where it is none,
// what CPython's decoder finds wrong, and with how many bytes (Objects/stringlib/codecs.h).
func utf8Char(b []byte) (n int, fault string) {
	if u, n := utf8.DecodeRune(b); u != utf8.RuneError || n > 1 {
		return n, ""
	}
	length, low, high := 4, byte(0x80), byte(0xBF)
	switch c := b[0]; {
	case c < 0xC2 || c > 0xF4:
		return 1, "invalid start byte"
	case c < 0xE0:
		length = 2
	case c < 0xF0:
		length = 3
	}
	switch b[0] {
	case 0xE0:
		low = 0xA0
	case 0xED:
		high = 0x9F
	case 0xF0:
		low = 0x90
	case 0xF4:
		high = 0x8F
	}
	for n = 1; n < length && n < len(b); n++ {
		if b[n] < low || b[n] > high {
			return n, "invalid continuation byte"
		}
		low, high = 0x80, 0xBF
	}
	return n, cutOff
}

// latin1 is the text of bytes in ISO 8859-1, as WSGI takes headers (PEP 3333).
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
