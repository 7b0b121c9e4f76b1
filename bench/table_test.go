package bench

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var write = flag.Bool("write", false, "put what was measured into the tables of README.md")

// table is a table of README.md that a benchmark writes. It stands between the lines
// <!-- name --> and <!-- /name -->. Its first keys columns say what was measured, and the
// last one, which head lacks, on which day.
type table struct {
	name string
	keys int
	head []string
}

var (
	millionTable = table{"million", 3, []string{"database", "rows", "operation", "target", "times plain SQL", "MB", "psql or sqlite3, MB", "Django, times tokenctl"}}
	startTable   = table{"start", 2, []string{"command", "database", "ms", "times minimal", "times psql or sqlite3", "MB"}}
	scanTable    = table{"scan", 1, []string{"program", "MiB a second of the processor", "MB"}}
	cacheTable   = table{"cache", 2, []string{"operation", "sessions", "target", "times redis-cli", "MB"}}
	serveTable   = table{"serve", 1, []string{"server", "requests a second", "MB before", "MB after"}}
)

var tables = []table{millionTable, startTable, scanTable, cacheTable, serveTable}

// line is a row in Markdown.
func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// same reports whether two rows are about the same.
func (t table) same(a, b string) bool {
	a, b = strings.TrimPrefix(a, "| "), strings.TrimPrefix(b, "| ")
	return slices.Equal(strings.SplitN(a, " | ", t.keys+1)[:t.keys], strings.SplitN(b, " | ", t.keys+1)[:t.keys])
}

// frame returns what stands around the rows.
func (t table) frame() (before, after string) {
	head := append(slices.Clone(t.head), "measured")
	return fmt.Sprintf("<!-- %s -->\n%s\n|%s\n", t.name, line(head), strings.Repeat("---|", len(head))), fmt.Sprintf("<!-- /%s -->\n", t.name)
}

// merge puts rows into the table of a document: in place of those about the same, the
// others behind them.
func (t table) merge(document string, rows [][]string, day string) (string, error) {
	before, after := t.frame()
	start := strings.Index(document, before)
	if start < 0 {
		return "", fmt.Errorf("there is no table\n%s", before)
	}
	start += len(before)
	length := strings.Index(document[start:], after)
	if length < 0 {
		return "", fmt.Errorf("no %s", after)
	}
	old := strings.Split(document[start:start+length], "\n")
	lines := old[:len(old)-1]
	for _, row := range rows {
		if len(row) != len(t.head) {
			return "", fmt.Errorf("%d cells, want %d: %q", len(row), len(t.head), row)
		}
		text := line(append(slices.Clone(row), day))
		if i := slices.IndexFunc(lines, func(l string) bool { return t.same(l, text) }); i >= 0 {
			lines[i] = text
		} else {
			lines = append(lines, text)
		}
	}
	return document[:start] + strings.Join(append(lines, ""), "\n") + document[start+length:], nil
}

// record prints rows, and with -write puts them into README.md.
func (t table) record(b *testing.B, rows ...[]string) {
	b.Helper()
	before, _ := t.frame()
	day := time.Now().UTC().Format(time.DateOnly)
	fmt.Print("\n", before)
	for _, row := range rows {
		fmt.Println(line(append(slices.Clone(row), day)))
	}
	if !*write || len(rows) == 0 {
		return
	}
	document, err := os.ReadFile("README.md")
	if err != nil {
		b.Fatal(err)
	}
	changed, err := t.merge(string(document), rows, day)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile("README.md", []byte(changed), 0o644); err != nil {
		b.Fatal(err)
	}
}

// TestTableMerge: a run replaces its own rows and leaves the others, and the text around them.
func TestTableMerge(t *testing.T) {
	few := table{"few", 2, []string{"what", "where", "ms"}}
	const document = "text\n<!-- few -->\n| what | where | ms | measured |\n|---|---|---|---|\n| a | here | 1 | 2026-01-01 |\n| a | there | 2 | 2026-01-01 |\n<!-- /few -->\nmore | text\n"
	got, err := few.merge(document, [][]string{{"b", "here", "7"}, {"a", "here", "9"}}, "2026-02-03")
	if err != nil {
		t.Fatal(err)
	}
	if want := "text\n<!-- few -->\n| what | where | ms | measured |\n|---|---|---|---|\n| a | here | 9 | 2026-02-03 |\n| a | there | 2 | 2026-01-01 |\n| b | here | 7 | 2026-02-03 |\n<!-- /few -->\nmore | text\n"; got != want {
		t.Errorf("merged:\n%s", got)
	}
	for name, wrong := range map[string]string{"no table": "text\n", "no end": strings.ReplaceAll(document, "/few", "few"), "other columns": strings.ReplaceAll(document, "| ms |", "| s |")} {
		if got, err := few.merge(wrong, nil, ""); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := few.merge(document, [][]string{{"a", "here"}}, ""); err == nil {
		t.Error("a row lacks a cell")
	}
}

// TestTablesOfReadme: README.md has the tables that the benchmarks write, and no others.
func TestTablesOfReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(text)
	for _, table := range tables {
		merged, err := table.merge(document, nil, "")
		if err != nil || merged != document {
			t.Errorf("%s: %v", table.name, err)
		}
		before, after := table.frame()
		_, rest, _ := strings.Cut(document, before)
		rows, behind, _ := strings.Cut(rest, after)
		for row := range strings.Lines(rows) {
			if strings.Count(row, "|") != len(table.head)+2 {
				t.Errorf("%s: %s", table.name, row)
			}
		}
		document = strings.TrimSuffix(document, before+rows+after+behind) + behind
	}
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, "|") {
			t.Errorf("nothing writes %s", line)
		}
	}
}
