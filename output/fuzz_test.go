package output

import (
	"encoding/csv"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// FuzzText takes a text through every escape there is.
func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		visible := Visible(s)
		if !utf8.ValidString(visible) || Visible(visible) != visible {
			t.Errorf("Visible: %q", visible)
		}
		for _, r := range visible {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("Visible left %q", visible)
			}
		}

		doc := appendJSONString(nil, s)
		var want, got string
		plain, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(doc, &got); err != nil || got != want {
			t.Errorf("JSON: %v, %q", err, doc)
		}
		if raw := Raw(doc); string(doc) != string(raw.appendJSON(nil)) {
			t.Errorf("Raw: %q is not %q", raw.appendJSON(nil), doc)
		}

		row := render(t, []Column{{Name: "list"}, {Name: s + "-key"}}, Options{Format: YAML, Single: true}, []Value{Strings([]string{s}), String(s)})
		var tree any
		if err := yaml.Unmarshal([]byte(row), &tree); err != nil || !reflect.DeepEqual(tree, map[string]any{"list": []any{want}, decoded(s + "-key"): want}) {
			t.Errorf("YAML: %v, %q", err, row)
		}

		cell := string(appendTSV(nil, s))
		if strings.ContainsAny(cell, "\t\n\r") || unescapeTSV(cell) != s {
			t.Errorf("TSV: %q", cell)
		}
		if string(appendTSV(nil, []byte(s))) != cell {
			t.Error("TSV: text and bytes differ")
		}

		raw := string(appendCSV(nil, s, true))
		record, err := csv.NewReader(strings.NewReader("x," + raw + "\n")).Read()
		// encoding/csv takes \r\n inside quotes for \n.
		if err != nil || len(record) != 2 || record[1] != strings.ReplaceAll(s, "\r\n", "\n") {
			t.Errorf("CSV: %v, %q from %q", err, record, raw)
		}
		defused := string(appendCSV(nil, s, false))
		if isFormula(strings.TrimPrefix(defused, `"`)) {
			t.Errorf("CSV: %q is a formula", defused)
		}
		if string(appendCSV(nil, []byte(s), false)) != defused {
			t.Error("CSV: text and bytes differ")
		}
	})
}

// FuzzRaw takes a document of somebody else's through JSON and YAML.
func FuzzRaw(f *testing.F) {
	for _, s := range []string{`{"user_id":"1","exp":1770000000,"aud":["a","b"],"x":null}`, `[[],{},[[{"a":{"b":[1.5]}}]],-0]`, `"\ud83d\ude00\ud800\/"`,
		"{\"a\u202e\":\"\x7f\u2028\xff\"}", `{"a":1,"a":[2],"a":{"b":3}}`, ` null `, `1e5`, `{"":"","<<":{"a":1},"=":2,"y":3}`, `{`, "x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		v := Raw(doc)
		out := v.appendJSON(nil)
		var want, got any
		if len(doc) > 0 && json.Valid(doc) {
			if json.Unmarshal(doc, &want) != nil {
				return // a number too large for Go
			}
		} else if len(doc) > 0 {
			want = decoded(string(doc))
		}
		if err := json.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("JSON: %v, %q", err, out)
		}
		if strings.ContainsAny(string(out), "\n\r\x1b\x7f\u2028\u202e") {
			t.Errorf("raw: %q", out)
		}
		block := render(t, []Column{{Name: "k"}}, Options{Format: YAML, Single: true}, []Value{v})
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(block), &tree); err != nil || !reflect.DeepEqual(jsonNumbers(tree["k"]), want) {
			t.Errorf("YAML: %v, %q is %#v, not %#v", err, block, tree["k"], want)
		}
	})
}

// decoded returns s as a reader of our JSON gets it: with U+FFFD for each byte that is no UTF-8.
func decoded(s string) string { return string([]rune(s)) }
