package output

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func queryOf(t *testing.T, text string) *Query {
	t.Helper()
	q, err := ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, q.String(), text)
	return q
}

func TestQuery(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"length", "2\n"},
		{".[].user", "alice\njörg \"the\ttab\" \\\n"},
		{`.[0] | {uses, active, user_id, claims}`, `{"active":true,"claims":{"a":[null,"é"],"z":1.50},"user_id":"1","uses":-3}` + "\n"},
		{`.[].user_id`, "1\nnull\n"},
		{`.[] | .notes[]?`, "first\nsecond, <b>&\n"},
		{`"a\nb\u0000\u202e", ["\u202e\u007f<"]`, "a\\nb\x00\u202e\n" + `["\u202e\u007f<"]` + "\n"},
		{`.[0].claims.z + 1`, "2.5\n"},
		{"empty", ""},
		{"1, halt, 2", "1\n"},
		{"nan, infinite", "null\n1.7976931348623157e+308\n"},
		{"$ENV, env", "{}\n{}\n"},
	} {
		expect(t, render(t, testColumns, Options{Format: JSON, Query: queryOf(t, test.query)}, testRows()...), test.want)
	}
	each := Options{Format: NDJSON, Query: queryOf(t, "select(.uses < 0) | .id, .claims.z")}
	expect(t, render(t, testColumns, each, testRows()...), "drf:1@5ac1f0b2\n1.50\n")
	chosen := Options{Format: JSON, Columns: []string{"id", "uses"}, Query: queryOf(t, ".[] | keys | join(\" \")")}
	expect(t, render(t, testColumns, chosen, testRows()...), "id uses\nid uses\n")
	single := Options{Format: JSON, Single: true, Query: queryOf(t, `.user, "a\nb"`)}
	expect(t, render(t, testColumns, single, testRows()[0]), "alice\na\nb\n")
	expect(t, render(t, testColumns, Options{Format: JSON, Query: queryOf(t, ".")}), "[]\n")
	expect(t, render(t, testColumns, Options{Format: NDJSON, Query: queryOf(t, ".")}), "")
	w, err := NewWriter(&bytes.Buffer{}, testColumns, single)
	if err == nil {
		err = w.Close()
	}
	if !errors.Is(err, errMissingRow) {
		t.Errorf("no row where one was promised: %v", err)
	}
}

// TestQueryFails: a wrong expression is named, nothing of its results is written, and values of the rows stand in no
// error.
func TestQueryFails(t *testing.T) {
	for _, text := range []string{".[", "nothing", "$x", ". as [$a] | $b", `import "x" as x; .`, `include "x"; .`, `"\q"`, "1 +", "}", "input", "debug"} {
		_, err := ParseQuery(text)
		if failed := new(QueryError); !errors.As(err, &failed) || failed.Expression != text || failed.Reason == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	const secret = "5ac1f0b2c3d4e5f60718293a4b5c6d7e8f901234"
	for _, text := range []string{".[0].id.x", ".[0].id[]", ".[0].id + 1", ".[0] + .[0].id", ".[0].id | tonumber", ".[0].id | fromjson", ".[0].id | strptime(\"%Y\")", ".[0].id | test(\"(\")",
		".[0].id | ltrimstr(1) | .[0]", "[.[0].id] | implode", ".[0].id | @bogus", ".[0].id / 0", "{(.[0]): 1}",
		".[0].id | has(1)", "error(null)", "error", `"done" | halt_error`, "5 | halt_error"} {
		for _, format := range []Format{JSON, NDJSON} {
			if format == NDJSON {
				text = strings.ReplaceAll(strings.ReplaceAll(text, ".[0].", "."), ".[0]", ".")
			}
			q := queryOf(t, "1, ("+text+")")
			var out bytes.Buffer
			w, err := NewWriter(&out, []Column{{Name: "id"}}, Options{Format: format, Query: q})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write([]Value{String(secret)})
			if err == nil {
				err = w.Close()
			} else if w.Close() == nil {
				t.Errorf("%q: the failure was forgotten", text)
			}
			if err == nil {
				t.Errorf("%s %q: %q", format, text, out.String())
				continue
			}
			if failed := new(QueryError); !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), `"1, (`) || out.Len() > 0 {
				t.Errorf("%s %q: %v, %q", format, text, err, out.String())
			}
			if text != "error" && strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("%q: a value is told: %v", text, err)
			}
		}
	}
}
