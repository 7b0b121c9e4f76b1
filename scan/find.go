package scan

import (
	"bytes"
	"slices"
)

// finder cuts candidates out of texts. It belongs to one goroutine.
//
// A run is a longest piece of letters, digits and the few marks that encodings and JWTs
// have. Only a run of Least bytes or more is looked at: the finder looks at every 20th
// byte, and goes back from there to the byte that ends a run. Within a run it takes whole
// words: a word that is longer than a secret by one letter is none.
type finder struct {
	shapes *Shapes
	table  [256]uint8
	emit   func(text []byte, kinds Kinds, at int, form Form)

	scratch [maxDepth]scratch
}

// maxDepth is how many encodings may be wrapped around each other.
const maxDepth = 4

// scratch is memory of one level of encoding.
type scratch struct {
	text, chars []byte
	at          []int32
	lines       []line
	cuts        []int
}

// pass is a text to search: a window of a file, or what a piece of it decodes to.
type pass struct {
	data  []byte
	depth int

	// Of what was decoded:
	parent *pass
	form   Form
	at     []int32 // where in parent the bytes of data stand
	// Bytes that stand one behind the other in the parent, too, are no encoding.
	literal bool

	// Where the lines begin that were joined: a text may also end there, or begin.
	cuts []int

	joined  int // up to here runs were joined to base64 texts
	decoded int // up to here strings were decoded as a whole
	carryAt int // what begins here is to be searched again with what follows; see search
}

func newFinder(s *Shapes, emit func([]byte, Kinds, int, Form)) *finder {
	return &finder{shapes: s, table: s.table, emit: emit}
}

// overlap bounds what is carried from one window to the next.
const overlap = 64 << 10

// window searches data from an offset on; what is before it is context. Where more is to
// come, it returns where the next window must begin.
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
	i := from // where a run may begin
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
	// What follows may go on with a run that ends here, or with the line before.
	k := len(data)
	for k > from && (data[k-1] == '\r' || data[k-1] == '\n' || isIndent(data[k-1])) && len(data)-k < Least {
		k--
	}
	for k > from && len(data)-k < overlap && f.table[data[k-1]]&isRun != 0 {
		k--
	}
	p.carry(min(i, k))
}

// carry notes that what begins here may go on behind the window.
func (p *pass) carry(i int) { p.carryAt = min(p.carryAt, i) }

// cutRun looks at the pieces of a run that lie between two lines that were joined: whether the
// text goes on from one to the next is not known.
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

// run looks at a run and at what it may encode.
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

// candidate emits the bytes from s to e, with where and how they are written in the window.
func (f *finder) candidate(p *pass, s, e int, kinds Kinds) {
	at, form := p.locate(s, e)
	f.emit(p.data[s:e], kinds, at, form)
}

// locate tells where in the window the bytes from s to e stand, and in which form.
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
