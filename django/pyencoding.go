package django

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// pyDecodeJSON makes text of JSON in bytes as json.loads does: detect_encoding of
// json/__init__.py (Python 3.11), then decode with "surrogatepass". PyJWT hands
// bytes to it. The text is UTF-8 but for lone surrogates, which take three bytes
// each; ok is false where the encoding is broken.
func pyDecodeJSON(in []byte) (text []byte, ok bool) {
	little, big := binary.LittleEndian, binary.BigEndian
	switch {
	case bytes.HasPrefix(in, []byte{0, 0, 0xFE, 0xFF}):
		return decodeUTF32(in[4:], big)
	case bytes.HasPrefix(in, []byte{0xFF, 0xFE, 0, 0}):
		return decodeUTF32(in[4:], little)
	case bytes.HasPrefix(in, []byte{0xFE, 0xFF}):
		return decodeUTF16(in[2:], big)
	case bytes.HasPrefix(in, []byte{0xFF, 0xFE}):
		return decodeUTF16(in[2:], little)
	case bytes.HasPrefix(in, []byte("\ufeff")):
		return in[3:], true
	case len(in) >= 4 && in[0] == 0 && in[1] == 0:
		return decodeUTF32(in, big)
	case len(in) >= 4 && in[1] == 0 && in[2] == 0 && in[3] == 0:
		return decodeUTF32(in, little)
	case (len(in) >= 4 || len(in) == 2) && in[0] == 0:
		return decodeUTF16(in, big)
	case (len(in) >= 4 || len(in) == 2) && in[1] == 0:
		return decodeUTF16(in, little)
	}
	return in, true
}

func decodeUTF16(in []byte, order binary.ByteOrder) (text []byte, ok bool) {
	for ; len(in) >= 2; in = in[2:] {
		u := rune(order.Uint16(in))
		if utf16.IsSurrogate(u) && len(in) >= 4 {
			if joined := utf16.DecodeRune(u, rune(order.Uint16(in[2:]))); joined != utf8.RuneError {
				u, in = joined, in[2:]
			}
		}
		text = AppendPythonRune(text, u)
	}
	return text, len(in) == 0
}

func decodeUTF32(in []byte, order binary.ByteOrder) (text []byte, ok bool) {
	for ; len(in) >= 4; in = in[4:] {
		u := order.Uint32(in)
		if u > utf8.MaxRune {
			return nil, false
		}
		text = AppendPythonRune(text, rune(u))
	}
	return text, len(in) == 0
}

// AppendPythonRune is utf8.AppendRune that keeps lone surrogates, as
// "surrogatepass" does.
func AppendPythonRune(out []byte, u rune) []byte {
	if utf16.IsSurrogate(u) {
		return append(out, 0xE0|byte(u>>12), 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
	}
	return utf8.AppendRune(out, u)
}
