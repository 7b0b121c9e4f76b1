package scan

import (
	"strings"
)

// wildmatch matches like dowild of git's wildmatch.c (2.39). In a pattern for a path, ** matches
// slashes, but * and ? do not.
func wildmatch(pattern, text string, path bool) bool {
	return wild(pattern, text, 0, path) == matched
}

type verdict uint8

const (
	matched  verdict = iota
	failed           // the pattern does not match at this place
	hopeless         // a longer match of the last * cannot help
	toStar           // a longer match of the last * that excludes slashes cannot help
)

func wild(pattern, text string, p int, path bool) verdict {
	t := 0
	for ; p < len(pattern); p, t = p+1, t+1 {
		c := pattern[p]
		if t >= len(text) && c != '*' {
			return hopeless
		}
		switch c {
		case '?':
			if path && text[t] == '/' {
				return failed
			}
		case '*':
			return star(pattern, text[t:], p, path)
		case '[':
			end, in, ok := class(pattern, p+1, text[t])
			if !ok {
				return hopeless
			}
			if !in || path && text[t] == '/' {
				return failed
			}
			p = end
		case '\\':
			if p++; p >= len(pattern) || pattern[p] != text[t] {
				return failed
			}
		default:
			if c != text[t] {
				return failed
			}
		}
	}
	if t < len(text) {
		return failed
	}
	return matched
}

// star matches the pattern from a * on.
func star(pattern, text string, p int, path bool) verdict {
	before := p
	slashes := !path // the * matches slashes too
	p++
	if p < len(pattern) && pattern[p] == '*' {
		for p < len(pattern) && pattern[p] == '*' {
			p++
		}
		opens := before == 0 || pattern[before-1] == '/'
		ends := p == len(pattern) || pattern[p] == '/' || strings.HasPrefix(pattern[p:], `\/`)
		if path {
			slashes = opens && ends
			// **/ also matches without any folder.
			if slashes && p < len(pattern) && pattern[p] == '/' && wild(pattern, text, p+1, path) == matched {
				return matched
			}
		}
	}
	if p == len(pattern) {
		if !slashes && strings.Contains(text, "/") {
			return toStar
		}
		return matched
	}
	if !slashes && pattern[p] == '/' {
		slash := strings.IndexByte(text, '/')
		if slash < 0 {
			return hopeless
		}
		return wild(pattern, text[slash:], p, path)
	}
	for i := 0; ; i++ {
		switch v := wild(pattern, text[i:], p, path); {
		case v == matched, v == hopeless:
			return v
		case v == toStar && !slashes:
			return v
		}
		switch {
		case i == len(text):
			return hopeless
		case !slashes && text[i] == '/':
			return toStar
		}
	}
}

// class matches a set in brackets that begins at p, and returns the end of the set.
func class(pattern string, p int, c byte) (end int, in, ok bool) {
	negated := p < len(pattern) && (pattern[p] == '!' || pattern[p] == '^')
	if negated {
		p++
	}
	previous := byte(0)
	for first := true; ; first = false {
		if p >= len(pattern) {
			return 0, false, false
		}
		b := pattern[p]
		switch {
		case b == ']' && !first:
			return p, in != negated, true
		case b == '\\':
			if p++; p >= len(pattern) {
				return 0, false, false
			}
			b = pattern[p]
			in = in || b == c
		case b == '-' && previous != 0 && p+1 < len(pattern) && pattern[p+1] != ']':
			p++
			if b = pattern[p]; b == '\\' {
				if p++; p >= len(pattern) {
					return 0, false, false
				}
				b = pattern[p]
			}
			in = in || previous <= c && c <= b
			b = 0 // the end of a range cannot begin another range
		case b == '[' && p+1 < len(pattern) && pattern[p+1] == ':':
			close := strings.IndexByte(pattern[p+2:], ']')
			if close < 0 {
				return 0, false, false
			}
			name := pattern[p+2 : p+2+close]
			if !strings.HasSuffix(name, ":") {
				in = in || c == '[' // not a class
				break
			}
			is, known := classes[strings.TrimSuffix(name, ":")]
			if !known {
				return 0, false, false
			}
			in = in || is(c)
			p += 2 + close
			b = 0
		default:
			in = in || b == c
		}
		previous = b
		p++
	}
}

func between(low, high byte) func(byte) bool {
	return func(c byte) bool { return low <= c && c <= high }
}

func anyOf(list ...func(byte) bool) func(byte) bool {
	return func(c byte) bool {
		for _, is := range list {
			if is(c) {
				return true
			}
		}
		return false
	}
}

var (
	isDigit  = between('0', '9')
	isLetter = anyOf(between('a', 'z'), between('A', 'Z'))

	classes = map[string]func(byte) bool{
		"alnum": anyOf(isDigit, isLetter), "alpha": isLetter, "digit": isDigit, "lower": between('a', 'z'), "upper": between('A', 'Z'),
		"blank": func(c byte) bool { return c == ' ' || c == '\t' }, "cntrl": anyOf(between(0, 31), between(127, 127)),
		"graph": between('!', '~'), "print": between(' ', '~'), "space": anyOf(between(' ', ' '), between('\t', '\r')),
		"punct":  anyOf(between('!', '/'), between(':', '@'), between('[', '`'), between('{', '~')),
		"xdigit": anyOf(isDigit, between('a', 'f'), between('A', 'F')),
	}
)
