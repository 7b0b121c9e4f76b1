package output

import (
	"strconv"
	"strings"
)

// The charts of a page are SVG. Their lengths along the page are percentages, so that they fit every width and
// the text keeps one size. The description of a chart has its labels and numbers, for people who cannot see
// the chart.

// Bar is a number with a label. The label of a horizontal bar has at most about eleven characters.
type Bar struct {
	Label  string
	Number int64
	Mark   bool // the bar is highlighted, and its number is shown
}

// Chart is a chart of numbers.
type Chart struct {
	Title string
	Bars  []Bar
	Most  int64 // the number that fills the chart; charts beside each other share it
}

// shape is a bar in the form that SVG needs.
type shape struct {
	Bar
	X, Y, Width, Height string
	Middle              string // of its width
	Tick                string // the class of its label
}

// drawn is a chart in the form that its template needs.
type drawn struct {
	Chart
	ID     int
	Height int
	Shapes []shape
	Lines  []shape // across the chart, with their labels
	Ticks  []shape // labels below the chart
}

// Description returns the labels and numbers of all bars that are not zero.
func (c Chart) Description() string {
	var parts []string
	for _, b := range c.Bars {
		if b.Number > 0 {
			parts = append(parts, b.Label+": "+Grouped(b.Number))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

// most returns the number that fills the chart. It is at least 1.
func (c Chart) most() int64 {
	most := max(c.Most, 1)
	for _, b := range c.Bars {
		most = max(most, b.Number)
	}
	return most
}

func percent(part, whole float64) string {
	return strconv.FormatFloat(part/whole*100, 'f', 3, 64) + "%"
}

// rowHeight is the height of a horizontal bar with the space around it, in pixels.
const rowHeight = 26

// Bars appends charts of horizontal bars. The charts stand beside each other if there is room.
func (p *Page) Bars(charts ...Chart) {
	var list []drawn
	for _, c := range charts {
		p.charts++
		d := drawn{Chart: c, ID: p.charts, Height: rowHeight * len(c.Bars)}
		most := float64(c.most())
		for i, b := range c.Bars {
			d.Shapes = append(d.Shapes, shape{Bar: b, Y: strconv.Itoa(rowHeight*i + 4), Width: percent(float64(b.Number), most), Middle: strconv.Itoa(rowHeight*i + rowHeight/2)})
		}
		list = append(list, d)
	}
	p.add("bars", list)
}

// columnsHeight is the height of the tallest column, in pixels.
const columnsHeight = 160

// Columns appends a chart of vertical bars, such as one for each day. Every step-th bar has its label below.
func (p *Page) Columns(c Chart, step int) {
	p.charts++
	d := drawn{Chart: c, ID: p.charts, Height: columnsHeight}
	most, n := scale(c.most()), float64(len(c.Bars))
	y := func(number int64) string {
		return strconv.FormatFloat(columnsHeight*(1-float64(number)/float64(most)), 'f', 2, 64)
	}
	for i, b := range c.Bars {
		s := shape{Bar: b, X: percent(float64(i)+0.1, n), Y: y(b.Number), Width: percent(0.8, n), Middle: percent(float64(i)+0.5, n)}
		s.Height = strconv.FormatFloat(columnsHeight*float64(b.Number)/float64(most), 'f', 2, 64)
		d.Shapes = append(d.Shapes, s)
		if i%step == 0 {
			s.Tick = "tick"
			if i == 0 {
				s.Tick += " first"
			} else if i+step >= len(c.Bars) {
				s.Tick += " last"
			}
			d.Ticks = append(d.Ticks, s)
		}
	}
	for _, number := range []int64{0, most / 2, most} {
		d.Lines = append(d.Lines, shape{Bar: Bar{Number: number}, Y: y(number)})
	}
	p.add("columns", d)
}

// scale returns the number at which the axis for numbers up to most ends. The number is round, and its half is
// round, too.
func scale(most int64) int64 {
	for power := int64(1); ; power *= 10 {
		for _, n := range []int64{2, 4, 6, 8} {
			if power*n >= most {
				return power * n
			}
		}
	}
}
