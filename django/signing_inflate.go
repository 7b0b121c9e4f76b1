package django

import (
	"encoding/binary"
	"hash/adler32"
	"math/bits"
	"slices"
)

// inflater unfolds a zlib stream (RFC 1950 and 1951) that is in memory as a
// whole. Signed payloads have a few hundred bytes, of which compress/flate spends
// most of its time on getting ready. This has no word for what is wrong with a
// stream: what it does not take is for compress/zlib to judge.
type inflater struct {
	in    []byte
	pos   int
	bits  uint64 // those of in before pos that are not used yet, and perhaps some behind
	count uint   // how many of them are before pos
	out   []byte

	literals, distances, lengths huffman
}

const (
	endOfBlock   = 256
	maxLiterals  = 286 // the fixed codes have two words more of either, which stand for nothing
	maxDistances = 30
)

// inflate puts the data of a sound stream into the memory of out. What follows
// the stream is passed over, as Python's zlib.decompress does.
func (z *inflater) inflate(out, in []byte) (data []byte, ok bool) {
	const dictionary = 1 << 5
	if len(in) < 2 || in[0]&15 != 8 || in[0]>>4 > 7 || in[1]&dictionary != 0 || binary.BigEndian.Uint16(in)%31 != 0 {
		return nil, false
	}
	z.in, z.pos, z.bits, z.count, z.out = in, 2, 0, 0, out[:0]
	for last := 0; last == 0; {
		last, _ = z.take(1)
		kind, ok := z.take(2)
		switch {
		case !ok:
		case kind == 0:
			ok = z.stored()
		case kind == 1:
			ok = z.fixed() && z.compressed()
		default:
			ok = kind == 2 && z.dynamic() && z.compressed()
		}
		if !ok || len(z.out) > maxSignedPayload {
			return nil, false
		}
	}
	z.align()
	if len(in)-z.pos < 4 || binary.BigEndian.Uint32(in[z.pos:]) != adler32.Checksum(z.out) {
		return nil, false
	}
	return z.out, true
}

// fill makes 56 bits ready, if there are as many.
func (z *inflater) fill() {
	if len(z.in)-z.pos >= 8 {
		z.bits |= binary.LittleEndian.Uint64(z.in[z.pos:]) << z.count
		z.pos += int(63-z.count) / 8
		z.count |= 56
		return
	}
	for ; z.count < 56 && z.pos < len(z.in); z.pos++ {
		z.bits |= uint64(z.in[z.pos]) << z.count
		z.count += 8
	}
}

// take uses some bits.
func (z *inflater) take(n uint) (value int, ok bool) {
	if z.count < n {
		if z.fill(); z.count < n {
			return 0, false
		}
	}
	value = int(z.bits & (1<<n - 1))
	z.bits, z.count = z.bits>>n, z.count-n
	return value, true
}

// symbol uses the bits of a word; it is negative where no symbol has it.
func (z *inflater) symbol(h *huffman) int {
	if z.count < 15 {
		z.fill()
	}
	word := h.table[z.bits&uint64(len(h.table)-1)]
	n := uint(word & 15)
	if n == 0 || n > z.count {
		return -1
	}
	z.bits, z.count = z.bits>>n, z.count-n
	return int(word >> 4)
}

// align drops the rest of a byte and gives back the whole ones behind it.
func (z *inflater) align() {
	z.pos -= int(z.count / 8)
	z.bits, z.count = 0, 0
}

func (z *inflater) stored() bool {
	z.align()
	rest := z.in[z.pos:]
	if len(rest) < 4 {
		return false
	}
	n, again := int(binary.LittleEndian.Uint16(rest)), int(binary.LittleEndian.Uint16(rest[2:]))
	if rest = rest[4:]; n != again^0xffff || n > len(rest) {
		return false
	}
	z.out = append(z.out, rest[:n]...)
	z.pos += 4 + n
	return true
}

func (z *inflater) fixed() bool {
	z.literals.words, z.distances.words = z.literals.words[:0], z.distances.words[:0]
	for i := range maxLiterals + 2 {
		length := 8
		if 144 <= i && i < 256 {
			length = 9
		} else if 256 <= i && i < 280 {
			length = 7
		}
		z.literals.add(i, length)
	}
	for i := range maxDistances + 2 {
		z.distances.add(i, 5)
	}
	return z.literals.init() && z.distances.init()
}

