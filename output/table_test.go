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

func TestShrink(t *testing.T) {
	for _, test := range []struct {
		name  string
		width int
		cols  []tableColumn
		want  string
	}{
		{"fits", 28, []tableColumn{{width: 10}, {width: 18}}, "[10 18] true"},
		{"the widest first", 28, []tableColumn{{width: 10}, {width: 40}}, "[10 18] true"},
		{"then both", 19, []tableColumn{{width: 40}, {width: 12}, {width: 3}}, "[8 8 3] true"},
		{"down to headings", 20, []tableColumn{{width: 40, title: 12}, {width: 12, title: 2}}, "[12 8] true"},
		{"not below them", 19, []tableColumn{{width: 40, title: 12}, {width: 12, title: 2}}, "[12 8] false"},
		{"not what is whole", 33, []tableColumn{{width: 24, whole: true}, {width: 12, title: 2}}, "[24 9] true"},
		{"hopeless", 18, []tableColumn{{width: 30, whole: true}, {width: 16, title: 6}, {width: 0}}, "[30 8 0] false"},
		{"huge", 76, []tableColumn{{width: 1 << 30}, {width: 1 << 29}, {width: 1 << 29}}, "[25 25 26] true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fits := shrink(test.cols, test.width)
			var got []int
			for _, c := range test.cols {
				got = append(got, c.width)
			}
			expect(t, fmt.Sprint(got, fits), test.want)
		})
	}
}

