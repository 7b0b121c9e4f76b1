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

// Page is a document in HTML for a browser and for paper, in one file. It loads nothing and runs no script.
// Its Content-Security-Policy allows only its own style and images in data URLs. Its methods append to the
// page, and WriteTo returns their first error. Every text may come from the database: the page shows it as
// [Visible] makes it, escaped, and cut to longestText or longestName characters.
type Page struct {
	Title string
	Facts []Fact // the facts under the title

	body     bytes.Buffer
	contents []string // headings of level 2
	charts   int
	err      error
}

// Fact is a name with its value.
type Fact struct{ Name, Value string }

// Tile is a number that a reader should see first. Tone is a colour that page.css knows; empty: there is none.
type Tile struct {
	Name, Tone, Note string
	Number           int64
}

// Entry is one thing in a list of a page.
type Entry struct {
	Name    string // of the thing, such as an id
	Of      string // its owner
	Text    string
	Command string // the command to type; empty: there is none
	Mark    string // a word that marks the entry; empty: there is none
}

// PageTable is a table whose first column names its rows. The last Numbers columns are numbers.
type PageTable struct {
	Caption string
	Header  []string
	Rows    [][]string
	Notes   []string // one note under the name of each row; nil: there are none
	Numbers int
}

// The most characters of a text and of a name that a page shows.
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

// shown returns a text as a page shows it. The text has at most most characters of the original.
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

// Grouped returns a number with a comma before each group of three digits, such as 1,234,567.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// add appends the output of a template for data.
func (p *Page) add(name string, data any) {
	if p.err == nil {
		p.err = pageTemplate().ExecuteTemplate(&p.body, name, data)
	}
}

// Heading begins a section. level is 2 to 5, and at most one more than the level of the heading before. The
// table of contents has the headings of level 2. tone is the Tone of a [Tile].
func (p *Page) Heading(level int, tone, text string) {
	if level == 2 {
		p.contents = append(p.contents, text)
	}
	p.add("heading", struct {
		Level, Part int
		Tone, Text  string
	}{level, len(p.contents) - 1, tone, text})
}

// Tiles appends numbers that a reader should see first.
func (p *Page) Tiles(tiles ...Tile) { p.add("tiles", tiles) }

// Text appends a paragraph.
func (p *Page) Text(text string) { p.add("paragraph", text) }

// Command appends a command to type. before is the text about the command.
func (p *Page) Command(before, command string) { p.add("command", Fact{before, command}) }

// Entries appends a list.
func (p *Page) Entries(list []Entry) { p.add("entries", list) }

// Table appends a table.
func (p *Page) Table(t PageTable) { p.add("table", t) }

// Number reports whether a column has numbers.
func (t PageTable) Number(column int) bool { return column >= len(t.Header)-t.Numbers }

// Note returns the note of a row.
func (t PageTable) Note(row int) string {
	if t.Notes == nil {
		return ""
	}
	return t.Notes[row]
}

// WriteTo implements io.WriterTo. It ends the page. Before the errors of its own work it returns the first
// error of the other methods.
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

// HashSource returns the hash-source of a script or a style (Content Security Policy Level 3, section 2.3.1).
func HashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
