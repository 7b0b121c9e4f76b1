package output

import (
	"bytes"
	"strings"
	"testing"
)

// hostileText would end the style or an attribute, run a script, and turn the text around.
const hostileText = "</style><script>alert(1)</script>\" onload='x' \x1b[2J\u202e\u2066<img src=x>"

// No text of any part of a page is markup, and none is invisible.
func TestPageHostile(t *testing.T) {
	t.Parallel()
	p := Page{Title: hostileText, Facts: []Fact{{hostileText, hostileText}}}
	p.Heading(2, "", hostileText)
	for level := 3; level <= 5; level++ {
		p.Heading(level, "high", hostileText)
	}
	p.Tiles(Tile{Name: hostileText, Tone: "low", Note: hostileText, Number: 1})
	p.Text(hostileText)
	p.Command(hostileText, hostileText)
	p.Entries([]Entry{{hostileText, hostileText, hostileText, hostileText, hostileText}})
	p.Table(PageTable{Caption: hostileText, Header: []string{hostileText, hostileText}, Rows: [][]string{{hostileText, hostileText}}, Notes: []string{hostileText}})
	chart := Chart{Title: hostileText, Bars: []Bar{{Label: hostileText, Number: 3, Mark: true}}}
	p.Bars(chart)
	p.Columns(chart, 1)
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Count(text, "</style>") != 1 || strings.Contains(text, "<script") || strings.Contains(text, "<img") || strings.Contains(text, "onload='") || strings.ContainsAny(text, "\x1b\u202e\u2066") {
		t.Error(text)
	}
	if n := strings.Count(text, `&lt;/style&gt;&lt;script&gt;alert(1)`); n < 25 {
		t.Errorf("the text is shown %d times", n)
	}
	for _, address := range []string{"http:", "https:", "//", "url("} {
		if strings.Contains(text, address) {
			t.Errorf("the page has %s", address)
		}
	}
}

// A page without anything, and a text that is too long.
func TestPageBounds(t *testing.T) {
	t.Parallel()
	var p Page
	p.Text(strings.Repeat("é", longestText) + "x")
	p.Text(strings.Repeat("é", longestText))
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("é", longestText)
	if text := b.String(); !strings.Contains(text, "<p>"+long+"…</p>") || !strings.Contains(text, "<p>"+long+"</p>") {
		t.Error(text)
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 1234567: "1,234,567", -999: "-999", -123456: "-123,456"} {
		if got := Grouped(n); got != want {
			t.Errorf("Grouped(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	for most, want := range map[int64]int64{1: 2, 2: 2, 3: 4, 9: 20, 10: 20, 146: 200, 200: 200, 201: 400, 999: 2000, 1000: 2000, 1 << 62: 6e18} {
		if got := scale(most); got != want {
			t.Errorf("scale(%d) = %d, want %d", most, got, want)
		}
	}
}
