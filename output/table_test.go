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

var listColumns = []Column{{Name: "id"}, {Name: "user"}, {Name: "user_id", Extra: true}, {Name: "created"}, {Name: "last_login"}}

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
ID              USER                            CREATED            LAST LOGIN
drf:1@5ac1f0b2  alice                           2026-03-04 05:06Z  -
drf:2@00aa11bb  a.rather.long.name@example.org  -                  2026-03-04 05:06Z
drf:3@cc22dd33  日本語の名前                    2026-03-04 05:06Z  2026-03-04 05:06Z
drf:4@ee44ff55  éve                             2026-03-04 05:06Z
`},
		{"text gives way", Options{Width: 65}, `
ID              USER         CREATED            LAST LOGIN
drf:1@5ac1f0b2  alice        2026-03-04 05:06Z  -
drf:2@00aa11bb  a.rather.l…  -                  2026-03-04 05:06Z
drf:3@cc22dd33  日本語の名…  2026-03-04 05:06Z  2026-03-04 05:06Z
drf:4@ee44ff55  éve          2026-03-04 05:06Z
`},
		{"then times, to their headings", Options{Width: 43}, `
ID              USER    CREATED  LAST LOGIN
drf:1@5ac1f0b2  alice   2026-0…  -
drf:2@00aa11bb  a.rat…  -        2026-03-0…
drf:3@cc22dd33  日本…   2026-0…  2026-03-0…
drf:4@ee44ff55  éve     2026-0…
`},
		{"then headings", Options{Width: 30}, `
ID              US…  CR…  LAS…
drf:1@5ac1f0b2  al…  20…  -
drf:2@00aa11bb  a.…  -    202…
drf:3@cc22dd33  日…  20…  202…
drf:4@ee44ff55  éve  20…
`},
		{"never the id", Options{Width: 10, NoHeaders: true, Columns: []string{"user", "id"}}, `
alice     drf:1@5ac1f0b2
a.rathe…  drf:2@00aa11bb
日本語…   drf:3@cc22dd33
éve       drf:4@ee44ff55
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
			test.opts.Format = Table
			got := render(t, listColumns, test.opts, listRows()...)
			expect(t, got, strings.ReplaceAll(test.want[1:], "é", "e\u0301"))
			for line := range strings.Lines(got) {
				if width := displaywidth.String(strings.TrimSuffix(line, "\n")); test.opts.Width >= 30 && width > test.opts.Width {
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

func TestShrink(t *testing.T) {
	for _, test := range []struct {
		name  string
		width int
		cols  []tableColumn
		want  string
	}{
		{"fits", 30, []tableColumn{{width: 10}, {width: 18}}, "[10 18]"},
		{"the widest first", 30, []tableColumn{{width: 10}, {width: 40}}, "[10 18]"},
		{"then both", 23, []tableColumn{{width: 40}, {width: 12}, {width: 3}}, "[8 8 3]"},
		{"down to headings", 22, []tableColumn{{width: 40, title: 12}, {width: 12, title: 2}}, "[12 8]"},
		{"not the id", 30, []tableColumn{{width: 24, fixed: true}, {width: 12, title: 2}}, "[24 4]"},
		{"times last", 32, []tableColumn{{width: 17, title: 7, time: true}, {width: 20, title: 4}}, "[17 13]"},
		{"below headings", 8, []tableColumn{{width: 5, title: 5}, {width: 6, title: 6}}, "[3 3]"},
		{"hopeless", 20, []tableColumn{{width: 30, fixed: true}, {width: 16, title: 6}, {width: 0}}, "[30 8 0]"},
		{"huge", 80, []tableColumn{{width: 1 << 30}, {width: 1 << 29}, {width: 1 << 29}}, "[25 25 26]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			shrink(test.cols, test.width)
			var got []int
			for _, c := range test.cols {
				got = append(got, c.width)
			}
			expect(t, fmt.Sprint(got), test.want)
		})
	}
}

// TestTableWindow writes rows that are wider than those that settled the widths.
func TestTableWindow(t *testing.T) {
	cols := []Column{{Name: "id"}, {Name: "user"}, {Name: "kind"}}
	for width, want := range map[int]string{
		0:  "a-longer-id  somebody  drf\n",
		80: "a-longer-id  so…  drf\n",
	} {
		var out bytes.Buffer
		w, err := NewWriter(&out, cols, Options{Format: Table, Width: width, NoHeaders: true})
		if err != nil {
			t.Fatal(err)
		}
		write := func(id, user string) {
			t.Helper()
			if err := w.Write([]Value{String(id), String(user), String("drf")}); err != nil {
				t.Fatal(err)
			}
		}
		for range windowRows - 1 {
			write("id-1", "bob")
		}
		if len(w.buf) != 0 {
			t.Error("written before the widths were settled")
		}
		write("id-1", "bob")
		write("a-longer-id", "somebody")
		if w.table.held != nil {
			t.Error("rows are still held")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		expect(t, out.String(), strings.Repeat("id-1  bob  drf\n", windowRows)+want)
	}
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
			w, err := NewWriter(&b, []Column{{Name: "user"}}, o)
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
