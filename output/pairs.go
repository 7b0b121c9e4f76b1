package output

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// encodePairs writes a row as name and value pairs, with all times in full. At a terminal it leaves out empty values and
// wraps long ones.
func (w *Writer) encodePairs(row []Value) error {
	style := fullTable
	if w.opts.Width > 0 {
		style = peoplePairs(w.opts.Now)
	}
	width := 0
	for _, i := range w.sel {
		width = max(width, displaywidth.String(w.cols[i].Name))
	}
	if w.rows > 0 {
		w.buf = append(w.buf, '\n')
	}
	for _, i := range w.sel {
		c := w.cols[i]
		if w.opts.Width > 0 && row[i].empty() && !c.Decides && !w.opts.named(c.Name) {
			continue
		}
		w.appendPair(c.Name, width, w.cellLines(row[i], &style), c.Colors)
	}
	return nil
}

// appendPair writes a name and, beside it, the lines of its value.
func (w *Writer) appendPair(name string, width int, lines []string, colors map[string]string) {
	w.buf = w.appendPainted(w.buf, name, "1")
	indent := width - displaywidth.String(name) + gap
	for _, value := range lines {
		for _, line := range w.wrapped(value, width+gap) {
			if line != "" {
				w.buf = w.appendPainted(appendSpaces(w.buf, indent), line, colors[line])
			}
			w.buf = append(w.buf, '\n')
			indent = width + gap
		}
	}
}

// narrowest is the smallest width to which text is wrapped, even on a narrower terminal.
const narrowest = 20

// wrapped returns the lines of a text that begins at a column of the terminal.
func (w *Writer) wrapped(text string, column int) []string {
	if w.opts.Width == 0 {
		return []string{text}
	}
	return Wrap(text, max(w.opts.Width-column, narrowest))
}

// cellLines returns the lines of a value: one, or one for each string of a list, and at a terminal one for each value of
// an object.
func (w *Writer) cellLines(v Value, style *textStyle) []string {
	people := w.opts.Width > 0
	switch {
	case v.kind == kindStrings && len(v.more.strings) > 0:
		list := make([]string, len(v.more.strings))
		for i, s := range v.more.strings {
			list[i] = exact(s, style)
		}
		return list
	case v.kind == kindObject && people:
		short := peopleTable(w.opts.Now) // important times have their own columns
		width := 0
		for _, key := range v.more.keys {
			width = max(width, displaywidth.String(key))
		}
		var list []string
		for i, key := range v.more.keys {
			if value := v.more.vals[i]; !value.empty() {
				list = append(list, key+strings.Repeat(" ", width-displaywidth.String(key)+gap)+w.cell(value, &short))
			}
		}
		return list
	case v.kind == kindRaw && people:
		var b bytes.Buffer
		if json.Indent(&b, []byte(v.str), "", "  ") == nil {
			list := strings.Split(b.String(), "\n")
			for i, line := range list {
				list[i] = Visible(line)
			}
			return list
		}
	}
	return []string{w.cell(v, style)}
}

// drawBlock writes a row as a block.
func (t *table) drawBlock(r tableRow) {
	width := 0
	for _, c := range t.cols {
		width = max(width, displaywidth.String(c.name))
	}
	if t.above {
		t.w.buf = append(t.w.buf, '\n')
	}
	t.above = true
	for n, c := range t.cols {
		if r.news[n] {
			t.w.appendPair(c.name, width, []string{r.cells[n]}, c.colors)
		}
	}
}

// appendPainted appends text in colour, if there are colours and sgr names one.
func (w *Writer) appendPainted(dst []byte, text, sgr string) []byte {
	if !w.opts.Color || sgr == "" {
		return append(dst, text...)
	}
	dst = append(append(append(dst, "\x1b["...), sgr...), 'm')
	return append(append(dst, text...), "\x1b[0m"...)
}

func appendSpaces(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}
