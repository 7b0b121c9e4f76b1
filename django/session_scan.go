package django

import "bytes"

// jsonScanner looks for members of an object, and passes over everything else without a copy, a
// few nanoseconds a byte faster than pyReader, which reads the same JSON: Python's.
type jsonScanner struct {
	data  []byte
	pos   int
	depth int
}

// object calls visit with the raw name, without its quotes, and the raw value of each member. It
// reports whether the object was well-formed.
func (s *jsonScanner) object(visit func(name, value []byte)) (ok bool) {
	if s.space() != '{' {
		return false
	}
	if s.depth++; s.depth > maxPyDepth {
		return false
	}
	s.pos++
	if s.space() == '}' {
		s.pos++
		s.depth--
		return true
	}
	for {
		s.space()
		start := s.pos
		if !s.str() {
			return false
		}
		name := s.data[start+1 : s.pos-1]
		if s.space() != ':' {
			return false
		}
		s.pos++
		s.space()
		start = s.pos
		if !s.value() {
			return false
		}
		if visit != nil {
			visit(name, s.data[start:s.pos])
		}
		switch s.space() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			s.depth--
			return true
		default:
			return false
		}
	}
}

// array passes over an array.
func (s *jsonScanner) array() bool {
	if s.depth++; s.depth > maxPyDepth {
		return false
	}
	s.pos++
	if s.space() == ']' {
		s.pos++
		s.depth--
		return true
	}
	for {
		s.space()
		if !s.value() {
			return false
		}
		switch s.space() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			s.depth--
			return true
		default:
			return false
		}
	}
}

// value passes over any value.
func (s *jsonScanner) value() bool {
	switch c := s.peek(); c {
	case '"':
		return s.str()
	case '{':
		return s.object(nil)
	case '[':
		return s.array()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	case 'N':
		return s.word("NaN")
	case 'I':
		return s.word("Infinity")
	default:
		return s.number()
	}
}

func (s *jsonScanner) str() bool {
	if s.peek() != '"' {
		return false
	}
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			i++
			if i == len(s.data) {
				return false
			}
			if s.data[i] == 'u' {
				for range 4 {
					if i++; i == len(s.data) || !isHex(s.data[i]) {
						return false
					}
				}
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), s.data[i]) < 0 {
				return false
			}
		}
	}
	return false
}

func (s *jsonScanner) number() bool {
	if s.peek() == '-' {
		s.pos++
		if s.peek() == 'I' {
			return s.word("Infinity")
		}
	}
	start := s.pos
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	short := s.pos-start <= maxPyDigits // or it must not be an integer
	if s.peek() == '.' {
		s.pos++
		if short = true; !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return short
}

func (s *jsonScanner) digits() bool {
	start := s.pos
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

func (s *jsonScanner) word(w string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return false
	}
	s.pos += len(w)
	return true
}

// peek returns the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// space passes over white space and returns the byte behind it.
func (s *jsonScanner) space() byte {
	for {
		switch c := s.peek(); c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
