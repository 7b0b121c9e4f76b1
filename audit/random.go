package audit

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tokenctl/db"
	"tokenctl/tokens"
)

// keyCheck looks for keys that were not drawn at random, in one pass over a kind's keys.
type keyCheck struct {
	length int             // of the keys that the peer draws
	drawn  []bool          // by index in letterSets: whether the peer draws all these letters
	total  int64           // rows of the kind
	halves map[string]bool // the first halves that several keys share
	all    map[keyForm]bool
	whole  bool // all keys of the kind were added
	forms  map[keyForm]*formKeys
	found  []weakKey
}

// keyForm is the common form of keys.
type keyForm struct {
	length int
	set    int // index in letterSets
}

// formKeys holds the keys of a form that is not the form of the peer. It drops the keys once the form proves
// to be the form of the application's own keys.
type formKeys struct {
	rows   int64
	keys   []weakKey
	shared bool
}

// weakKey is the credential of a weak key, with the fault of the key.
type weakKey struct {
	id string
	user
	why string
}

func newKeyCheck(k *tokens.Kind, stock db.KeyStock) *keyCheck {
	check := &keyCheck{length: k.OwnKey.Length, total: stock.Rows, halves: map[string]bool{}, all: map[keyForm]bool{}, forms: map[keyForm]*formKeys{}}
	for _, set := range letterSets {
		check.drawn = append(check.drawn, set.letters != "" && strings.Trim(set.letters, k.OwnKey.Letters) == "")
	}
	for _, half := range stock.Halves {
		check.halves[half.Reveal()] = true
	}
	return check
}

var letterSets = []struct{ name, letters string }{
	{"digits", "0123456789"}, {"hexadecimal digits", "0123456789abcdef"}, {"lower-case letters and digits", "0123456789abcdefghijklmnopqrstuvwxyz"},
	{"letters and digits", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"other characters", ""},
}

// add checks one key, or the facts that a view tells of it.
func (k *keyCheck) add(c *tokens.Credential) {
	var l look
	var half string
	if m := c.MaskedKey(); m != nil {
		l, half = readLook(m.Form), m.Half
	} else {
		key := c.Secret().Reveal()
		l, half = lookAt(key), key[:len(key)/2]
	}
	k.all[l.keyForm] = true
	why := l.pattern()
	if why == "" && len(k.halves) > 0 && k.halves[half] {
		why = "begins like another key, up to the half"
	}
	if why == "" && l.length == k.length && k.drawn[l.set] {
		return
	}
	w := weakKey{strings.Clone(c.ID), user{strings.Clone(c.Owner.ID), strings.Clone(c.Owner.Username)}, why}
	if why != "" {
		k.found = append(k.found, w)
		return
	}
	f := k.forms[l.keyForm]
	if f == nil {
		f = new(formKeys)
		k.forms[l.keyForm] = f
	}
	f.rows++
	if f.shared = f.shared || f.rows >= leastShared && f.rows*10 >= k.total; f.shared {
		f.keys = nil
		return
	}
	w.why = "has a form that is not the application's: " + number(l.length, "character", "characters") + ", " + letterSets[l.set].name
	f.keys = append(f.keys, w)
}

// leastShared is the smallest number of keys that must have a form for it to be the application's own form. These
// keys must also be at least a tenth of all keys.
const leastShared = 10

// weak returns the keys that were not drawn at random.
func (k *keyCheck) weak() []weakKey {
	list := k.found
	for _, f := range k.forms {
		if !f.shared {
			list = append(list, f.keys...)
		}
	}
	slices.SortFunc(list, func(a, b weakKey) int { return strings.Compare(a.id, b.id) })
	return list
}

// keyForms returns the forms of the keys as package scan knows them.
func (k *keyCheck) keyForms() []db.KeyForm {
	letters := []string{"hex", "hex", "lower", "word", "visible"}
	list := []db.KeyForm{}
	for form := range k.all {
		list = append(list, db.KeyForm{Length: form.length, Letters: letters[form.set]})
	}
	return list
}

// The kinds of the characters of keys: the index of the smallest set in letterSets that has the character, and
// bits for digits and for letters.
const (
	setOf    = 7
	isDigit  = 1 << 3
	isLetter = 1 << 4
)

var characters = characterTable()

