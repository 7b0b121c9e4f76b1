package output

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/ll"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// windowRows is the number of rows that decide the widths of the columns. Later rows are written immediately, with these
// widths.
const windowRows = 2000

// gap is the number of spaces between columns, and narrowGap the number if the table does not fit otherwise.
const (
	gap       = 2
	narrowGap = 1
)

// table collects rows, decides the widths of the columns, and draws these rows with tablewriter. It draws later rows
// itself in the same way, because tablewriter would measure, wrap and pad everything again, which takes many times as
// long.
type table struct {
	w      *Writer
	style  textStyle
	cols   []tableColumn
	held   []tableRow
	spare  tableRow // memory for a row after the layout is settled
	cells  []string // the shown cells of this row
	lines  *lines   // nil before the layout is settled
	blocks bool     // the settled layout is blocks
	above  bool     // a line was written
}

func newTable(w *Writer) *table {
	t := &table{w: w, style: fullTable, cols: w.tableColumns()}
	if w.opts.Width > 0 {
		t.style = peopleTable(w.opts.Now)
	}
	t.begin()
	return t
}

// begin prepares the table for the search for a layout.
func (t *table) begin() {
	t.lines = nil
	for n := range t.cols {
		c := &t.cols[n]
		c.news = c.keep
		c.title = 0
		if !t.w.opts.NoHeaders {
			c.title = displaywidth.String(c.heading())
		}
		c.width = c.title
	}
}

func (c *tableColumn) heading() string { return strings.ToUpper(strings.ReplaceAll(c.name, "_", " ")) }

func (w *Writer) encodeTable(row []Value) error {
	t := w.table
	if t.lines != nil || t.blocks {
		t.spare = t.arrange(t.spare, row)
		switch {
		case t.blocks:
			t.drawBlock(t.spare)
			return nil
		case w.opts.Width == 0 || t.fits(t.spare):
			t.cells = t.shown(t.cells[:0], t.spare)
			t.lines.draw(t.cells, false)
			return t.lines.err
		}
		t.begin()
	}
	r := t.arrange(tableRow{}, row)
	for n := range t.cols {
		c := &t.cols[n]
		c.width = max(c.width, displaywidth.String(r.cells[n]))
		c.news = c.news || r.news[n]
	}
	if t.held = append(t.held, r); len(t.held) == windowRows {
		return t.settle()
	}
	return nil
}

func (w *Writer) finishTable() error { return w.table.settle() }

// shown appends the cells of a row whose columns are shown.
func (t *table) shown(cells []string, r tableRow) []string {
	for n, c := range t.cols {
		if c.news {
			cells = append(cells, r.cells[n])
		}
	}
	return cells
}

// cell returns the text of v for a terminal. No text looks like null or like an escape of another text. A JSON document
// has its own escapes.
func (w *Writer) cell(v Value, style *textStyle) string {
	if v.kind == kindString {
		return exact(v.str, style)
	}
	w.scratch = v.appendText(w.scratch[:0], style)
	switch text := string(w.scratch); {
	case v.kind == kindStrings && len(v.more.strings) > 0, v.kind == kindObject, v.kind == kindList && len(v.more.vals) > 0:
		return exact(text, style)
	default:
		return Visible(text)
	}
}

// exact returns a text as a table shows it.
func exact(s string, style *textStyle) string {
	if s == style.null {
		return `\x2d`
	}
	return visibleExactly(s)
}

// settle decides the layout from the collected rows and writes them. It does nothing without rows, or if the layout is
// settled already.
func (t *table) settle() error {
	if t.lines != nil || len(t.held) == 0 {
		return nil
	}
	held := t.held
	t.held = nil
	var cols []tableColumn
	var titles []string
	for _, c := range t.cols {
		if c.news {
			cols, titles = append(cols, c), append(titles, c.heading())
		}
	}
	space, fits := gap, true
	if t.w.opts.Width > 0 {
		space, fits = fit(cols, t.w.opts.Width)
	}
	if !fits {
		t.blocks = true
		for _, r := range held {
			t.drawBlock(r)
		}
		return nil
	}
	if t.above {
		t.w.buf = append(t.w.buf, '\n')
	}
	t.above = true
	return t.draw(cols, space, titles, held)
}

// draw begins a table of these columns with the rows. space is the number of spaces between columns.
func (t *table) draw(cols []tableColumn, space int, titles []string, rows []tableRow) error {
	widths := tw.NewMapper[int, int]()
	for i, c := range cols {
		widths.Set(i, c.width)
	}
	t.lines = &lines{w: t.w, cols: cols, gap: space}
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
		stream.Header(titles)
	}
	for _, r := range rows {
		if t.lines.err != nil {
			return t.lines.err
		}
		if err := stream.Append(t.shown(nil, r)); err != nil {
			return err
		}
	}
	return stream.Close()
}

// lines draws tablewriter's rows without borders, and without spaces at the end of a line. tablewriter's own renderer
// loses the errors of its writer, cuts wide cells and even ids without a mark, and measures text by the locale.
type lines struct {
	w    *Writer
	cols []tableColumn
	gap  int
	err  error
}

var _ tw.Renderer = (*lines)(nil)

// The methods of [tw.Renderer].

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
		l.draw(line, true)
	}
}

func (l *lines) Row(cells []string, _ tw.Formatting) { l.draw(cells, false) }

func (l *lines) draw(cells []string, heading bool) {
	if l.err != nil {
		return
	}
	b := l.w.buf
	pending := 0 // spaces to write before the next text
	for i, cell := range cells {
		c := &l.cols[i]
		if i > 0 {
			pending += l.gap
		}
		color := c.colors[cell]
		if heading {
			color = "1"
		}
		width := displaywidth.String(cell)
		if l.w.opts.Width > 0 && !c.whole && width > c.width {
			cell = truncate(cell, c.width)
			width = displaywidth.String(cell)
		}
		if cell != "" {
			b = l.w.appendPainted(appendSpaces(b, pending), cell, color)
			pending = 0
		}
		pending += max(c.width-width, 0)
	}
	l.w.buf = append(b, '\n')
	if len(l.w.buf) >= bufferSize {
		l.err = l.w.drain()
	}
}

// truncate shortens s to width cells, with an ellipsis in the last cell.
func truncate(s string, width int) string {
	return displaywidth.TruncateString(s, width, "…")
}
