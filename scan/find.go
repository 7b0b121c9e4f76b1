package scan

import (
	"bytes"
	"slices"
)

// finder cuts candidates out of texts. It belongs to one goroutine.
//
// A run is a longest piece of letters, digits and the few marks of encodings and JWTs. A run
// must have Least bytes or more, so the finder reads only every 20th byte, and goes back to the
// beginning of a run. Inside a run it takes only whole words: a word that is one letter longer
// than a secret is not a candidate.
type finder struct {
	shapes *Shapes
	table  [256]uint8
	emit   func(text []byte, kinds Kinds, at int, form Form)

	scratch [maxDepth]scratch
}

// maxDepth is the largest number of nested encodings.
const maxDepth = 4

// scratch is the memory of one level of encoding.
type scratch struct {
	text, chars []byte
	at          []int32
	lines       []line
	cuts        []int
}

// pass is a text to search: a window of a file, or a decoded piece of another pass.
type pass struct {
	data  []byte
	depth int

	// For a decoded text:
	parent *pass
	form   Form
	at     []int32 // the positions of the bytes of data in parent
	// Bytes that also follow each other in parent are not encoded.
	literal bool

	// The beginnings of joined lines: a text may also end or begin there.
	cuts []int

	joined  int // up to here runs were joined to base64 texts
	decoded int // up to here strings were decoded as a whole
	carryAt int // from here on the text is searched again with the next window; see search
}

func newFinder(s *Shapes, emit func([]byte, Kinds, int, Form)) *finder {
	return &finder{shapes: s, table: s.table, emit: emit}
}

// overlap is the largest number of bytes that are carried from one window to the next.
const overlap = 64 << 10

// window searches data from an offset; the bytes before it are context. Unless end is set, it returns the
// offset at which the next window must begin.
func (f *finder) window(data []byte, from int, end bool) int {
	p := &pass{data: data, carryAt: len(data)}
	f.search(p, from, end)
	if end {
		return len(data)
	}
	return max(p.carryAt, from, len(data)-overlap)
}

func (f *finder) search(p *pass, from int, end bool) {
	data := p.data
	p.joined, p.decoded = from, from
	if bytes.IndexByte(data[from:], 0) >= 0 && p.depth < maxDepth {
		f.utf16(p, from, end)
	}
	if p.depth < maxDepth {
		f.softBreaks(p, from, end)
	}
	i := from // the earliest beginning of the next run
	for {
		last := i + Least - 1
		if last >= len(data) {
			break
		}
		properties := uint8(0)
		j := last
		for j >= i {
			c := f.table[data[j]]
			if c&isRun == 0 {
				break
			}
			properties |= c
			j--
		}
		if j >= i {
			i = j + 1
			continue
		}
		e := last + 1
		for e < len(data) {
			c := f.table[data[e]]
			if c&isRun == 0 {
				break
			}
			properties |= c
			e++
		}
		if e == len(data) && !end {
			p.carry(i)
			if e-i < overlap {
				return
			}
		}
		f.run(p, i, e, properties, end)
		if len(p.cuts) > 0 {
			f.cutRun(p, i, e, properties)
		}
		i = e + 1
	}
	if end {
		return
	}
	// The next window may continue a run that ends here, or the previous line.
	k := len(data)
	for k > from && (data[k-1] == '\r' || data[k-1] == '\n' || isIndent(data[k-1])) && len(data)-k < Least {
		k--
	}
	for k > from && len(data)-k < overlap && f.table[data[k-1]]&isRun != 0 {
		k--
	}
	p.carry(min(i, k))
}

// carry records that the text from i may continue in the next window.
func (p *pass) carry(i int) { p.carryAt = min(p.carryAt, i) }

// cutRun also searches the pieces of a run between joined lines, because the lines may not belong together.
func (f *finder) cutRun(p *pass, s, e int, properties uint8) {
	first, _ := slices.BinarySearch(p.cuts, s+1)
	behind, _ := slices.BinarySearch(p.cuts, e)
	cuts := p.cuts[first:behind]
	if len(cuts) == 0 {
		return
	}
	piece := func(s, e int) {
		if e-s >= Least {
			f.run(p, s, e, properties, true)
		}
	}
	last := cuts[len(cuts)-1]
	piece(s, last)
	piece(cuts[0], e)
	if len(cuts) > 1 {
		piece(s, cuts[0])
		piece(last, e)
		piece(cuts[0], last)
	}
	for i := 1; i < len(cuts); i++ {
		piece(cuts[i-1], cuts[i])
	}
}

// run searches a run and the text that it may encode.
func (f *finder) run(p *pass, s, e int, properties uint8, end bool) {
	data := p.data
	for k := s; k < e; {
		c := f.table[data[k]]
		if c&isWord == 0 {
			k++
			continue
		}
		w, word := k, c
		for k++; k < e; k++ {
			c := f.table[data[k]]
			if c&isWord == 0 {
				break
			}
			word |= c
		}
		if k-w >= Least {
			f.word(p, s, w, k, word)
		}
	}
	if k := afterColour(data, s, e); k > s && e-k >= Least {
		f.run(p, k, e, properties, end)
	}
	for _, o := range f.shapes.odd {
		f.marked(p, s, e, o)
	}
	if properties&isDot != 0 {
		f.jwts(p, s, e)
	}
	if p.depth >= maxDepth {
		return
	}
	if properties&isPercent != 0 {
		f.percent(p, s, e)
	}
	if properties&isBackslash != 0 {
		f.backslash(p, s, e, end)
	}
	if properties&isEquals != 0 {
		f.quoted(p, s, e)
	}
	f.base64Runs(p, s, e, end)
}

// candidate emits the bytes from s to e, with their position and form in the window.
func (f *finder) candidate(p *pass, s, e int, kinds Kinds) {
	at, form := p.locate(s, e)
	f.emit(p.data[s:e], kinds, at, form)
}

// locate returns the position of the bytes from s to e in the window, and their form.
func (p *pass) locate(s, e int) (at int, form Form) {
	if p.parent == nil {
		return s, Plain
	}
	a, b := int(p.at[s]), int(p.at[e-1])
	if p.literal && b-a == e-1-s && p.parent.data[b] == p.data[e-1] {
		return p.parent.locate(a, b+1)
	}
	if at, form = p.parent.locate(a, a+1); form == Plain {
		form = p.form
	}
	return at, form
}
