package output

import (
	"bytes"
	"testing"
)

// TestParts: the rows of several writers are one document, with a further value each.
func TestParts(t *testing.T) {
	t.Parallel()
	columns := []Column{{Name: "id"}, {Name: "n"}}
	for _, test := range []struct {
		name string
		opts Options
		rows []int // of each part
		want string
	}{
		{"json", Options{Format: JSON}, []int{1, 0, 2}, "[\n  {\"id\":\"x\",\"n\":0,\"part\":\"a\"},\n  {\"id\":\"x\",\"n\":0,\"part\":\"c\"},\n  {\"id\":\"x\",\"n\":1,\"part\":\"c\"}\n]\n"},
		{"json of nothing", Options{Format: JSON}, []int{0, 0}, "[]\n"},
		{"one promised", Options{Format: JSON, Single: true}, []int{1, 1}, "[\n  {\"id\":\"x\",\"n\":0,\"part\":\"a\"},\n  {\"id\":\"x\",\"n\":0,\"part\":\"b\"}\n]\n"},
		{"ndjson", Options{Format: NDJSON}, []int{1, 1}, "{\"id\":\"x\",\"n\":0,\"part\":\"a\"}\n{\"id\":\"x\",\"n\":0,\"part\":\"b\"}\n"},
		{"csv", Options{Format: CSV}, []int{0, 1, 1}, "id,n,part\nx,0,b\nx,0,c\n"},
		{"tsv", Options{Format: TSV}, []int{1, 1}, "id\tn\tpart\nx\t0\ta\nx\t0\tb\n"},
		{"table", Options{Format: Table}, []int{1, 1}, "ID  N  PART\nx   0  a\nx   0  b\n"},
		{"yaml", Options{Format: YAML}, []int{1, 1}, "- id: x\n  \"n\": 0\n  part: a\n- id: x\n  \"n\": 0\n  part: b\n"},
		{"chosen columns", Options{Format: CSV, Columns: []string{"part", "n"}}, []int{1, 1}, "part,n\na,0\nb,0\n"},
		{"a field", Options{Field: "part"}, []int{1, 1}, "a\nb\n"},
		{"no part", Options{Format: JSON}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts := &Parts{Column: Column{Name: "part"}}
			test.opts.Parts = parts
			var whole bytes.Buffer
			for i, n := range test.rows {
				parts.Value = String(string(rune('a' + i)))
				var out bytes.Buffer // each part may go elsewhere
				w, err := NewWriter(&out, columns, test.opts)
				if err != nil {
					t.Fatal(err)
				}
				for row := range n {
					if err := w.Write([]Value{String("x"), Int(int64(row))}); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				whole.Write(out.Bytes())
			}
			if err := parts.Close(&whole); err != nil {
				t.Fatal(err)
			}
			if whole.String() != test.want {
				t.Errorf("%q, want %q", whole.String(), test.want)
			}
		})
	}
}

// TestPartsFail: a document that ends early keeps what was written, and its array stays open.
func TestPartsFail(t *testing.T) {
	t.Parallel()
	parts := &Parts{Column: Column{Name: "part"}, Value: String("a")}
	var out bytes.Buffer
	w, err := NewWriter(&out, []Column{{Name: "id"}}, Options{Format: JSON, Parts: parts})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]Value{String("x")}); err != nil {
		t.Fatal(err)
	}
	if err := parts.Flush(&out); err != nil || out.String() != "[\n  {\"id\":\"x\",\"part\":\"a\"}" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
