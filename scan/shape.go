package scan

import (
	"tokenctl"
	"tokenctl/tokens"
)

// Least is the smallest length of a secret that scan searches for: too many other words are shorter.
const Least = 20

// longest is the largest length of a secret other than a JWT: the length of Django's columns.
const longest = 255

// maxJWT bounds the length of JWTs, because servers bound the length of headers.
const maxJWT = 16 << 10

// Letters is a set of characters of a secret. Each set contains the previous one.
type Letters uint8

// The sets.
const (
	Hex      Letters = iota // 0-9a-f
	Lower                   // and g-z
	Word                    // and A-Z
	Visible                 // and VisibleMarks
	AnyBytes                // all bytes; scan does not search for these secrets
)

// VisibleMarks are the characters that a secret may have besides letters and digits.
const VisibleMarks = "-_.~+/=!#$%&*:@^"

// baseMarks are the characters that always belong to a run, besides letters and digits.
const baseMarks = "-_.+/=%"

// Shapes are the lengths and characters of the secrets to search for.
type Shapes struct {
	words    [longest + 1][Visible]Kinds // by length, by what a word consists of
	odd      []oddShape
	prefix   string       // TOKEN_PREFIX
	prefixed []int        // the lengths of knox tokens without the prefix
	added    []BundleForm // forms of the database's keys
	table    [256]uint8
}

// oddShape is the shape of a secret with marks.
type oddShape struct {
	length int
	kinds  Kinds
}

// NewShapes returns the shapes of the secrets of Django's packages. The secrets of a database may have other
// shapes: see [Shapes.Add].
func NewShapes(settings *tokenctl.Settings) *Shapes {
	s := &Shapes{table: byteTable(baseMarks), prefix: settings.Knox.TokenPrefix}
	s.Add(tokens.DRF, 40, Hex)
	s.Add(tokens.Knox, 40, Hex) // a DRF key that knox took over
	s.Add(tokens.Session, 32, Lower)
	for _, n := range []int{64, settings.Knox.TokenLength() / 2 * 2} {
		if n >= Least && n <= longest {
			s.Add(tokens.Knox, n, Hex)
			s.prefixed = append(s.prefixed, n)
		}
	}
	s.added = nil // every bundle has these shapes
	return s
}

// Add adds the shape of secrets of a kind. It reports whether the shape can be searched for.
func (s *Shapes) Add(k *tokens.Kind, length int, letters Letters) bool {
	if length < Least || length > longest || letters > Visible {
		return false
	}
	bit := kindBit(k)
	s.added = append(s.added, BundleForm{length, letters})
	if letters == Visible {
		s.odd = append(s.odd, oddShape{length, bit})
		s.table = byteTable(VisibleMarks)
		letters = Word
	}
	for set := Hex; set <= letters; set++ {
		s.words[length][set] |= bit
	}
	return true
}

// Shortest returns the smallest number of bytes of a text that can hold one of the secrets: every encoding makes
// a text longer, and a JWT is longer than the key of a session.
func (s *Shapes) Shortest() int {
	n := Least
	for n < longest && s.words[n] == [Visible]Kinds{} {
		n++
	}
	for _, o := range s.odd {
		n = min(n, o.length)
	}
	return n
}

// The properties of bytes. The properties of a word or run are those of its bytes, combined with or.
const (
	isRun       uint8 = 1 << iota // part of a run
	isWord                        // a letter or digit
	isUpper                       // A-Z
	isHigh                        // g-z
	isPercent                     // %
	isBackslash                   // \
	isEquals                      // =
	isDot                         // .
)

func byteTable(marks string) (t [256]uint8) {
	for b := range t {
		switch c := byte(b); {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
			t[b] = isRun | isWord
		case 'g' <= c && c <= 'z':
			t[b] = isRun | isWord | isHigh
		case 'A' <= c && c <= 'Z':
			t[b] = isRun | isWord | isUpper
		}
	}
	for _, c := range []byte(marks) {
		t[c] |= isRun
	}
	t['%'] |= isPercent
	t['\\'] |= isBackslash | isRun
	t['='] |= isEquals
	t['.'] |= isDot
	return t
}

// lettersOf returns the smallest set that contains the bytes of a word.
func lettersOf(properties uint8) Letters {
	switch {
	case properties&isUpper != 0:
		return Word
	case properties&isHigh != 0:
		return Lower
	}
	return Hex
}

var (
	knoxOnly = kindBit(tokens.Knox)
	jwtOnly  = kindBit(tokens.JWT)
)
