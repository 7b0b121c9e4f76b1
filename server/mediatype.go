package server

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tokenctl"
)

// mediaType is _MediaType of rest_framework/utils/mediatypes.py (3.16.0).
type mediaType struct {
	full      string // without parameters, in lower case
	main, sub string
	params    []parameter // by name, in the order of the header
}

type parameter struct{ name, value string }

// param returns the value of a parameter, "" where it is not given.
func (t mediaType) param(name string) string {
	value, _ := lookup(t.params, name)
	return value
}

func lookup(params []parameter, name string) (value string, ok bool) {
	for _, p := range params {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// match is _MediaType.match of a type without parameters, such as a parser's.
func (t mediaType) match(other mediaType) bool {
	return (t.sub == other.sub || t.sub == "*" || other.sub == "*") && (t.main == other.main || t.main == "*" || other.main == "*")
}

// precedence tells how specific the type is.
func (t mediaType) precedence() int {
	switch {
	case t.main == "*":
		return 0
	case t.sub == "*":
		return 1
	case len(t.params) == 0 || len(t.params) == 1 && t.params[0].name == "q":
		return 2
	}
	return 3
}

// isForm is is_form_media_type of rest_framework/request.py (3.16.0).
func (t mediaType) isForm() bool { return t.full == formType || t.full == multipartType }

// headerParser is parse_header_parameters, as Django has it (django/utils/http.py, 4.2)
// or as it had it in django/http/multipartparser.py up to 4.1: for bytes.
type headerParser struct {
	bytes bool
	steps *int // counts the bytes that are looked at, in tests
}

func headersOf(peers tokenctl.Peers) headerParser {
	return headerParser{bytes: !peers.Django.AtLeast("4.2")}
}

// mediaType reads a media type out of a header.
func (p headerParser) mediaType(header string) (mediaType, error) {
	full, params, err := p.parse(header)
	main, sub, _ := strings.Cut(full, "/")
	return mediaType{full, main, sub, params}, err
}

// errHeader is the ValueError of a header that Python cannot decode.
var errHeader = errors.New(unreadableHeader)

const unreadableHeader = "a header cannot be decoded"

// parse splits a header into what it is about and its parameters. The text is
// in UTF-8, or anything where bytes are parsed.
func (p headerParser) parse(header string) (main string, params []parameter, err error) {
	parts := p.split(header)
	place := make(map[string]int, len(parts)-1) // of each name in params
	if main, err = p.lower(parts[0]); err != nil {
		return "", nil, err
	}
	for _, part := range parts[1:] {
		p.step(len(part))
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		if name, err = p.lower(p.strip(name)); err != nil {
			return "", nil, err
		}
		name, extended := strings.CutSuffix(name, "*")
		extended = extended && strings.Count(part, "'") == 2 // RFC 2231: encoding'language'value
		if value = p.strip(value); len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = strings.ReplaceAll(strings.ReplaceAll(value[1:len(value)-1], `\\`, `\`), `\"`, `"`)
		}
		if extended {
			if value, err = extendedValue(value); err != nil {
				return "", nil, err
			}
		}
		if i, again := place[name]; again {
			params[i].value = value
		} else {
			place[name] = len(params)
			params = append(params, parameter{name, value})
		}
	}
	return main, params, nil
}

// split is _parseparam: at semicolons that an even number of quotes precedes in
// their part. Every byte is looked at once, where Python counts the quotes of the
// whole part anew at each semicolon.
func (p headerParser) split(s string) (parts []string) {
	begin, quoted := 0, false
	for i := range len(s) {
		p.step(1)
		switch {
		case s[i] == '"' && (p.bytes || i == begin || s[i-1] != '\\'):
			quoted = !quoted
		case s[i] == ';' && !quoted:
			parts = append(parts, p.strip(s[begin:i]))
			begin = i + 1
		}
	}
	return append(parts, p.strip(s[begin:]))
}

func (p headerParser) step(n int) {
	if p.steps != nil {
		*p.steps += n
	}
}

func (p headerParser) lower(s string) (string, error) {
	if !p.bytes {
		return strings.ToLower(s), nil
	}
	if strings.IndexFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) >= 0 {
		return "", errHeader // UnicodeDecodeError
	}
	return strings.ToLower(s), nil
}

func (p headerParser) strip(s string) string {
	if p.bytes {
		return strings.Trim(s, asciiSpace)
	}
	return strip(s)
}

// asciiSpace is what bytes.strip() removes.
const asciiSpace = " \t\n\r\x0b\x0c"

// strip is str.strip().
func strip(s string) string {
	return strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || 0x1C <= c && c <= 0x1F })
}

// extendedValue decodes encoding'language'value.
func extendedValue(value string) (string, error) {
	parts := strings.Split(value, "'")
	if len(parts) != 3 {
		return "", errHeader // the quotes were not all in the value: ValueError
	}
	if !strings.Contains(parts[2], "%") {
		return parts[2], nil
	}
	c, ok := charsets[strings.ReplaceAll(strings.ToLower(parts[0]), "-", "_")]
	if !ok {
		return "", uncaught("unknown encoding in a header") // LookupError
	}
	return unquote(parts[2], c), nil
}

// unquote is urllib.parse.unquote(s, encoding, errors="replace") of Python 3.11:
// stretches of ASCII are decoded each by itself.
func unquote(s string, c charset) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(u rune) bool { return u >= utf8.RuneSelf })
		if n < 0 {
			n = len(s)
		}
		out.WriteString(c.replace(unquoteBytes(s[:n])))
		s = s[n:]
		n = strings.IndexFunc(s, func(u rune) bool { return u < utf8.RuneSelf })
		if n < 0 {
			n = len(s)
		}
		out.WriteString(s[:n])
		s = s[n:]
	}
	return out.String()
}

// unquoteBytes is unquote_to_bytes: a % without two digits stands for itself.
func unquoteBytes(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(c))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}
