package scan

// This file finds text in base64, in both alphabets (RFC 4648 sections 4 and 5), padded or
// not, on one line or wrapped. The beginning of the encoded text is not known, so all four
// alignments are tried. A secret fills at least six whole groups of four characters, so it
// is enough to decode every sixth group. If a group decodes to text, the text around it is
// decoded too.

// sixBits is the value of a character of base64; -1 for any other.
var sixBits = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

const (
	group     = 4         // characters
	stride    = 6 * group // the distance of the groups that are decoded first
	leastText = (Least*8 + 5) / 6
)

// base64Runs searches a run for base64.
func (f *finder) base64Runs(p *pass, s, e int, end bool) {
	for k := s; k < e; {
		if sixBits[p.data[k]] < 0 {
			k++
			continue
		}
		b, hex := k, true
		for k < e && sixBits[p.data[k]] >= 0 {
			hex = hex && hexDash[p.data[k]]
			k++
		}
		switch {
		case b < p.joined, hex && (k == e || k-b >= leastText):
		case k == e && lineBreak(p.data[k:]) > 0, beginsLine(p.data, b):
			f.wrapped(p, b, k, end)
		case k-b >= leastText:
			m := &f.scratch[p.depth]
			m.lines = append(m.lines[:0], line{0, b})
			f.base64(p, p.data[b:k], m.lines)
		}
	}
}

// hexDash are the characters of hashes and UUIDs. The encoding of a secret has only these characters with a
// probability below 10^-15.
var hexDash = func() (t [256]bool) {
	for _, c := range []byte("0123456789abcdef-") {
		t[c] = true
	}
	return t
}()

// indents are the characters that may come before a line of a wrapped text.
const indents = " \t>#*|"

func isIndent(c byte) bool {
	for i := range len(indents) {
		if indents[i] == c {
			return true
		}
	}
	return false
}

// lineBefore returns the end of the previous line if a line begins at i, indented or not. Otherwise it
// returns -1.
func lineBefore(data []byte, i int) int {
	for i > 0 && isIndent(data[i-1]) {
		i--
	}
	if i == 0 || data[i-1] != '\n' {
		return -1
	}
	if i--; i > 0 && data[i-1] == '\r' {
		i--
	}
	return i
}

// beginsLine reports whether the text at i begins a line and continues the previous one.
func beginsLine(data []byte, i int) bool {
	before := lineBefore(data, i)
	return before > 0 && sixBits[data[before-1]] >= 0
}

// wrapped joins the lines of a wrapped text. The line from b to k is the first line that is a run. All lines
// except the first and the last have the same length.
func (f *finder) wrapped(p *pass, b, k int, end bool) {
	data := p.data
	m := &f.scratch[p.depth]
	m.chars, m.lines = m.chars[:0], m.lines[:0]
	add := func(s, e int) {
		m.lines = append(m.lines, line{len(m.chars), s})
		m.chars = append(m.chars, data[s:e]...)
	}
	first, width := b, 0
	before := lineBefore(data, b)
	if before >= 0 || b == 0 {
		width = k - b
	}
	s := before
	for s > p.joined && before-s < Least && sixBits[data[s-1]] >= 0 {
		s--
	}
	if s < before {
		add(s, before)
		first = s
	}
	add(b, k)
	for k-b < overlap {
		n := lineBreak(data[k:])
		if n == 0 {
			break
		}
		s = k + n
		for s < len(data) && isIndent(data[s]) {
			s++
		}
		e := s
		for e < len(data) && sixBits[data[e]] >= 0 {
			e++
		}
		if e == len(data) && !end {
			p.carry(first)
			p.joined = len(data)
			return
		}
		if e == s || width > 0 && e-s > width {
			break
		}
		if width == 0 {
			width = e - s
		}
		add(s, e)
		k = e
		if e-s < width {
			break
		}
	}
	p.joined = k
	if k-b >= overlap {
		p.joined = max(b+1, k-2*maxJWT) // the next text begins inside this one
	}
	if len(m.chars) >= leastText {
		f.base64(p, m.chars, m.lines)
	}
}

// line is the position of a line's characters: in the joined characters, and in p's text.
type line struct{ index, place int }

// base64 searches the text that characters of base64 encode.
func (f *finder) base64(p *pass, chars []byte, lines []line) {
	for alignment := range group {
		for q := alignment; q+group <= len(chars); q += stride {
			if !f.secretGroup(chars[q:]) {
				continue
			}
			l, r := q, q+group
			for l-group >= alignment && textGroup(chars[l-group:]) {
				l -= group
			}
			for r+group <= len(chars) && textGroup(chars[r:]) {
				r += group
			}
			f.base64Text(p, chars, lines, max(alignment, l-group), min(len(chars), r+group))
			q = r - stride
			q += (alignment - q%group + group) % group
		}
	}
}

func decodeGroup(c []byte) (a, b, d byte) {
	v := uint32(sixBits[c[0]])<<18 | uint32(sixBits[c[1]])<<12 | uint32(sixBits[c[2]])<<6 | uint32(sixBits[c[3]])
	return byte(v >> 16), byte(v >> 8), byte(v)
}

// secretGroup reports whether a group can be a part of a secret, also in UTF-16.
func (f *finder) secretGroup(c []byte) bool {
	x, y, z := decodeGroup(c)
	t := &f.table
	return (t[x]&isRun != 0 || x == 0) && (t[y]&isRun != 0 || y == 0) && (t[z]&isRun != 0 || z == 0)
}

// textGroup reports whether a group decodes to text.
func textGroup(c []byte) bool {
	x, y, z := decodeGroup(c)
	return isText(x) && isText(y) && isText(z)
}

// isText reports whether a byte can belong to a text in ASCII or UTF-16.
func isText(c byte) bool { return c >= ' ' && c <= '~' || c == 0 || c >= '\t' && c <= '\r' }

// base64Text searches the text that the characters from l to r encode.
func (f *finder) base64Text(p *pass, chars []byte, lines []line, l, r int) {
	if r-l < leastText {
		return
	}
	m := &f.scratch[p.depth]
	m.text, m.at, m.cuts = m.text[:0], m.at[:0], m.cuts[:0]
	on := 0
	for on+1 < len(lines) && lines[on+1].index <= l {
		on++
	}
	// The characters of a byte are the one at i and the next.
	add := func(c byte, i int) {
		at := int32(lines[on].place + i - lines[on].index)
		for on+1 < len(lines) && lines[on+1].index <= i+1 {
			on++
			m.cuts = append(m.cuts, len(m.text))
			at = int32(lines[on].place + max(0, i-lines[on].index))
		}
		m.text, m.at = append(m.text, c), append(m.at, at)
	}
	for ; l+group <= r; l += group {
		x, y, z := decodeGroup(chars[l:])
		add(x, l)
		add(y, l+1)
		add(z, l+2)
	}
	if r-l >= 2 { // the last group, without padding
		add(byte(sixBits[chars[l]]<<2|sixBits[chars[l+1]]>>4), l)
	}
	if r-l == 3 {
		add(byte(sixBits[chars[l+1]]<<4|sixBits[chars[l+2]]>>2), l+1)
	}
	if len(m.text) >= Least {
		f.search(&pass{data: m.text, depth: p.depth + 1, parent: p, form: Base64, at: m.at, cuts: m.cuts}, 0, true)
	}
}
