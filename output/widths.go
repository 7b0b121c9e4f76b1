package output

// tableColumn is what the layout of a table knows of a column; widths are in terminal cells.
type tableColumn struct {
	title int // width of the heading, 0 without one
	width int // of the widest cell seen, or of the heading if that is wider; then what it was given
	fixed bool
	time  bool
}

// readableWidth is what text is not cut below while there is something else to cut.
const readableWidth = 8

// shrink narrows columns until the table fits, always the widest first. Text gives way before times, which mean
// something else when cut, and headings are cut last. The id, which must stay copyable, never gives way; where it leaves
// too little room even so, only overlong text is cut, since the lines will be broken anyway.
func shrink(cols []tableColumn, width int) {
	gaps := len(gap) * (len(cols) - 1)
	total, least := gaps, gaps
	for i := range cols {
		c := &cols[i]
		if !c.fixed {
			c.width = min(c.width, width) // also bounds the steps below
		}
		total += c.width
		if c.fixed {
			least += c.width
		} else {
			least += min(c.width, 1)
		}
	}
	excess := narrow(cols, total-width, func(c tableColumn) int {
		if c.time {
			return c.width
		}
		return max(c.title, readableWidth)
	})
	if least > width {
		return
	}
	excess = narrow(cols, excess, func(c tableColumn) int { return max(c.title, 1) })
	narrow(cols, excess, func(tableColumn) int { return 1 })
}

// narrow takes up to excess from the columns, none of them below its floor, and returns what is left of it.
func narrow(cols []tableColumn, excess int, floor func(tableColumn) int) int {
	for excess > 0 {
		widest, next := -1, 0 // the widest that can give, and the width it can go down to before another is the widest
		for i, c := range cols {
			if c.fixed || c.width <= floor(c) {
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
	return 0
}
