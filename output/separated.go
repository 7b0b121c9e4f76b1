package output

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// headings appends the names of the selected columns before the first row, unless Options.NoHeaders is set.
func (w *Writer) headings(separator byte) {
	if w.rows > 0 || w.opts.NoHeaders || w.opts.Format == Plain {
		return
	}
	for n, i := range w.sel {
		if n > 0 {
			w.buf = append(w.buf, separator)
		}
		w.buf = append(w.buf, w.cols[i].Name...)
	}
	w.buf = append(w.buf, '\n')
}

// text returns the text of v, which is valid until the next call.
func (w *Writer) text(v Value) []byte {
	w.scratch = v.appendText(w.scratch[:0], &machineText)
	return w.scratch
}

func (w *Writer) encodeTSV(row []Value) error {
	w.headings('\t')
	for n, i := range w.sel {
		if n > 0 {
			w.buf = append(w.buf, '\t')
		}
		switch v := row[i]; {
		case v.ownWords():
			w.buf = v.appendText(w.buf, &machineText)
		case v.kind == kindString:
			w.buf = appendTSV(w.buf, v.str)
		default:
			w.buf = appendTSV(w.buf, w.text(v))
		}
	}
	w.buf = append(w.buf, '\n')
	return nil
}

// finishSeparated returns a function that writes the header of an empty list.
func finishSeparated(separator byte) func(*Writer) error {
	return func(w *Writer) error {
		w.headings(separator)
		return nil
	}
}

// appendTSV appends s and escapes separators as in the text format of PostgreSQL's COPY.
func appendTSV[T string | []byte](dst []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c > '\r' && c != '\\' {
			continue
		}
		switch c {
		case '\t':
			c = 't'
		case '\n':
			c = 'n'
		case '\r':
			c = 'r'
		case '\\':
		default:
			continue
		}
		dst = append(append(dst, s[start:i]...), '\\', c)
		start = i + 1
	}
	return append(dst, s[start:]...)
}

// encodeLine writes a value as a line, for the format ID and for --field. For a single row the value is exact. For many
// rows line breaks are escaped, because a jti with a line break would be two ids for `tokenctl blacklist -`.
func (w *Writer) encodeLine(row []Value) error {
	start := len(w.buf)
	w.buf = row[w.sel[0]].at(w.path).appendText(w.buf, &machineText)
	if !w.opts.Single {
		w.escapeBreaks(start)
	}
	w.buf = append(w.buf, '\n')
	return nil
}

func (w *Writer) escapeBreaks(start int) {
	for i := start; i < len(w.buf); i++ {
		if c := w.buf[i]; c == '\n' || c == '\r' {
			w.scratch = append(w.scratch[:0], w.buf[i:]...)
			w.buf = w.buf[:i]
			for _, c := range w.scratch {
				switch c {
				case '\n':
					w.buf = append(w.buf, `\n`...)
				case '\r':
					w.buf = append(w.buf, `\r`...)
				default:
					w.buf = append(w.buf, c)
				}
			}
			return
		}
	}
}

func (w *Writer) encodeCSV(row []Value) error {
	w.headings(',')
	for n, i := range w.sel {
		if n > 0 {
			w.buf = append(w.buf, ',')
		}
		start := len(w.buf)
		switch v := row[i]; {
		case v.ownWords():
			w.buf = v.appendText(w.buf, &machineText)
		case v.kind == kindString:
			w.buf = appendCSV(w.buf, v.str, w.opts.CSVRaw)
		default:
			w.buf = appendCSV(w.buf, w.text(v), w.opts.CSVRaw)
		}
		if len(w.sel) == 1 && len(w.buf) == start {
			w.buf = append(w.buf, `""`...) // most readers skip an empty line
		}
	}
	w.buf = append(w.buf, '\n')
	return nil
}

// csvQuoted marks the bytes whose field needs quotes.
var csvQuoted = [256]bool{',': true, '"': true, '\n': true, '\r': true}

// appendCSV appends s as a field of RFC 4180. Unless raw is set, it defuses s.
func appendCSV[T string | []byte](dst []byte, s T, raw bool) []byte {
	defuse := !raw && isFormula(s)
	quote := false
	for i := 0; i < len(s) && !quote; i++ {
		quote = csvQuoted[s[i]]
	}
	// Space at the ends is part of the field, but many readers trim it without quotes.
	if len(s) > 0 && (s[0] == ' ' || s[len(s)-1] == ' ') {
		quote = true
	}
	if quote {
		dst = append(dst, '"')
	}
	if defuse {
		dst = append(dst, '\'')
	}
	if !quote {
		return append(dst, s...)
	}
	start := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			dst = append(append(dst, s[start:i+1]...), '"')
			start = i + 1
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// isFormula reports whether a spreadsheet could run s as a formula (OWASP, "CSV Injection"): s begins with = + - @ or
// their full-width forms, perhaps after white space or invisible characters, or with a tab or line break.
func isFormula[T string | []byte](s T) bool {
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))])) // so short that it is not allocated
		}
		switch {
		case r > '@' && r < 0x7f:
			return false
		case strings.ContainsRune("=+-@＝＋－＠", r):
			return true
		case i == 0 && (r == '\t' || r == '\r' || r == '\n'):
			return true
		case !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && !unicode.IsControl(r):
			return false
		}
		i += size
	}
	return false
}
