package scan

import (
	"context"
	"encoding/binary"
	"io"
)

// sqliteMagic is the beginning of a SQLite database (fileformat2.html, 1.3).
const sqliteMagic = "SQLite format 3\x00"

// sqlite searches a SQLite database as bytes, which also finds deleted rows. The values of a row follow each
// other without a separator, so each value is also searched alone.
func (r *searcher) sqlite(ctx context.Context, path string, text io.Reader, in nesting) error {
	file, size, done, err := r.seekable(text, in)
	if err != nil {
		return err
	}
	defer done()
	from := &source{path: path, object: r.within}
	if err := r.read(ctx, from, nil, io.NewSectionReader(file, 0, size)); err != nil {
		return err
	}
	var head [headSize]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return nil // shorter than any database
	}
	page := int(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 1 << 16
	}
	usable := page - int(head[20])
	if page < 512 || page&(page-1) != 0 || usable < 480 {
		return nil // not a database
	}
	r.source = from
	r.line, r.lineStart = 1, 0
	pages := io.NewSectionReader(file, 0, size)
	for first := true; ; first = false {
		n, err := fill(pages, r.buffer)
		r.window = r.buffer[:n]
		r.at, r.atLine, r.atStart = 0, r.line, r.lineStart
		for at := 0; at+page <= n; at += page {
			b := btree{r.window, at, at + usable, r.finder.value}
			if first && at == 0 {
				b.cells(100)
			} else {
				b.cells(0)
			}
		}
		r.advance(n)
		r.line, r.lineStart = r.atLine, r.atStart-n
		if wrong := r.flush(ctx); wrong != nil {
			return wrong
		}
		if err != nil || ctx.Err() != nil {
			return context.Cause(ctx) // the search of the bytes has found everything else
		}
	}
}

// value searches a piece of a text alone, without the text around it.
func (f *finder) value(data []byte, s, e int) {
	if e-s < Least {
		return
	}
	m := &f.scratch[0]
	m.at = m.at[:0]
	for i := s; i < e; i++ {
		m.at = append(m.at, int32(i))
	}
	f.search(&pass{data: data[s:e], depth: 1, parent: &pass{data: data}, at: m.at, literal: true}, 0, true)
}

// btree is a page of a SQLite database (fileformat2.html, 1.6): data from start to end.
type btree struct {
	data       []byte
	start, end int
	value      func(data []byte, s, e int)
}

// The pages that have rows.
const (
	indexInterior = 2
	indexLeaf     = 10
	tableLeaf     = 13
)

// cells calls the finder for the values of all rows. header is the offset of the page's header.
func (b *btree) cells(header int) {
	page := b.data[b.start:b.end]
	kind := page[header]
	pointers := header + 8
	switch kind {
	case indexInterior:
		pointers += 4
	case indexLeaf, tableLeaf:
	default:
		return
	}
	for i := range int(binary.BigEndian.Uint16(page[header+3:])) {
		at := pointers + 2*i
		if at+2 > len(page) {
			return
		}
		b.cell(kind, int(binary.BigEndian.Uint16(page[at:])))
	}
}

// cell calls the finder for the values of one row, as far as they are on the page.
func (b *btree) cell(kind byte, at int) {
	at += b.start
	if kind == indexInterior {
		at += 4
	}
	size, at := b.number(at)
	if kind == tableLeaf {
		_, at = b.number(at) // the row's id
	}
	end := min(at+b.local(kind, size), b.end)
	length, types := b.number(at)
	body := at + length
	for types < at+length && body < end {
		var typ int
		typ, types = b.number(types)
		n := 0
		switch {
		case typ >= 12:
			n = (typ - 12) / 2
			b.value(b.data, body, min(body+n, end))
		case typ < 8:
			n = []int{0, 1, 2, 3, 4, 6, 8, 8}[typ]
		}
		if n < 0 || body+n < body {
			return
		}
		body += n
	}
}

// local returns the number of bytes of a row of a size that are on its own page.
func (b *btree) local(kind byte, size int) int {
	usable := b.end - b.start
	most := usable - 35
	if kind != tableLeaf {
		most = (usable-12)*64/255 - 23
	}
	if size <= most {
		return max(size, 0)
	}
	least := (usable-12)*32/255 - 23
	if n := least + (size-least)%(usable-4); n <= most {
		return n
	}
	return least
}

// number reads a number of one to nine bytes, and returns the offset after it.
func (b *btree) number(at int) (n, next int) {
	for i := range 9 {
		if at < b.start || at >= b.end {
			return 0, b.end
		}
		c := b.data[at]
		at++
		if i == 8 {
			return n<<8 | int(c), at
		}
		n = n<<7 | int(c&0x7f)
		if c < 0x80 {
			break
		}
	}
	return n, at
}
