package output

import (
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// This file arranges a table for a person at a terminal of Options.Width:
//
//   - the booleans of a group are one column of words;
//   - a column without news in any row is left out: its values are empty, or another column has them too. Columns with
//     Decides and columns that Options.Columns names are never left out;
//   - text is cut to fit, but not below a readable width. Numbers, times and columns with Decides or Whole are never cut;
//   - if this is not enough, the gaps between columns become narrower;
//   - a table that still does not fit is written as blocks: one for each row, with a line for each value.
//
// The first windowRows rows decide. A later row that does not fit into the layout begins a new table.

// tableColumn is a column of a shown table. Widths are in terminal cells.
type tableColumn struct {
	name   string
	from   []int // indexes into a row: the values that it shows
	group  bool  // of booleans
	keep   bool  // it is never left out
	within int   // the column of the table that usually holds the same text; -1: none
	colors map[string]string

	news  bool // a row has a value that no other column has
	whole bool // it is never cut
	title int  // width of the heading, 0 without one
	width int  // of the widest cell or the heading; later the width in the layout
}

// tableColumns are the columns of the table, in order.
func (w *Writer) tableColumns() []tableColumn {
	people := w.opts.Width > 0
	var cols []tableColumn
	var holders []string
	for _, i := range w.sel {
		c := w.cols[i]
		name, group := c.Name, people && c.Group != "" && !w.opts.named(c.Name)
		if group {
			name = c.Group
			if n := slices.IndexFunc(cols, func(t tableColumn) bool { return t.group && t.name == name }); n >= 0 {
				cols[n].from = append(cols[n].from, i)
				continue
			}
		}
		cols = append(cols, tableColumn{name: name, from: []int{i}, group: group, colors: c.Colors,
			keep: !people || c.Decides || w.opts.named(c.Name), whole: c.Whole || c.Decides || group})
		holders = append(holders, c.Within)
	}
	for n, holder := range holders {
		cols[n].within = slices.IndexFunc(cols, func(c tableColumn) bool { return holder != "" && c.name == holder && c.keep })
	}
	return cols
}

// tableRow is a row as a table shows it.
type tableRow struct {
	cells []string
	news  []bool // the cell has a value that no other column has
}

// arrange makes the cells of a row. It reuses the memory of into.
func (t *table) arrange(into tableRow, row []Value) tableRow {
	r := tableRow{into.cells[:0], into.news[:0]}
	for n := range t.cols {
		c := &t.cols[n]
		v := row[c.from[0]]
		if c.group {
			cell := t.w.groupCell(c.from, row)
			r.cells, r.news = append(r.cells, cell), append(r.news, cell != "")
			continue
		}
		c.whole = c.whole || v.kind == kindTime || v.kind == kindInt || v.kind == kindBool
		r.cells, r.news = append(r.cells, t.w.cell(v, &t.style)), append(r.news, c.keep || !v.empty())
	}
	for n, c := range t.cols {
		if c.within >= 0 && !c.keep && r.news[n] {
			holder := r.cells[c.within]
			r.news[n] = holder != r.cells[n] && !strings.HasPrefix(holder, r.cells[n]+":")
		}
	}
	return r
}

// groupCell returns the words for the booleans of a group.
func (w *Writer) groupCell(from []int, row []Value) string {
	var words []string
	for _, i := range from {
		if v := row[i]; v.kind == kindBool && w.cols[i].Words[v.num] != "" {
			words = append(words, w.cols[i].Words[v.num])
		}
	}
	return strings.Join(words, ", ")
}

// fits reports whether the settled layout can show a row without cutting it.
func (t *table) fits(r tableRow) bool {
	for n, c := range t.cols {
		if r.news[n] && !c.news || c.whole && displaywidth.String(r.cells[n]) > c.width {
			return false
		}
	}
	return true
}

// readableWidth is the smallest width to which text is cut.
const readableWidth = 8

// fit narrows columns so that the table fits, and returns the number of spaces between them. A single column always fits.
func fit(cols []tableColumn, width int) (space int, fits bool) {
	for _, space := range []int{gap, narrowGap} {
		tried := slices.Clone(cols)
		if shrink(tried, width-space*(len(cols)-1)) || len(cols) == 1 {
			copy(cols, tried)
			return space, true
		}
	}
	return 0, false
}

// shrink narrows columns, the widest first, until the sum of their widths is width. It reports whether this is possible.
func shrink(cols []tableColumn, width int) bool {
	excess := -width
	for i := range cols {
		c := &cols[i]
		if !c.whole {
			c.width = min(c.width, max(width, floor(*c))) // this also bounds the number of steps in narrow
		}
		excess += c.width
	}
	return narrow(cols, excess) <= 0
}

// floor returns the smallest width to which a column is narrowed.
func floor(c tableColumn) int {
	if c.whole {
		return c.width
	}
	return max(c.title, readableWidth)
}

// narrow takes up to excess cells from the columns, but no column goes below its floor. It returns the rest of excess.
func narrow(cols []tableColumn, excess int) int {
	for excess > 0 {
		widest, next := -1, 0 // the widest that can give, and the width it can go down to before another is the widest
		for i, c := range cols {
			if c.width <= floor(c) {
				continue
			}
			switch {
			case widest < 0:
				widest = i
			case c.width > cols[widest].width:
				widest, next = i, cols[widest].width
			default:
				next = max(next, c.width)
			}
		}
		if widest < 0 {
			return excess
		}
		c := &cols[widest]
		step := min(excess, c.width-max(floor(*c), min(next, c.width-1)))
		c.width -= step
		excess -= step
	}
	return excess
}
