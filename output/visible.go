package output

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns s with escapes, as in a Go string, for everything that could deceive a reader or control a terminal:
// control characters, ANSI escapes, line breaks, bidi controls, zero-width and other invisible characters, and bytes
// that are not UTF-8 (\x9b is a byte, \u009b a character). It returns harmless text as it is, without allocation. It does
// not escape backslashes, so that commands in a message can be pasted; the result cannot be parsed.
func Visible(s string) string {
	i := 0
	for i < len(s) && s[i] >= ' ' && s[i] < 0x7f {
		i++
	}
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || deceptive(r) {
			return string(appendVisible(make([]byte, 0, len(s)+32), s, i))
		}
		i += size
	}
	return s
}

// visibleExactly is Visible with every backslash doubled, so that no text looks like the escape of another.
func visibleExactly(s string) string {
	if strings.IndexByte(s, '\\') >= 0 {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return Visible(s)
}

// appendVisible appends s, whose first n bytes need no escapes.
func appendVisible(dst []byte, s string, n int) []byte {
	dst = append(dst, s[:n]...)
	for i := n; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = appendHex(append(dst, `\x`...), rune(s[i]), 2)
		case !deceptive(r):
			dst = append(dst, s[i:i+size]...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < utf8.RuneSelf:
			dst = appendHex(append(dst, `\x`...), r, 2)
		case r <= 0xffff:
			dst = appendHex(append(dst, `\u`...), r, 4)
		default:
			dst = appendHex(append(dst, `\U`...), r, 8)
		}
		i += size
	}
	return dst
}

func appendHex(dst []byte, r rune, digits int) []byte {
	for digits--; digits >= 0; digits-- {
		dst = append(dst, "0123456789abcdef"[r>>(4*digits)&15])
	}
	return dst
}

// deceptive reports whether r could deceive a reader. Unicode's graphic characters exclude controls, formats (bidi, zero
// width, tags), line and paragraph separators, private use and unassigned characters. Some graphic characters are blank
// or have no width: Hangul fillers, the blank Braille pattern, and variation selectors. Only the two variation selectors
// that choose between text and emoji are in ordinary use.
func deceptive(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	case r == 0xfe0e || r == 0xfe0f:
		return false
	case r == 0x2800:
		return true
	}
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Variation_Selector, r)
}
