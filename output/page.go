package output

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strconv"
	"sync"
)

// Page is a document in HTML for a browser and for paper, in one file. It loads nothing, runs nothing, and its
// Content-Security-Policy allows nothing but its own style. Its methods append to it; the first error is kept for WriteTo.
// Every text may come from the database: the page shows it as [Visible] makes it, escaped, and not longer than longestText.
type Page struct {
	Title string
	Facts []Fact // what the page is about, under the title

	body     bytes.Buffer
	contents []string // headings of level 2
	charts   int
	err      error
}

// Fact is a name and what it stands for.
type Fact struct{ Name, Value string }

// Tile is a number that a reader wants to see first. Tone is one of the colours that page.css knows; empty: none.
type Tile struct {
	Name, Tone, Note string
	Number           int64
}

// Entry is one of several things that a page lists.
type Entry struct {
	Name    string // of the thing, such as an id
	Of      string // whose it is
	Text    string
	Command string // what to type; empty: nothing
	Mark    string // a word that makes it stand out; empty: none
}

// PageTable is a table whose first column names its rows. The last Numbers columns are numbers.
type PageTable struct {
	Caption string
	Header  []string
	Rows    [][]string
	Notes   []string // one under the name of each row; nil: none
	Numbers int
}

// How many characters of a text and of a name a page shows.
const (
	longestText = 500
	longestName = 120
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"number": Grouped,
		"text": func(s string) string { return shown(s, longestText) }, "name": func(s string) string { return shown(s, longestName) }}).Parse(pageText))
})

// shown is a text as a page shows it, with at most so many characters of it.
func shown(text string, most int) string {
	n := 0
	for i := range text {
		if n++; n > most {
			text = text[:i] + "…"
			break
		}
	}
	return Visible(text)
}

// Grouped writes a number with a comma before every three digits, such as 1,234,567.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// add appends what a template makes of data.
func (p *Page) add(name string, data any) {
	if p.err == nil {
		p.err = pageTemplate().ExecuteTemplate(&p.body, name, data)
	}
}

// Heading begins a section. Level is 2 to 5, and at most one more than that of the heading before. The contents have those
// of level 2. Tone is as in [Tile].
func (p *Page) Heading(level int, tone, text string) {
	if level == 2 {
		p.contents = append(p.contents, text)
	}
	p.add("heading", struct {
		Level, Part int
		Tone, Text  string
	}{level, len(p.contents) - 1, tone, text})
}

// Tiles appends numbers that a reader wants to see first.
func (p *Page) Tiles(tiles ...Tile) { p.add("tiles", tiles) }

// Text appends a paragraph.
func (p *Page) Text(text string) { p.add("paragraph", text) }

// Command appends what to type. before says what it does.
func (p *Page) Command(before, command string) { p.add("command", Fact{before, command}) }

// Entries appends a list.
func (p *Page) Entries(list []Entry) { p.add("entries", list) }

// Table appends a table.
func (p *Page) Table(t PageTable) { p.add("table", t) }

// Number reports whether a column has numbers.
func (t PageTable) Number(column int) bool { return column >= len(t.Header)-t.Numbers }

// Note is the note of a row.
func (t PageTable) Note(row int) string {
	if t.Notes == nil {
		return ""
	}
	return t.Notes[row]
}

// WriteTo implements io.WriterTo. It ends the page.
func (p *Page) WriteTo(to io.Writer) (int64, error) {
	if p.err != nil {
		return 0, p.err
	}
	policy := "default-src 'none'; style-src " + HashSource(pageStyle) + "; img-src data:; base-uri 'none'; form-action 'none'"
	var text bytes.Buffer
	err := pageTemplate().ExecuteTemplate(&text, "page", struct {
		*Page
		Policy   string
		Style    template.CSS
		Body     template.HTML
		Contents []string
	}{p, policy, template.CSS(pageStyle), template.HTML(p.body.String()), p.contents}) //nolint:gosec // both come from templates
	if err != nil {
		return 0, err
	}
	return text.WriteTo(to)
}

// HashSource is the hash-source of a script or a style (Content Security Policy Level 3, section 2.3.1).
func HashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
