package scan

import "bytes"

// utf16 searches texts in UTF-16: ASCII characters with a NUL before each (big-endian) or after
// each (little-endian). Next to a character beyond ASCII the two readings differ, so it tries
// both.
func (f *finder) utf16(p *pass, from int, end bool) {
	data := p.data
	visible := func(i int) bool { return i >= from && i < len(data) && data[i] != 0 && isText(data[i]) }
	for i := from; i < len(data); {
		at := bytes.IndexByte(data[i:], 0)
		if at < 0 {
			return
		}
		z := i + at
		for z+1 < len(data) && data[z+1] == 0 {
			z++
		}
		last := z - 1 // the last character so far
		for visible(last+2) && data[last+1] == 0 && last+2-z < 2*overlap {
			last += 2
		}
		if last+2 >= len(data) && !end && last-z < overlap {
			p.carry(max(z-1, from))
			return
		}
		begin := z + 1
		if visible(z - 1) {
			begin = z - 1
		}
		if (last-begin)/2+1 >= Least {
			big, little := begin, last
			if begin < z {
				big += 2
			}
			if last+1 >= len(data) || data[last+1] != 0 {
				little -= 2
			}
			f.utf16Text(p, begin, little)
			if big != begin || little != last {
				f.utf16Text(p, big, last)
			}
		}
		i = max(z+1, last+1)
	}
}

// utf16Text searches every second byte from s to e.
func (f *finder) utf16Text(p *pass, s, e int) {
	m := &f.scratch[p.depth]
	m.text, m.at = m.text[:0], m.at[:0]
	for i := s; i <= e; i += 2 {
		m.text, m.at = append(m.text, p.data[i]), append(m.at, int32(i))
	}
	if len(m.text) >= Least {
		f.search(&pass{data: m.text, depth: p.depth + 1, parent: p, form: UTF16, at: m.at}, 0, true)
	}
}
