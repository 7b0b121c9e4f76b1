package django

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"tokenctl"
)

// ClaimInt is int(value) for a claim's value. The error names Python's exception and does not quote
// the value.
func ClaimInt(value json.RawMessage) (*big.Int, error) {
	text := string(value)
	switch value[0] {
	case '"':
		text = pyUnquote(text)
	case 't', 'f', 'n', '[', '{':
		n, err := pyInt(value)
		return big.NewInt(n), err
	default:
		if pyIsInt(value) {
			break
		}
		f := pyFloat(value)
		switch {
		case math.IsNaN(f):
			return nil, errPyValue
		case math.IsInf(f, 0):
			return nil, errPyOverflow
		}
		n, _ := big.NewFloat(f).Int(nil)
		return n, nil
	}
	digits, err := pyDigits(text)
	if err != nil {
		return nil, err
	}
	n, _ := new(big.Int).SetString(digits, 10)
	return n, nil
}

// ClaimText is str(value) for a claim's value.
func ClaimText(value json.RawMessage) string {
	if value[0] == '"' {
		return pyUnquote(string(value))
	}
	var out strings.Builder
	for rest := string(value); rest != ""; {
		token := pyToken().FindString(rest)
		rest = rest[len(token):]
		switch word, ok := pyWords[token]; {
		case ok:
			out.WriteString(word)
		case token[0] == '"':
			out.WriteString(pyRepr(pyUnquote(token)))
		default:
			out.WriteString(token)
		}
	}
	return out.String()
}

// pyToken matches the next token of a canonical value: a string, a punctuation mark, a number or a word.
var pyToken = tokenctl.Lazily(`^("([^"\\]|\\.)*"|[][{},:]|[^][{},:"]+)`)

// pyWords maps tokens of JSON to their form in Python's repr.
var pyWords = map[string]string{"true": "True", "false": "False", "null": "None", "NaN": "nan", "Infinity": "inf", "-Infinity": "-inf", ",": ", ", ":": ": "}

// pyRepr is repr(s).
func pyRepr(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	out := []byte{quote}
	for _, u := range s {
		switch i := strings.IndexRune("\n\r\t\\"+string(quote), u); {
		case i >= 0 && u != utf8.RuneError:
			out = append(out, '\\', ("nrt\\" + string(quote))[i])
		case unicode.IsPrint(u):
			out = utf8.AppendRune(out, u)
		case u <= 0xFF:
			out = fmt.Appendf(out, `\x%02x`, u)
		case u <= 0xFFFF:
			out = fmt.Appendf(out, `\u%04x`, u)
		default:
			out = fmt.Appendf(out, `\U%08x`, u)
		}
	}
	return string(append(out, quote))
}

// ClaimFalsy is Python's "not value" for a claim's value. A missing value is falsy.
func ClaimFalsy(value json.RawMessage) bool { return len(value) == 0 || pyFalsy(value) }

// pyDigits is int(s) for text: decimal digits of any script, single underscores
// between them, white space around them.
func pyDigits(s string) (string, error) {
	s = strings.TrimFunc(s, unicode.IsSpace) // like int(), and unlike str.strip(), without U+001C to U+001F
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	var digits strings.Builder
	last := '_'
	for _, u := range s {
		if u != '_' {
			d, ok := pyDigit(u)
			if !ok {
				return "", errPyValue
			}
			digits.WriteByte('0' + d)
		} else if last == '_' {
			return "", errPyValue
		}
		last = u
	}
	if last == '_' || digits.Len() > maxPyDigits {
		return "", errPyValue
	}
	n := strings.TrimLeft(digits.String(), "0")
	if n == "" {
		return "0", nil
	}
	return sign + n, nil
}

// pyDigit is the value of a decimal digit. Unicode has them in runs of ten, from
// zero to nine.
func pyDigit(u rune) (byte, bool) {
	if u <= unicode.MaxASCII {
		return byte(u - '0'), '0' <= u && u <= '9'
	}
	for _, run := range unicode.Nd.R16 {
		if rune(run.Lo) <= u && u <= rune(run.Hi) {
			return byte((u - rune(run.Lo)) % 10), true
		}
	}
	for _, run := range unicode.Nd.R32 {
		if rune(run.Lo) <= u && u <= rune(run.Hi) {
			return byte((u - rune(run.Lo)) % 10), true
		}
	}
	return 0, false
}
