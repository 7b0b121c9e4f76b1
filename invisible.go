package tokenctl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mark is the byte order mark that some editors write before a text in UTF-8. It is
// no part of the text.
const Mark = "\ufeff"

// Invisible names the first character of a text that nobody sees, such as "a
// no-break space (U+00A0)"; it is empty where there is none. Pasted into a name, a
// key or a secret, such a character changes it.
func Invisible(text string) string {
	i := strings.IndexFunc(text, invisible)
	if i < 0 {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	name := "an invisible character"
	switch {
	case r == 0:
		name = "a NUL character"
	case unicode.IsControl(r):
		name = "a control character"
	case r == '\u00a0', r == '\u202f':
		name = "a no-break space"
	case r == '\ufeff':
		name = "a byte order mark"
	case '\u200b' <= r && r <= '\u200d', r == '\u2060':
		name = "a zero-width character"
	case unicode.IsSpace(r), unicode.Is(unicode.Zs, r):
		name = "a space that is not the common one"
	}
	return fmt.Sprintf("%s (U+%04X)", name, r)
}

// invisible reports whether r shows nothing: control and format characters, spaces
// but the common one, line separators, fillers, and variation selectors but the two
// that choose between text and emoji.
func invisible(r rune) bool {
	switch {
	case r <= '~':
		return unicode.IsControl(r)
	case r == 0xfe0e, r == 0xfe0f:
		return false
	case r == 0x2800: // the blank Braille pattern
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