func characterTable() (t [256]uint8) {
	for b := range t {
		switch c := byte(b); {
		case '0' <= c && c <= '9':
			t[b] = 1 | isDigit
		case 'a' <= c && c <= 'f':
			t[b] = 1 | isLetter
		case 'g' <= c && c <= 'z':
			t[b] = 2 | isLetter
		case 'A' <= c && c <= 'Z':
			t[b] = 3 | isLetter
		default:
			t[b] = 4
		}
	}
	return t
}

// look holds the counts that show whether a key follows a pattern.
type look struct {
	keyForm
	equal   int // characters that equal the character before
	steps   int // characters that are one more or one less than the character before
	repeats int // runs of three characters that occurred before
	words   int // characters that belong to words
}

func lookAt(key string) look {
	l := look{keyForm: keyForm{len(key), 1}}
	var seen [1 << 6]uint64 // a set of hashes of three characters
	last := -2
	for i := range len(key) {
		c := int(key[i])
		l.set = max(l.set, int(characters[c]&setOf))
		switch c - last {
		case 1, -1:
			l.steps++
		case 0:
			l.equal++
		}
		last = c
		if i >= 2 {
			h := (uint32(key[i-2])*31+uint32(key[i-1]))*31 + uint32(c)
			h = h * 2654435761 >> 20
			if seen[h>>6]&(1<<(h&63)) != 0 {
				l.repeats++
			}
			seen[h>>6] |= 1 << (h & 63)
		}
	}
	l.words = wordLetters(key)
	return l
}

// readLook reads the counts from the view of a table: see [db.MaskedKey].
func readLook(form string) (l look) {
	fmt.Sscan(form, &l.length, &l.set, &l.equal, &l.steps, &l.repeats, &l.words) //nolint:errcheck // a view of other columns is not used
	l.set = min(max(l.set, 1), len(letterSets)-1)
	return l
}

// pattern returns the pattern that a key follows. It returns an empty text if the key looks random. A random
// key of DRF or Django follows a pattern with a probability below one in a thousand million.
func (l *look) pattern() string {
	n := l.length
	switch {
	case n < 4:
		return ""
	case 2*l.equal > n, 5*l.repeats >= 2*(n-2):
		return "repeats itself"
	case 5*l.steps > 3*n:
		return "counts up or down"
	case l.words >= 12 && 5*l.words >= 3*n || l.words >= 8 && 10*l.words >= 9*n:
		return "is made of words"
	}
	return ""
}

// wordLetters returns the number of characters that belong to English words and names that people use in keys.
// It returns 0 for a text with many digits or with few letters.
func wordLetters(key string) int {
	digits, letters := 0, 0
	for i := range len(key) {
		c := characters[key[i]]
		digits, letters = digits+int(c&isDigit)/isDigit, letters+int(c&isLetter)/isLetter
	}
	if 3*digits > letters || letters < 8 {
		return 0
	}
	text, covered := strings.ToLower(key), 0
	for i := 0; i < len(text); {
		best := 0
		for n := min(12, len(text)-i); n >= 3; n-- {
			if commonWords()[text[i:i+n]] {
				best = n
				break
			}
		}
		covered += best
		i += max(best, 1)
	}
	return covered
}

// bits estimates the entropy of a key, in bits. A character counts if it does not follow from the characters
// before it.
func bits(key string) float64 {
	if len(key) > 512 {
		key = key[:512]
	}
	alphabet := 95.0
	for _, s := range letterSets {
		if s.letters != "" && strings.Trim(key, s.letters) == "" {
			alphabet = float64(len(s.letters))
			break
		}
	}
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz") == "" && alphabet > 26 {
		alphabet = 26
	}
	free := 0.0
	for i := 0; i < len(key); {
		n := follows(key, i)
		if n >= 3 { // a copy or a run tells about as much as one character
			free++
			i += n
			continue
		}
		free++
		i++
	}
	if w := wordLetters(key); w > 0 { // a word of five letters tells as much as two letters
		free -= float64(w) * 0.6
	}
	return math.Max(free, 0) * math.Log2(alphabet)
}

// follows returns the number of characters from i on that repeat an earlier text, or that count up or down.
func follows(key string, i int) (longest int) {
	for j := range i {
		n := 0
		for i+n < len(key) && key[j+n] == key[i+n] {
			n++
		}
		longest = max(longest, n)
	}
	for _, step := range []int{1, -1} {
		n := 0
		for i+n < len(key) && i+n > 0 && int(key[i+n])-int(key[i+n-1]) == step {
			n++
		}
		longest = max(longest, n)
	}
	return longest
}
