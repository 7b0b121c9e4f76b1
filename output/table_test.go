package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
)

var listColumns = []Column{{Name: "id", Decides: true}, {Name: "user"}, {Name: "user_id", Extra: true}, {Name: "created"}, {Name: "last_login"}}

// listNow is what the times of listRows are told from.
var listNow = time.Date(2026, 3, 7, 6, 0, 0, 0, time.UTC)

func listRows() [][]Value {
	at := Time(time.Date(2026, 3, 4, 5, 6, 59, 0, time.UTC))
	return [][]Value{
		{String("drf:1@5ac1f0b2"), String("alice"), Int(1), at, Null()},
		{String("drf:2@00aa11bb"), String("a.rather.long.name@example.org"), Int(2), Null(), at},
		{String("drf:3@cc22dd33"), String("日本語の名前"), Int(3), at, at},
		{String("drf:4@ee44ff55"), String("e\u0301ve"), Int(4), at, String("")},
	}
}

func TestTable(t *testing.T) {
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"no terminal", Options{}, `
ID              USER                            CREATED               LAST LOGIN
drf:1@5ac1f0b2  alice                           2026-03-04T05:06:59Z  -
drf:2@00aa11bb  a.rather.long.name@example.org  -                     2026-03-04T05:06:59Z
drf:3@cc22dd33  日本語の名前                    2026-03-04T05:06:59Z  2026-03-04T05:06:59Z
drf:4@ee44ff55  éve                             2026-03-04T05:06:59Z
`},
		{"wide", Options{Width: 120}, `
ID              USER                            CREATED  LAST LOGIN
drf:1@5ac1f0b2  alice                           3d ago   -
drf:2@00aa11bb  a.rather.long.name@example.org  -        3d ago
drf:3@cc22dd33  日本語の名前                    3d ago   3d ago
drf:4@ee44ff55  éve                             3d ago
`},
		{"text gives way", Options{Width: 50}, `
ID              USER           CREATED  LAST LOGIN
drf:1@5ac1f0b2  alice          3d ago   -
drf:2@00aa11bb  a.rather.lon…  -        3d ago
drf:3@cc22dd33  日本語の名前   3d ago   3d ago
drf:4@ee44ff55  éve            3d ago
`},
		{"then the space between columns", Options{Width: 42}, `
ID             USER     CREATED LAST LOGIN
drf:1@5ac1f0b2 alice    3d ago  -
drf:2@00aa11bb a.rathe… -       3d ago
drf:3@cc22dd33 日本語…  3d ago  3d ago
drf:4@ee44ff55 éve      3d ago
`},
		{"then blocks", Options{Width: 41}, `
id          drf:1@5ac1f0b2
user        alice
created     3d ago

id          drf:2@00aa11bb
user        a.rather.long.name@example.org
last_login  3d ago

id          drf:3@cc22dd33
user        日本語の名前
created     3d ago
last_login  3d ago

id          drf:4@ee44ff55
user        éve
created     3d ago
`},
		{"never the id", Options{Width: 10, NoHeaders: true, Columns: []string{"user", "id"}}, `
user  alice
id    drf:1@5ac1f0b2

user  a.rather.long.name@example.org
id    drf:2@00aa11bb

user  日本語の名前
id    drf:3@cc22dd33

user  éve
id    drf:4@ee44ff55
`},
		{"one column is no block", Options{Width: 10, Columns: []string{"id"}}, `
ID
drf:1@5ac1f0b2
drf:2@00aa11bb
drf:3@cc22dd33
drf:4@ee44ff55
`},
		{"colour", Options{Color: true, Columns: []string{"user_id", "id"}}, `
` + "\x1b[1mUSER ID\x1b[0m  \x1b[1mID\x1b[0m" + `
1        drf:1@5ac1f0b2
2        drf:2@00aa11bb
3        drf:3@cc22dd33
4        drf:4@ee44ff55
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Format, test.opts.Now = Table, listNow
			got := render(t, listColumns, test.opts, listRows()...)
			expect(t, got, strings.ReplaceAll(test.want[1:], "é", "e\u0301"))
			for line := range strings.Lines(got) {
				if width := displaywidth.String(strings.TrimSuffix(line, "\n")); test.opts.Width > 41 && width > test.opts.Width {
					t.Errorf("%d columns: %q", width, line)
				}
			}
		})
	}
}

func TestTableKeepsSpaces(t *testing.T) {
	row := []Value{String("  x "), String(""), String(" y"), String("")}
	cols := []Column{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	expect(t, render(t, cols, Options{Format: Table, NoHeaders: true}, row), "  x      y\n")
}

// TestTableColors paints a cell by its text.
func TestTableColors(t *testing.T) {
	cols := []Column{{Name: "id"}, {Name: "status", Whole: true, Colors: map[string]string{"active": "32"}}}
	rows := func() [][]Value { return [][]Value{{String("1"), String("active")}, {String("2"), String("dead")}} }
	expect(t, render(t, cols, Options{Format: Table, Color: true, Width: 40}, rows()...), "\x1b[1mID\x1b[0m  \x1b[1mSTATUS\x1b[0m\n1   \x1b[32mactive\x1b[0m\n2   dead\n")
	expect(t, render(t, cols, Options{Format: Table, Width: 40}, rows()...), "ID  STATUS\n1   active\n2   dead\n")
	expect(t, render(t, cols, Options{Format: Table, Color: true, Width: 4}, rows()[0]), "\x1b[1mid\x1b[0m      1\n\x1b[1mstatus\x1b[0m  \x1b[32mactive\x1b[0m\n")
}

// TestTableSettledByFlush shows what a stream that failed midway leaves to be seen.
func TestTableSettledByFlush(t *testing.T) {
	var out bytes.Buffer
	w, _ := NewWriter(&out, []Column{{Name: "user"}, {Name: "kind"}}, Options{Format: Table, Width: 80})
	if err := w.Flush(); err != nil || out.Len() != 0 {
		t.Fatal(err, out.String())
	}
	for _, user := range []string{"alice", "somebody"} {
		if err := w.Write([]Value{String(user), String("drf")}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, out.String(), "USER   KIND\nalice  drf\nsome…  drf\n")
}

// TestFlatMemory writes many more rows than any buffer takes.
func TestFlatMemory(t *testing.T) {
	for _, format := range []Format{Table, JSON, NDJSON, CSV, TSV, YAML, ID, Plain} {
		t.Run(string(format), func(t *testing.T) {
			w, err := NewWriter(io.Discard, listColumns, Options{Format: format, Width: 100})
			if err != nil {
				t.Fatal(err)
			}
			write := func(n int) uint64 {
				for i := range n {
					row := []Value{String(fmt.Sprintf("drf:%d@5ac1f0b2", i)), String(fmt.Sprintf("user%d", i)), Int(int64(i)), Null(), Null()}
					if err := w.Write(row); err != nil {
						t.Fatal(err)
					}
				}
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before := write(2*windowRows + 1)
			after := write(30_000)
			if after > before+1<<20 {
				t.Errorf("%d bytes more after 30,000 rows", after-before)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTableTellsApart: no text looks like null or like the escape of another text; a JSON document keeps its own.
func TestTableTellsApart(t *testing.T) {
	cells := []Value{Null(), String("-"), String("--"), String(`\x2d`), String("\x1b"), String(`\x1b`), String("a\nb"), String(`a\nb`), String(`a\\nb`), String(`CORP\alice`),
		Strings(nil), Strings([]string{"-"}), Strings([]string{`\n`}), Raw([]byte(`"\n"`))}
	want := []string{"-", `\x2d`, "--", `\\x2d`, `\x1b`, `\\x1b`, `a\nb`, `a\\nb`, `a\\\\nb`, `CORP\\alice`, "-", `\x2d`, `\\n`, `"\n"`}
	for i, v := range cells {
		for _, o := range []Options{{Format: Table, NoHeaders: true}, {Format: Table, NoHeaders: true, Width: 80}, {Format: Table, Single: true}} {
			var b strings.Builder
			w, err := NewWriter(&b, []Column{{Name: "user", Decides: true}}, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Write([]Value{v}), w.Close()); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(strings.TrimPrefix(b.String(), "user  ")); got != want[i] {
				t.Errorf("cell %d is %s, want %s", i, got, want[i])
			}
		}
	}
}
