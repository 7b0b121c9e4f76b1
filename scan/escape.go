package scan

import (
	"bytes"
	"unicode/utf8"
)

// This file decodes percent encoding, the escapes of JSON strings, and quoted-printable. The
// decoded text is searched like another text.

// decode decodes a piece of p and searches the result. Every escape begins with mark. step decodes one escape,
// and returns the decoded bytes and the length of the escape, which is 0 if the mark is literal.
func (f *finder) decode(p *pass, s, e int, form Form, mark byte, step func(data []byte) (text []byte, taken int)) {
	m := &f.scratch[p.depth]
	m.text, m.at = m.text[:0], m.at[:0]
	changed := false
	for i := s; i < e; {
		text, taken := step(p.data[i:e])
		if taken > 0 {
			changed = true
			for _, c := range text {
				m.text, m.at = append(m.text, c), append(m.at, int32(i))
			}
			i += taken
			continue
		}
		next := bytes.IndexByte(p.data[i+1:e], mark)
		if next < 0 {
			if !changed {
				return
			}
			next = e - i - 1
		}
		m.text = append(m.text, p.data[i:i+1+next]...)
		for end := i + 1 + next; i < end; i++ {
			m.at = append(m.at, int32(i))
		}
	}
	if changed && len(m.text) >= Least {
		f.search(&pass{data: m.text, depth: p.depth + 1, parent: p, form: form, at: m.at, literal: true}, 0, true)
	}
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number reads hexadecimal digits.
func number(digits []byte) (n int, ok bool) {
	for _, c := range digits {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | d
	}
	return n, true
}

// percent decodes a run of a URL.
func (f *finder) percent(p *pass, s, e int) {
	var one [1]byte
	f.decode(p, s, e, URL, '%', func(data []byte) ([]byte, int) {
		if data[0] != '%' || len(data) < 3 {
			return nil, 0
		}
		n, ok := number(data[1:3])
		if !ok {
			return nil, 0
		}
		one[0] = byte(n)
		return one[:], 3
	})
}

// backslash decodes a run of a JSON string, with the further escapes of other languages. If the run has line
// breaks, it decodes the rest of the string too, because the lines may be indented.
func (f *finder) backslash(p *pass, s, e int, end bool) {
	if s < p.decoded {
		return
	}
	if run := p.data[s:e]; bytes.Contains(run, []byte(`\n`)) || bytes.Contains(run, []byte(`\r`)) {
		e = stringEnd(p.data, s, min(len(p.data), s+overlap))
		if e == len(p.data) && !end && e-s < overlap {
			p.carry(s)
			p.decoded = e
			return
		}
		if p.decoded = e; e-s == overlap {
			p.decoded = e - 2*maxJWT
		}
	}
	var text [utf8.UTFMax]byte
	f.decode(p, s, e, JSON, '\\', func(data []byte) ([]byte, int) {
		if data[0] != '\\' || len(data) < 2 {
			return nil, 0
		}
		digits := 0
		switch data[1] {
		case 'u':
			digits = 4
		case 'x':
			digits = 2
		case 'r':
			text[0] = '\r'
			return text[:1], 2
		case 'n', 't', 'b', 'f', 'v', 'a', 'e', '0':
			text[0] = '\n' // these control characters end a word, so one of them stands for all
			return text[:1], 2
		default:
			text[0] = data[1] // an escaped mark is literal
			return text[:1], 2
		}
		if len(data) < 2+digits {
			return nil, 0
		}
		n, ok := number(data[2 : 2+digits])
		if !ok {
			return nil, 0
		}
		return utf8.AppendRune(text[:0], rune(n)), 2 + digits
	})
}

// stringEnd returns the end of a string in quotation marks, or of its line.
func stringEnd(data []byte, i, most int) int {
	for ; i < most && data[i] != '"' && data[i] != '\n'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return min(i, most)
}

// quoted decodes quoted-printable (RFC 2045 section 6.7) if the run has an encoded byte.
func (f *finder) quoted(p *pass, s, e int) {
	for i := s; i+2 < e; i++ {
		if p.data[i] == '=' && encoded(p.data[i+1:i+3]) {
			f.decode(p, s, e, QuotedPrintable, '=', quotedStep())
			return
		}
	}
}

// encoded reports whether two digits after a = encode a byte of text. An assignment such as id=b3 does not:
// quoted-printable writes bytes beyond ASCII with capitals.
func encoded(digits []byte) bool {
	n, ok := number(digits)
	return ok && (isText(byte(n)) && n != 0 || n >= 0x80 && !('a' <= digits[0] && digits[0] <= 'f') && !('a' <= digits[1] && digits[1] <= 'f'))
}

func quotedStep() func([]byte) ([]byte, int) {
	var one [1]byte
	return func(data []byte) ([]byte, int) {
		if data[0] != '=' {
			return nil, 0
		}
		if n := lineBreak(data[1:]); n > 0 {
			return nil, 1 + n
		}
		if len(data) >= 3 {
			if n, ok := number(data[1:3]); ok {
				one[0] = byte(n)
				return one[:], 3
			}
		}
		return nil, 0
	}
}

// joinStep removes only soft line breaks, because some writers that make them do not encode "=".
func joinStep(data []byte) ([]byte, int) {
	if data[0] == '=' {
		if n := lineBreak(data[1:]); n > 0 {
			return nil, 1 + n
		}
	}
	return nil, 0
}

// lineBreak returns the length of the line break at the beginning of data.
func lineBreak(data []byte) int {
	switch {
	case len(data) > 0 && data[0] == '\n':
		return 1
	case len(data) > 1 && data[0] == '\r' && data[1] == '\n':
		return 2
	}
	return 0
}

// softBreaks joins and searches the runs before and after each soft line break.
func (f *finder) softBreaks(p *pass, from int, end bool) {
	for _, mark := range [][]byte{[]byte("=\n"), []byte("=\r\n")} {
		for i := from; ; {
			at := bytes.Index(p.data[i:], mark)
			if at < 0 {
				break
			}
			at += i
			s := at
			for s > from && at-s < overlap && f.table[p.data[s-1]]&isRun != 0 {
				s--
			}
			e := at
			for e < len(p.data) && e-s < overlap {
				if p.data[e] == '=' {
					if n := lineBreak(p.data[e+1:]); n > 0 {
						e += 1 + n
						continue
					}
				}
				if f.table[p.data[e]]&isRun == 0 {
					break
				}
				e++
			}
			if e == len(p.data) && !end && e-s < overlap {
				p.carry(s)
				break
			}
			if e-s > Least {
				f.decode(p, s, e, QuotedPrintable, '=', joinStep)
				f.quoted(p, s, e)
			}
			i = max(e, at+len(mark))
			if e-s >= overlap {
				i = max(at+len(mark), e-maxJWT) // the rest of a very long run
			}
		}
	}
}