// TestTableLeavesOut is what a table at a terminal does not repeat.
func TestTableLeavesOut(t *testing.T) {
	cols := []Column{{Name: "id", Decides: true}, {Name: "kind", Within: "id"}, {Name: "user", Decides: true}, {Name: "email", Within: "user"},
		{Name: "is_active", Group: "rights", Words: [2]string{"inactive", ""}}, {Name: "is_staff", Group: "rights", Words: [2]string{"", "staff"}}, {Name: "ends"}}
	rows := func() [][]Value {
		return [][]Value{
			{String("drf:1"), String("drf"), String("alice@x"), String("alice@x"), Bool(true), Bool(true), Null()},
			{String("knox:1"), String("knox"), Null(), String(""), Bool(false), Bool(true), Null()},
			{String("knox:2"), String("knox"), String("bob@x"), Null(), Null(), Bool(false), Null()},
		}
	}
	for _, test := range []struct {
		name    string
		columns []string
		change  func([][]Value)
		want    string
	}{
		{"all", nil, func([][]Value) {}, `
ID      USER     RIGHTS
drf:1   alice@x  staff
knox:1  -        inactive, staff
knox:2  bob@x
`},
		{"what is named stays", []string{"id", "kind", "email", "is_staff", "ends"}, func([][]Value) {}, `
ID      KIND  EMAIL    IS STAFF  ENDS
drf:1   drf   alice@x  true      -
knox:1  knox           true      -
knox:2  knox  -        false     -
`},
		{"a kind that no id tells", []string{"+ends"}, func(rows [][]Value) { rows[1][0] = Null() }, `
ID      KIND  USER     RIGHTS           ENDS
drf:1   drf   alice@x  staff            -
-       knox  -        inactive, staff  -
knox:2  knox  bob@x                     -
`},
		{"an address that begins as the name", nil, func(rows [][]Value) { rows[0][3], rows[1][5] = String("alice"), Null() }, `
ID      USER     EMAIL  RIGHTS
drf:1   alice@x  alice  staff
knox:1  -               inactive
knox:2  bob@x    -
`},
		{"a time that never comes", nil, func(rows [][]Value) { rows[1][6], rows[0][5], rows[1][4], rows[1][5] = Never(), Null(), Null(), Null() }, `
ID      USER     ENDS
drf:1   alice@x  -
knox:1  -        never
knox:2  bob@x    -
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := rows()
			test.change(changed)
			expect(t, render(t, cols, Options{Format: Table, Width: 80, Columns: test.columns}, changed...), test.want[1:])
		})
	}
	expect(t, render(t, cols, Options{Format: Plain, Width: 80}, rows()...), "drf:1\tdrf\talice@x\talice@x\ttrue\ttrue\t\nknox:1\tknox\t\t\tfalse\ttrue\t\nknox:2\tknox\tbob@x\t\t\tfalse\t\n")
	expect(t, render(t, []Column{{Name: "ends"}}, Options{Format: Table}, []Value{Never()}), "ENDS\n-\n")
	expect(t, render(t, []Column{{Name: "ends"}}, Options{Format: JSON}, []Value{Never()}), "[\n  {\"ends\":null}\n]\n")
}

// TestTableColors paints a cell by its text.
func TestTableColors(t *testing.T) {
	cols := []Column{{Name: "id"}, {Name: "status", Whole: true, Colors: map[string]string{"active": "32"}}}
	rows := func() [][]Value { return [][]Value{{String("1"), String("active")}, {String("2"), String("dead")}} }
	expect(t, render(t, cols, Options{Format: Table, Color: true, Width: 40}, rows()...), "\x1b[1mID\x1b[0m  \x1b[1mSTATUS\x1b[0m\n1   \x1b[32mactive\x1b[0m\n2   dead\n")
	expect(t, render(t, cols, Options{Format: Table, Width: 40}, rows()...), "ID  STATUS\n1   active\n2   dead\n")
	expect(t, render(t, cols, Options{Format: Table, Color: true, Width: 4}, rows()[0]), "\x1b[1mid\x1b[0m      1\n\x1b[1mstatus\x1b[0m  \x1b[32mactive\x1b[0m\n")
}

// TestRecords writes rows in full at a terminal, one below the other.
func TestRecords(t *testing.T) {
	cols := []Column{{Name: "id", Decides: true}, {Name: "user", Decides: true}, {Name: "last"}, {Name: "owner"}, {Name: "claims"}, {Name: "notes"}}
	at := Time(time.Date(2026, 3, 4, 5, 6, 59, 0, time.UTC))
	rows := func() [][]Value {
		return [][]Value{
			{String("1"), Null(), at, Object([]string{"is_staff", "email", "seen"}, []Value{Bool(true), Null(), Never()}), Raw([]byte(`{"a":1,"b":["\u001b"]}`)),
				Strings([]string{"one two three four five", "six"})},
			{String("2"), String("x"), Never(), Null(), Null(), Strings(nil)},
		}
	}
	expect(t, render(t, cols, Options{Format: Table, Records: true, Width: 24, Now: listNow}, rows()...), `
id      1
user    -
last    2026-03-04T05:06:59Z,
        3d ago
owner   is_staff  true
        seen      never
claims  {
          "a": 1,
          "b": [
            "\u001b"
          ]
        }
notes   one two three four
        five
        six

id      2
user    x
last    never
`[1:])
	if got := render(t, cols[:2], Options{Format: Table, Records: true}, rows()[0][:2], rows()[1][:2]); got != "ID  USER\n1   -\n2   x\n" {
		t.Errorf("without a terminal: %s", got)
	}
}

// TestTableWindow writes rows that do not fit into the layout that earlier rows have settled.
func TestTableWindow(t *testing.T) {
	cols := []Column{{Name: "id", Decides: true}, {Name: "user"}, {Name: "kind"}, {Name: "email"}}
	const before = "id-1  bob   drf\n"
	for _, test := range []struct {
		name  string
		width int
		later [][]Value
		want  string
	}{
		{"no terminal", 0, [][]Value{{String("a-longer-id"), String("somebody"), String("drf"), Null()}}, "a-longer-id  somebody  drf   -\n"},
		{"text is cut", 80, [][]Value{{String("id-2"), String("somebody"), String("drf"), Null()}}, "id-2  som…  drf\n"},
		{"an id is not", 80, [][]Value{{String("a-longer-id"), String("somebody"), String("drf"), Null()}, {String("id-2"), String("bob"), String("knox"), Null()}},
			"\nID           USER      KIND\na-longer-id  somebody  drf\nid-2         bob       knox\n"},
		{"a column that was empty", 80, [][]Value{{String("id-2"), String("bob"), String("drf"), String("b@x")}}, "\nID    USER  KIND  EMAIL\nid-2  bob   drf   b@x\n"},
		{"blocks", 27, [][]Value{{String("a-very-long-identifier"), String("bob"), String("drf"), Null()}, {String("id-2"), String("bob"), String("drf"), String("b@x")}},
			"\nid     a-very-long-identifier\nuser   bob\nkind   drf\n\nid     id-2\nuser   bob\nkind   drf\nemail  b@x\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			w, err := NewWriter(&out, cols, Options{Format: Table, Width: test.width})
			if err != nil {
				t.Fatal(err)
			}
			for n := range windowRows {
				if n == windowRows-1 && len(w.buf) != 0 {
					t.Error("written before the layout was settled")
				}
				if err := w.Write([]Value{String("id-1"), String("bob"), String("drf"), Null()}); err != nil {
					t.Fatal(err)
				}
			}
			if w.table.held != nil {
				t.Error("rows are still held")
			}
			for _, row := range test.later {
				if err := w.Write(row); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			heading, row := "ID    USER  KIND\n", before
			if test.width == 0 {
				heading, row = "ID    USER  KIND  EMAIL\n", "id-1  bob   drf   -\n"
			}
			want := heading + strings.Repeat(row, windowRows) + test.want
			if got := out.String(); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.TrimPrefix(got, heading+strings.Repeat(row, windowRows)), test.want)
			}
		})
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
