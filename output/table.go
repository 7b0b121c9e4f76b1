package output

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/ll"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// windowRows is how many rows are held to find the widths of the columns. Later ones are written at once and make do
// with these widths.
const windowRows = 2000

// gap separates columns.
const gap = "  "

// table gathers rows, settles the widths of the columns, has tablewriter draw those rows, and draws from then on as it
// did: for every row tablewriter measures, wraps and pads anew what is settled, which takes many times as long.
type table struct {
	w      *Writer
	style  *textStyle
	titles []string
	cols   []tableColumn
	held   [][]string
	cells  []string // of one row, when the widths are settled
	lines  *lines   // nil until then
}

func newTable(w *Writer) *table {
	t := &table{w: w, style: &fullTable, cols: make([]tableColumn, len(w.sel))}
	if w.opts.Width > 0 {
		t.style = &shortTable
	}
	for n, i := range w.sel {
		name := w.cols[i].Name
		title := strings.ToUpper(strings.ReplaceAll(name, "_", " "))
		t.titles = append(t.titles, title)
		t.cols[n].fixed = name == "id"
		if !w.opts.NoHeaders {
			t.cols[n].title = displaywidth.String(title)
			t.cols[n].width = t.cols[n].title
		}
	}
	return t
}

func (w *Writer) encodeTable(row []Value) error {
	t := w.table
	if t.lines != nil {
		for n, i := range w.sel {
			t.cells[n] = w.cell(row[i], t.style)
		}
		t.lines.draw(t.cells, false)
		return t.lines.err
	}
	cells := make([]string, len(w.sel))
	for n, i := range w.sel {
		v := row[i]
		cells[n] = w.cell(v, t.style)
		t.cols[n].width = max(t.cols[n].width, displaywidth.String(cells[n]))
		t.cols[n].time = t.cols[n].time || v.kind == kindTime
	}
	t.held = append(t.held, cells)
	if len(t.held) == windowRows {
		return t.settle()
	}
	return nil
}

func (w *Writer) finishTable() error { return w.table.settle() }

// cell returns the text of v fit for a terminal. No other text looks like null, nor like an escape; a JSON document has
// its own escapes.
func (w *Writer) cell(v Value, style *textStyle) string {
	if v.kind == kindString {
		return exact(v.str, style)
	}
	w.scratch = v.appendText(w.scratch[:0], style)
	switch text := string(w.scratch); {
	case v.kind == kindStrings && len(v.more.strings) > 0, v.kind == kindObject:
		return exact(text, style)
	default:
		return Visible(text)
	}
}

// exact is how a table shows a text.
func exact(s string, style *textStyle) string {
	if s == style.null {
		return `\x2d`
	}
	return visibleExactly(s)
}

// settle fixes the widths by the rows so far and writes those, if there are any and it was not done yet.
func (t *table) settle() error {
	if t.lines != nil || len(t.held) == 0 {
		return nil
	}
	if t.w.opts.Width > 0 {
		shrink(t.cols, t.w.opts.Width)
	}
	widths := tw.NewMapper[int, int]()
	for i, c := range t.cols {
		widths.Set(i, c.width)
	}
	t.lines = &lines{w: t.w, cols: t.cols}
	stream := tablewriter.NewTable(io.Discard,
		tablewriter.WithRenderer(t.lines),
		tablewriter.WithStreaming(tw.StreamConfig{Enable: true, StrictColumns: true}),
		tablewriter.WithColumnWidths(widths),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimTab(tw.Off),
	)
	if err := stream.Start(); err != nil {
		return err
	}
	if !t.w.opts.NoHeaders {
		stream.Header(t.titles)
	}
	for _, cells := range t.held {
		if t.lines.err != nil {
			return t.lines.err
		}
		if err := stream.Append(cells); err != nil {
			return err
		}
	}
	t.cells, t.held = make([]string, len(t.cols)), nil
	return stream.Close()
}

// lines draws tablewriter's rows without borders, two spaces between columns and none at the end of a line. The renderer
// that tablewriter brings loses the errors of its writer, cuts cells that are too wide without a mark, even ids, and
// measures text by the locale.
type lines struct {
	w    *Writer
	cols []tableColumn
	err  error
}

var _ tw.Renderer = (*lines)(nil)

func (l *lines) Start(io.Writer) error            { return nil }
func (l *lines) Footer([][]string, tw.Formatting) {}
func (l *lines) Line(tw.Formatting)               {}
func (l *lines) Logger(*ll.Logger)                {}
func (l *lines) Close() error                     { return l.err }

func (l *lines) Config() tw.Rendition {
	return tw.Rendition{
		Borders:   tw.BorderNone,
		Symbols:   tw.NewSymbols(tw.StyleNone),
		Settings:  tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		Streaming: true,
	}
}

func (l *lines) Header(titles [][]string, _ tw.Formatting) {
	for _, line := range titles {
		l.draw(line, l.w.opts.Color)
	}
}

func (l *lines) Row(cells []string, _ tw.Formatting) { l.draw(cells, false) }

func (l *lines) draw(cells []string, bold bool) {
	if l.err != nil {
		return
	}
	b := l.w.buf
	pending := 0 // spaces owed, should anything follow
	for i, cell := range cells {
		if i > 0 {
			pending += len(gap)
		}
		width := displaywidth.String(cell)
		if limit := l.cols[i].width; l.w.opts.Width > 0 && !l.cols[i].fixed && width > limit {
			cell = truncate(cell, limit)
			width = displaywidth.String(cell)
		}
		if cell != "" {
			b = appendSpaces(b, pending)
			pending = 0
			if bold {
				b = append(b, "\x1b[1m"...)
			}
			b = append(b, cell...)
			if bold {
				b = append(b, "\x1b[0m"...)
			}
		}
		pending += max(l.cols[i].width-width, 0)
	}
	l.w.buf = append(b, '\n')
	if len(l.w.buf) >= bufferSize {
		l.err = l.w.drain()
	}
}

// truncate shortens s to width columns, the last of which is the mark of it.
func truncate(s string, width int) string {
	return displaywidth.TruncateString(s, width, "…")
}

// encodePairs writes the one row as name and value pairs, with all times in full.
func (w *Writer) encodePairs(row []Value) error {
	width := 0
	for _, i := range w.sel {
		width = max(width, displaywidth.String(w.cols[i].Name))
	}
	for _, i := range w.sel {
		name := w.cols[i].Name
		if w.opts.Color {
			w.buf = append(append(append(w.buf, "\x1b[1m"...), name...), "\x1b[0m"...)
		} else {
			w.buf = append(w.buf, name...)
		}
		indent := width - displaywidth.String(name) + len(gap)
		for _, line := range w.cellLines(row[i]) {
			if line != "" {
				w.buf = append(appendSpaces(w.buf, indent), line...)
			}
			w.buf = append(w.buf, '\n')
			indent = width + len(gap)
		}
	}
	return nil
}

// cellLines returns what stands beside a name: a line, or one for each string of a list.
func (w *Writer) cellLines(v Value) []string {
	if v.kind != kindStrings || len(v.more.strings) == 0 {
		return []string{w.cell(v, &fullTable)}
	}
	list := make([]string, len(v.more.strings))
	for i, s := range v.more.strings {
		list[i] = exact(s, &fullTable)
	}
	return list
}

func appendSpaces(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}
