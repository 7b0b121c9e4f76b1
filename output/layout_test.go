package output

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

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
	used := []Column{{Name: "id"}, {Name: "used", Fields: []string{"from"}}}
	unused := func() []Value { return []Value{String("knox:1"), Missing("no evidence")} }
	expect(t, render(t, used, Options{Format: Table, Width: 80}, unused()), "ID      USED\nknox:1  no evidence\n")
	for format, want := range map[Format]string{Table: "ID      USED\nknox:1  -\n", Plain: "knox:1\t\n", CSV: "id,used\nknox:1,\n", JSON: "[\n  {\"id\":\"knox:1\",\"used\":null}\n]\n"} {
		expect(t, render(t, used, Options{Format: format}, unused()), want)
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
