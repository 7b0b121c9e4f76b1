package scan

import (
	"tokenctl"
	"tokenctl/tokens"
)

// Least is the least length of a secret that is searched for: a shorter word is too often
// something else.
const Least = 20

// longest is the greatest length of a secret that is no JWT: that of Django's columns.
const longest = 255

// maxJWT bounds JWTs, as servers bound the header that carries them.
const maxJWT = 16 << 10

// Letters says what a secret consists of. Each set holds the one before.
type Letters uint8

// The sets.
const (
	Hex      Letters = iota // 0-9a-f
	Lower                   // and g-z
	Word                    // and A-Z
	Visible                 // and the marks of visibleMarks
	AnyBytes                // and anything else, which is not searched for
)

// VisibleMarks are what a secret may have in it besides letters and digits.
const VisibleMarks = "-_.~+/=!#$%&*:@^"

// baseMarks are those of them that the finder always takes for a part of a run.
const baseMarks = "-_.+/=%"

// Shapes are the forms of the secrets that are searched for.
type Shapes struct {
	words    [longest + 1][Visible]Kinds // by length, by what a word consists of
	odd      []oddShape
	prefix   string       // TOKEN_PREFIX
	prefixed []int        // the lengths of knox tokens behind the prefix
	added    []BundleForm // forms of the database's keys
	table    [256]uint8
}

// oddShape is a secret with marks in it.
type oddShape struct {
	length int
	kinds  Kinds
}

// NewShapes returns the shapes that Django's packages give to secrets. The secrets of a
// database may have others: see Add.
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
	s.added = nil // they are always there
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

// The properties of bytes. Those of the bytes of a word or run are put together by or.
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

// lettersOf is the least set that holds the bytes of a word.
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
