package output

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

func TestVisible(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{`alice.o'neill+x@example.org \n`, `alice.o'neill+x@example.org \n`},
		{"josé 日本語 ﷺ ❤️ 👍🏽 ½", "josé 日本語 ﷺ ❤️ 👍🏽 ½"},
		{"e\u0301 a\u00a0b", "e\u0301 a\u00a0b"},
		{"\x1b]0;title\x07", `\x1b]0;title\x07`},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"a\tb\r\nc\x00\x7f\b", `a\tb\r\nc\x00\x7f\x08`},
		{"\u009b2J\u0085", `\u009b2J\u0085`},
		{"\x9b2J \xc3(", `\x9b2J \xc3(`},
		{"\uFFFD", "\uFFFD"},
		{"admin\u202enimda\u2066\u200f\u061c", `admin\u202enimda\u2066\u200f\u061c`},
		{"al\u200bi\u200dce\ufeff\u00ad\u2060", `al\u200bi\u200dce\ufeff\u00ad\u2060`},
		{"\u2028\u2029", `\u2028\u2029`},
		{"\u3164\u115f\uffa0\u2800\u034f", `\u3164\u115f\uffa0\u2800\u034f`},
		{"a\U000e0061\U000e0100\ufe00", `a\U000e0061\U000e0100\ufe00`},
		{"\ue000\U0010ffff", `\ue000\U0010ffff`},
	} {
		expect(t, Visible(test.in), test.want)
	}
	for _, clean := range []string{"plain", "josé 日本語"} {
		if n := testing.AllocsPerRun(100, func() { Visible(clean) }); n != 0 {
			t.Errorf("%q: %v allocations", clean, n)
		}
	}
}

