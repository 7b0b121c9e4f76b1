package scan

import "bytes"

// word emits a word if it has the shape of a secret. run is the beginning of its run.
func (f *finder) word(p *pass, run, s, e int, properties uint8) {
	n := e - s
	if n > longest {
		return
	}
	if kinds := f.shapes.words[n][lettersOf(properties)]; kinds != 0 {
		f.candidate(p, s, e, kinds)
	}
	// In binary data the length of a text often comes before it, and may look like a letter.
	if n > Least && s > 0 && p.depth == 0 && isBinary(p.data[s-1]) {
		rest := uint8(0)
		for _, c := range p.data[s+1 : e] {
			rest |= f.table[c]
		}
		if kinds := f.shapes.words[n-1][lettersOf(rest)]; kinds != 0 {
			f.candidate(p, s+1, e, kinds)
		}
	}
	if f.shapes.prefix == "" {
		return
	}
	for _, length := range f.shapes.prefixed {
		at := e - length - len(f.shapes.prefix)
		if at < 0 || n < length || string(p.data[at:e-length]) != f.shapes.prefix {
			continue
		}
		// No letter or digit may come directly before the prefix.
		if at > 0 && at != run && f.table[p.data[at-1]]&isWord != 0 && f.table[p.data[at]]&isWord != 0 {
			continue
		}
		f.candidate(p, at, e, knoxOnly)
	}
}

// afterColour returns the beginning of a run after an escape sequence for a terminal's colours, such as ESC[32m:
// the end of the sequence looks like a part of the run. Without a sequence it returns s.
func afterColour(data []byte, s, e int) int {
	if s < 2 || data[s-1] != '[' && data[s-1] != ';' {
		return s
	}
	k := s
	for k < e && '0' <= data[k] && data[k] <= '9' {
		k++
	}
	if k < e && data[k] == 'm' {
		return k + 1
	}
	return s
}

// marked emits the pieces of a run that have the length of a secret with marks. Each end of a piece must be next
// to a mark or at the end of the run.
func (f *finder) marked(p *pass, s, e int, o oddShape) {
	word := func(i int) bool { return f.table[p.data[i]]&isWord != 0 }
	for i := s; i+o.length <= e; i++ {
		if i > s && word(i) && word(i-1) {
			continue
		}
		if j := i + o.length; j < e && word(j) && word(j-1) {
			continue
		}
		f.candidate(p, i, i+o.length, o.kinds)
	}
}

// jwts emits the words that look like JWTs: three parts in base64url, of which the first begins with the encoding
// of {" (RFC 7519 section 3.1).
func (f *finder) jwts(p *pass, s, e int) {
	data := p.data
	part := func(i int) int {
		for i < e && (f.table[data[i]]&isWord != 0 || data[i] == '-' || data[i] == '_') {
			i++
		}
		return i
	}
	for i := s; ; {
		at := bytes.Index(data[i:e], []byte("eyJ"))
		if at < 0 {
			return
		}
		at += i
		i = at + 3
		if at > s && f.table[data[at-1]]&isWord != 0 {
			continue
		}
		first := part(at)
		if first >= e || data[first] != '.' {
			continue
		}
		second := part(first + 1)
		if second == first+1 || second >= e || data[second] != '.' {
			continue
		}
		third := part(second + 1)
		i = third
		if third == second+1 || third-at > maxJWT {
			continue
		}
		f.candidate(p, at, third, jwtOnly)
		// Characters around the JWT may look like a part of it: _eyJ…_
		for k := third - 1; k > third-4 && k > second+1 && (data[k] == '_' || data[k] == '-'); k-- {
			f.candidate(p, at, k, jwtOnly)
		}
	}
}

// isBinary reports whether a byte does not occur in an ASCII text.
func isBinary(c byte) bool { return c < '\t' || c > '\r' && c < ' ' && c != 0x1b || c > '~' }