// dynamic reads the codes of a block.
func (z *inflater) dynamic() bool {
	literals, _ := z.take(5)
	distances, _ := z.take(5)
	n, ok := z.take(4)
	literals, distances = literals+257, distances+1
	if !ok || literals > maxLiterals || distances > maxDistances {
		return false
	}
	var first [19]int // in a code of their own: the lengths of both codes' words
	order := [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, i := range order[:n+4] {
		if first[i], ok = z.take(3); !ok {
			return false
		}
	}
	z.lengths.words = z.lengths.words[:0]
	for i, length := range first {
		z.lengths.add(i, length)
	}
	if !z.lengths.init() {
		return false
	}
	z.literals.words, z.distances.words = z.literals.words[:0], z.distances.words[:0]
	last := -1
	for i := 0; i < literals+distances; {
		length := z.symbol(&z.lengths)
		times, ok := 1, length >= 0
		switch length {
		case 16:
			length = last
			times, ok = z.take(2)
			times += 3
		case 17:
			length = 0
			times, ok = z.take(3)
			times += 3
		case 18:
			length = 0
			times, ok = z.take(7)
			times += 11
		}
		if last = length; !ok || length < 0 || times > literals+distances-i {
			return false
		}
		if length == 0 {
			i += times
			continue
		}
		for range times {
			if i < literals {
				z.literals.add(i, length)
			} else {
				z.distances.add(i-literals, length)
			}
			i++
		}
	}
	return z.literals.init() && z.distances.init()
}

// compressed reads a block by its codes.
func (z *inflater) compressed() bool {
	out := z.out
	for len(out) <= maxSignedPayload {
		symbol := z.symbol(&z.literals)
		switch {
		case 0 <= symbol && symbol < endOfBlock:
			out = append(out, byte(symbol))
			continue
		case symbol == endOfBlock:
			z.out = out
			return true
		case symbol < 0 || symbol >= maxLiterals:
			return false
		}
		length, ok := 258, true
		if symbol < maxLiterals-1 {
			length, ok = z.more(symbol-endOfBlock-1, 4)
			length += 3
		}
		if symbol = z.symbol(&z.distances); !ok || symbol < 0 || symbol >= maxDistances {
			return false
		}
		distance, ok := z.more(symbol, 2)
		distance++
		if !ok || distance > len(out) {
			return false
		}
		from := len(out) - distance
		for length > 0 { // what repeats itself is there twice as long each time
			n := min(length, len(out)-from)
			out = append(out, out[from:from+n]...)
			length -= n
		}
	}
	return false
}

// more is the number that a symbol of a length or a distance stands for, less the
// least. Of each count of further bits there are some symbols, of none twice as
// many.
func (z *inflater) more(symbol, some int) (int, bool) {
	if symbol < 2*some {
		return symbol, true
	}
	n := uint(symbol/some - 1)
	value, ok := z.take(n)
	return (some+symbol%some)<<n + value, ok
}

// huffman is a code.
type huffman struct {
	words []uint16 // of every symbol that has one: symbol<<4 | length
	table []uint16 // for every sequence of bits as long as the longest word the word that it starts with, or 0
}

// add adds a symbol behind those before it in the alphabet, if it has a word.
func (h *huffman) add(symbol, length int) {
	if length > 0 {
		h.words = append(h.words, uint16(symbol<<4|length))
	}
}

// init makes the table. It reports whether every sequence of bits starts with a
// word; it also takes a code of no word, and of a single short one, as zlib does.
func (h *huffman) init() bool {
	var counts, next [16]int
	for _, word := range h.words {
		counts[word&15]++
	}
	longest, left := 0, 1
	for n := 1; n < len(counts); n++ {
		next[n] = (next[n-1] + counts[n-1]) << 1
		if left = left<<1 - counts[n]; left < 0 {
			return false
		}
		if counts[n] > 0 {
			longest = n
		}
	}
	h.table = slices.Grow(h.table[:0], 1<<longest)[:1<<longest]
	if left > 0 {
		if len(h.words) > 1 || longest > 1 {
			return false
		}
		clear(h.table)
	}
	for _, word := range h.words {
		n := word & 15
		code := int(bits.Reverse16(uint16(next[n])) >> (16 - n))
		next[n]++
		for ; code < len(h.table); code += 1 << n {
			h.table[code] = word
		}
	}
	return true
}