func TestCSVInjection(t *testing.T) {
	for _, test := range []struct{ in, want, raw string }{
		{"=1+1", "'=1+1", "=1+1"},
		{"+1", "'+1", "+1"},
		{"-1", "'-1", "-1"},
		{"@SUM(A1)", "'@SUM(A1)", "@SUM(A1)"},
		{`=cmd|'/C calc'!A0,"x"`, `"'=cmd|'/C calc'!A0,""x"""`, `"=cmd|'/C calc'!A0,""x"""`},
		{"\tx", "'\tx", "\tx"},
		{"\rx", "\"'\rx\"", "\"\rx\""},
		{"\nx", "\"'\nx\"", "\"\nx\""},
		{"  =1", `"'  =1"`, `"  =1"`},
		{"\u00a0\u200b\ufeff\x00=1", "'\u00a0\u200b\ufeff\x00=1", "\u00a0\u200b\ufeff\x00=1"},
		{"＝1", "'＝1", "＝1"}, {"＋1", "'＋1", "＋1"}, {"－1", "'－1", "－1"}, {"＠x", "'＠x", "＠x"},
		{"a=1", "a=1", "a=1"},
		{"x-1 ", `"x-1 "`, `"x-1 "`},
		{"日=1", "日=1", "日=1"},
		{"\xff=1", "\xff=1", "\xff=1"},
		{"", "", ""},
		{" ", `" "`, `" "`},
	} {
		expect(t, string(appendCSV(nil, test.in, false)), test.want)
		expect(t, string(appendCSV(nil, []byte(test.in), false)), test.want)
		expect(t, string(appendCSV(nil, test.in, true)), test.raw)
	}
	// What tokenctl makes itself stays a number; lists and documents are text.
	cols := []Column{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	row := func() []Value { return []Value{Int(-1), Strings([]string{"=1", "b"}), Raw([]byte("-1"))} }
	expect(t, render(t, cols, Options{Format: CSV, NoHeaders: true}, row()), "-1,'=1; b,'-1\n")
	expect(t, render(t, cols, Options{Format: CSV, NoHeaders: true, CSVRaw: true}, row()), "-1,=1; b,-1\n")
}

// TestOneLineEach sees to it that a line break in the database does not make a second id.
func TestOneLineEach(t *testing.T) {
	cols := []Column{{Name: "id"}}
	row := func() []Value { return []Value{String("jwt:a\ndrf:1\r\t\\n")} }
	const line = "jwt:a\\ndrf:1\\r\t\\n\n"
	expect(t, render(t, cols, Options{Format: ID}, row(), row()), line+line)
	expect(t, render(t, cols, Options{Field: "id"}, row()), line)
	expect(t, render(t, cols, Options{Field: "id", Single: true}, row()), "jwt:a\ndrf:1\r\t\\n\n")
}

// hostile is text that has broken one program or another.
var hostile = []string{
	"\x1b]0;owned\x07", "\u202egnp.exe", "\u009b31m", "\x9b31m", "nul\x00nul", "\xff\xfe", "\xed\xa0\x80", "a\tb\nc\rd\\e\\te",
	"=HYPERLINK(\"http://x\")", "</script>&amp;", "\u2028\u2029\u0085\ufeff\ufffe\uffff", "\U0001f600", "'\"`", "", " ", "  lead", "trail  ",
	"null", "~", "yes", "No", "ON", "True", "y", "1", "0x1f", "1e3", "1_000", "12:30:45", ".inf", "-", "- a", "? a", "a: b", "a:", ":a", "a #b",
	"#a", "&a", "*a", "!a", "%a", "@a", "|", ">", "{a}", "[a]", "{", ",", "---", "...", "<<", "=", "2026-01-01", "2026-01-01T00:00:00Z",
	"line\n", "\nline", "two\n\nlines", "tab\t", strings.Repeat("long ", 400),
}

// TestRoundTrip reads every machine format back with the parsers of others.
func TestRoundTrip(t *testing.T) {
	cols := []Column{{Name: "text"}, {Name: "list"}, {Name: "doc"}, {Name: "object"}, {Name: "at"}, {Name: "n"}, {Name: "b"}, {Name: "null"}}
	var rows [][]Value
	var want []any
	at := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
	for i, s := range hostile {
		valid := strings.ToValidUTF8(s, "\uFFFD")
		if s == "\xff\xfe" || s == "\xed\xa0\x80" {
			valid = strings.Repeat("\uFFFD", len(s)) // one for each byte, as encoding/json has it
		}
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		doc := fmt.Sprintf(`{"b\u0000": %s, "a": [[%s, {"\ud83d\ude00": {}}], [], 1.5, -0, 12345678901, true], "\/": null, "twice": 1, "twice": 2, %s: 1}`,
			quoted, quoted, `"`+strings.Repeat("k", 3000)+`"`)
		rows = append(rows, []Value{
			String(s), Strings([]string{s, "x"}), Raw([]byte(doc)), Object([]string{"k"}, []Value{String(s)}),
			Time(at), Int(int64(i)), Bool(i%2 == 0), Null(),
		})
		var parsed any
		if err := json.Unmarshal([]byte(doc), &parsed); err != nil {
			t.Fatal(err)
		}
		want = append(want, map[string]any{
			"text": valid, "list": []any{valid, "x"}, "doc": parsed, "object": map[string]any{"k": valid},
			"at": "2026-03-04T05:06:07.000008Z", "n": float64(i), "b": i%2 == 0, "null": nil,
		})
	}
	clone := func() (c [][]Value) {
		for _, row := range rows {
			c = append(c, slices.Clone(row))
		}
		return c
	}
	same := func(t *testing.T, got any) {
		t.Helper()
		if list, ok := got.([]any); ok {
			for i := range list {
				if !reflect.DeepEqual(list[i], want[i]) {
					t.Errorf("%q\n got %#v\nwant %#v", hostile[i], list[i], want[i])
				}
			}
		} else {
			t.Errorf("no list: %T", got)
		}
	}

	t.Run("json", func(t *testing.T) {
		var got any
		if err := json.Unmarshal([]byte(render(t, cols, Options{Format: JSON}, clone()...)), &got); err != nil {
			t.Fatal(err)
		}
		same(t, got)
	})
	t.Run("ndjson", func(t *testing.T) {
		var list []any
		for line := range strings.Lines(render(t, cols, Options{Format: NDJSON}, clone()...)) {
			var row any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			list = append(list, row)
		}
		same(t, list)
	})
	t.Run("yaml", func(t *testing.T) {
		var got any
		if err := yaml.Unmarshal([]byte(render(t, cols, Options{Format: YAML}, clone()...)), &got); err != nil {
			t.Fatal(err)
		}
		same(t, jsonNumbers(got))
	})
	t.Run("yaml of python", func(t *testing.T) {
		python := exec.Command("python3", "-c", "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)")
		python.Stdin = strings.NewReader(render(t, cols, Options{Format: YAML}, clone()...))
		out, err := python.Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && strings.Contains(string(exit.Stderr), "ModuleNotFoundError") || errors.Is(err, exec.ErrNotFound) {
			t.Skip("python3 has no yaml")
		} else if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		same(t, got)
	})
	t.Run("single", func(t *testing.T) {
		var list, yamlList []any
		for _, row := range rows {
			var fromJSON, fromYAML any
			if err := json.Unmarshal([]byte(render(t, cols, Options{Format: JSON, Single: true}, slices.Clone(row))), &fromJSON); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(render(t, cols, Options{Format: YAML, Single: true}, slices.Clone(row))), &fromYAML); err != nil {
				t.Fatal(err)
			}
			list, yamlList = append(list, fromJSON), append(yamlList, jsonNumbers(fromYAML))
		}
		same(t, list)
		same(t, yamlList)
	})
	t.Run("tsv", func(t *testing.T) {
		i := 0
		for line := range strings.Lines(render(t, cols, Options{Format: TSV, NoHeaders: true}, clone()...)) {
			cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(cells) != len(cols) || unescapeTSV(cells[0]) != hostile[i] || unescapeTSV(cells[1]) != hostile[i]+"; x" {
				t.Errorf("%q: %q", hostile[i], line)
			}
			i++
		}
	})
	t.Run("csv", func(t *testing.T) {
		r := csv.NewReader(strings.NewReader(render(t, cols, Options{Format: CSV, CSVRaw: true}, clone()...)))
		got, err := r.ReadAll()
		if err != nil || len(got) != len(hostile)+1 {
			t.Fatal(len(got), err)
		}
		for i, s := range hostile {
			if got[i+1][0] != s || got[i+1][1] != s+"; x" {
				t.Errorf("%q: %q", s, got[i+1][:2])
			}
		}
	})
	t.Run("table", func(t *testing.T) {
		for _, width := range []int{0, 80, 200} {
			out := render(t, cols, Options{Format: Table, Width: width}, clone()...)
			if strings.Count(out, "\n") != len(rows)+1 {
				t.Error("a row is not a line")
			}
			for line := range strings.Lines(out) {
				if line = strings.TrimSuffix(line, "\n"); Visible(line) != line {
					t.Errorf("%q", line)
				}
			}
		}
	})
}

// jsonNumbers turns the numbers of a YAML document into those of encoding/json.
func jsonNumbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = jsonNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = jsonNumbers(v[k])
		}
	case int:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return v
}

// unescapeTSV reads a cell as PostgreSQL's COPY does.
func unescapeTSV(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(s)
}
