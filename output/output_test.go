package output

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

var testColumns = []Column{{Name: "id"}, {Name: "user"}, {Name: "user_id", Extra: true}, {Name: "created"}, {Name: "active"},
	{Name: "uses"}, {Name: "notes"}, {Name: "claims", Extra: true}}

// testRows are two rows of every kind of value.
func testRows() [][]Value {
	yes := true
	return [][]Value{
		{
			String("drf:1@5ac1f0b2"), String("alice"), OptString("1"), Time(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)),
			OptBool(&yes), Int(-3), Strings([]string{"first", "second, <b>&"}), Raw([]byte(`{"z": 1.50, "a": [null, "é"]}`)),
		},
		{
			String("jwt:true"), String("jörg \"the\ttab\" \\"), OptString(""),
			Time(time.Date(2026, 3, 4, 6, 6, 7, 120_456_789, time.FixedZone("", 3600))),
			OptBool(nil), Int(0), Strings(nil), Raw(nil),
		},
	}
}

// render writes rows and returns the whole document.
func render(t testing.TB, cols []Column, opts Options, rows ...[]Value) string {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, cols, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
		clear(row) // the slice is the caller's again
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s\n(%q)", got, want, got)
	}
}

func TestFormats(t *testing.T) {
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"json", Options{Format: JSON}, `[
  {"id":"drf:1@5ac1f0b2","user":"alice","user_id":"1","created":"2026-03-04T05:06:07Z","active":true,"uses":-3,"notes":["first","second, <b>&"],"claims":{"z":1.50,"a":[null,"é"]}},
  {"id":"jwt:true","user":"jörg \"the\ttab\" \\","user_id":null,"created":"2026-03-04T05:06:07.120456Z","active":null,"uses":0,"notes":[],"claims":null}
]
`},
		{"ndjson with columns", Options{Format: NDJSON, Columns: []string{"uses", "id"}}, `{"uses":-3,"id":"drf:1@5ac1f0b2"}
{"uses":0,"id":"jwt:true"}
`},
		{"csv", Options{Format: CSV}, `id,user,user_id,created,active,uses,notes,claims
drf:1@5ac1f0b2,alice,1,2026-03-04T05:06:07Z,true,-3,"first; second, <b>&","{""z"":1.50,""a"":[null,""é""]}"
jwt:true,"jörg ""the	tab"" \",,2026-03-04T05:06:07.120456Z,,0,,
`},
		{"csv without headers", Options{Format: CSV, NoHeaders: true, Columns: []string{"user_id"}}, "1\n\"\"\n"},
		{"tsv", Options{Format: TSV}, "id\tuser\tuser_id\tcreated\tactive\tuses\tnotes\tclaims\n" +
			"drf:1@5ac1f0b2\talice\t1\t2026-03-04T05:06:07Z\ttrue\t-3\tfirst; second, <b>&\t{\"z\":1.50,\"a\":[null,\"é\"]}\n" +
			"jwt:true\tjörg \"the\\ttab\" \\\\\t\t2026-03-04T05:06:07.120456Z\t\t0\t\t\n"},
		{"plain", Options{Format: Plain}, "drf:1@5ac1f0b2\talice\t2026-03-04T05:06:07Z\ttrue\t-3\tfirst; second, <b>&\n" +
			"jwt:true\tjörg \"the\\ttab\" \\\\\t2026-03-04T05:06:07.120456Z\t\t0\t\n"},
		{"plain with columns", Options{Format: Plain, Columns: []string{"user_id", "id", "user_id"}}, "1\tdrf:1@5ac1f0b2\n\tjwt:true\n"},
		{"yaml", Options{Format: YAML}, `- id: drf:1@5ac1f0b2
  user: alice
  user_id: "1"
  created: "2026-03-04T05:06:07Z"
  active: true
  uses: -3
  notes:
    - first
    - "second, <b>&"
  claims:
    z: 1.50
    a:
      - null
      - "é"
- id: jwt:true
  user: "jörg \"the\ttab\" \\"
  user_id: null
  created: "2026-03-04T05:06:07.120456Z"
  active: null
  uses: 0
  notes: []
  claims: null
`},
		{"id", Options{Format: ID}, "drf:1@5ac1f0b2\njwt:true\n"},
		{"field", Options{Format: JSON, Field: "user_id"}, "1\n\n"},
		{"field of a list", Options{Field: "notes"}, "first; second, <b>&\n\n"},
		{"field in full", Options{Format: Table, Width: 80, Field: "created"}, "2026-03-04T05:06:07Z\n2026-03-04T05:06:07.120456Z\n"},
		{"table", Options{Format: Table}, `ID              USER                CREATED                      ACTIVE  USES  NOTES
drf:1@5ac1f0b2  alice               2026-03-04T05:06:07Z         true    -3    first; second, <b>&
jwt:true        jörg "the\ttab" \\  2026-03-04T05:06:07.120456Z  -       0     -
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			expect(t, render(t, testColumns, test.opts, testRows()...), test.want)
		})
	}
}

func TestEmpty(t *testing.T) {
	cols := []Column{{Name: "id"}, {Name: "user_id"}}
	for format, want := range map[Format]string{
		JSON: "[]\n", NDJSON: "", CSV: "id,user_id\n", TSV: "id\tuser_id\n", YAML: "[]\n", ID: "", Plain: "", Table: "",
	} {
		t.Run(string(format), func(t *testing.T) {
			expect(t, render(t, cols, Options{Format: format, Color: true}), want)
		})
	}
	expect(t, render(t, cols, Options{Format: CSV, NoHeaders: true}), "")
}

func TestSingle(t *testing.T) {
	row := func() []Value {
		return []Value{
			String("knox:00"), Time(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)), Null(), Strings([]string{"one", "", "\x1b[2J"}),
			Object([]string{"is_staff", "groups", "last_login"}, []Value{Bool(false), Strings([]string{"ops"}), Null()}),
			Raw([]byte(`{"aud":[],"n":{"x":"é"}}`)),
		}
	}
	cols := []Column{{Name: "id"}, {Name: "created"}, {Name: "user_id", Extra: true}, {Name: "notes"}, {Name: "owner"}, {Name: "claims"}}
	for _, test := range []struct {
		name string
		opts Options
		want string
	}{
		{"json", Options{Format: JSON}, `{
  "id": "knox:00",
  "created": "2026-03-04T05:06:07Z",
  "user_id": null,
  "notes": [
    "one",
    "",
    "\u001b[2J"
  ],
  "owner": {
    "is_staff": false,
    "groups": [
      "ops"
    ],
    "last_login": null
  },
  "claims": {
    "aud": [],
    "n": {
      "x": "é"
    }
  }
}
`},
		{"yaml", Options{Format: YAML}, `id: knox:00
created: "2026-03-04T05:06:07Z"
user_id: null
notes:
  - one
  - ""
  - "\e[2J"
owner:
  is_staff: false
  groups:
    - ops
  last_login: null
claims:
  aud: []
  "n":
    x: "é"
`},
		{"table", Options{Format: Table}, `id       knox:00
created  2026-03-04T05:06:07Z
user_id  -
notes    one

         \x1b[2J
owner    is_staff=false groups=ops last_login=-
claims   {"aud":[],"n":{"x":"é"}}
`},
		{"table with columns", Options{Format: Table, Color: true, Columns: []string{"user_id", "id"}},
			"\x1b[1muser_id\x1b[0m  -\n\x1b[1mid\x1b[0m       knox:00\n"},
		{"plain", Options{Format: Plain, Columns: []string{"owner", "user_id"}}, "is_staff=false groups=ops last_login=\t\n"},
		{"ndjson", Options{Format: NDJSON, Columns: []string{"owner"}},
			`{"owner":{"is_staff":false,"groups":["ops"],"last_login":null}}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Single = true
			expect(t, render(t, cols, test.opts, row()), test.want)
		})
	}
}

func TestParseFormat(t *testing.T) {
	for _, name := range Formats() {
		if f, err := ParseFormat(name); err != nil || string(f) != name {
			t.Errorf("%s: %q, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "plain", "JSON", "xml\x1b"} {
		if _, err := ParseFormat(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	_, err := ParseFormat("xml\x1b")
	expect(t, err.Error(), `unknown output format "xml\x1b": one of table, json, ndjson, csv, tsv, yaml, id`)
}

func TestUnknownField(t *testing.T) {
	cols := []Column{{Name: "kind"}, {Name: "user", Extra: true}}
	for _, test := range []struct {
		name string
		opts Options
	}{
		{"nope", Options{Format: JSON, Columns: []string{"kind", "nope"}}},
		{"", Options{Format: Table, Columns: []string{""}}},
		{"KIND", Options{Field: "KIND"}},
		{"id", Options{Format: ID}},
	} {
		_, err := NewWriter(nil, cols, test.opts)
		unknown, ok := errors.AsType[*UnknownFieldError](err)
		if !ok || unknown.Name != test.name || !slices.Equal(unknown.Valid, []string{"kind", "user"}) {
			t.Errorf("%q: %v", test.name, err)
		}
	}
	_, err := NewWriter(nil, cols, Options{Field: "x\n"})
	expect(t, err.Error(), `unknown field "x\n": one of kind, user`)
	if _, err := NewWriter(nil, cols, Options{Format: "xml"}); err == nil {
		t.Error("the format xml was accepted")
	}
}

func TestValues(t *testing.T) {
	yes := true
	for _, test := range []struct {
		value      Value
		json, text string
	}{
		{Value{}, "null", ""}, {Null(), "null", ""}, {OptString(""), "null", ""}, {String(""), `""`, ""},
		{Time(time.Time{}), "null", ""}, {OptBool(nil), "null", ""}, {OptBool(&yes), "true", "true"}, {Bool(false), "false", "false"},
		{Int(-1 << 63), "-9223372036854775808", "-9223372036854775808"},
		{Time(time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC)), `"1969-12-31T23:59:59.999999Z"`, "1969-12-31T23:59:59.999999Z"},
		{Time(time.Date(2026, 1, 1, 0, 0, 0, 500_000_999, time.UTC)), `"2026-01-01T00:00:00.5Z"`, "2026-01-01T00:00:00.5Z"},
		{Time(time.Date(2026, 1, 1, 0, 0, 0, 999, time.UTC)), `"2026-01-01T00:00:00Z"`, "2026-01-01T00:00:00Z"},
		{Strings([]string{"a", "b"}), `["a","b"]`, "a; b"}, {Strings(nil), "[]", ""},
		{List([]Value{Object([]string{"k"}, []Value{Int(1)}), Null()}), `[{"k":1},null]`, "k=1; "}, {List(nil), "[]", ""},
		{Raw([]byte(" null ")), "null", ""}, {Raw([]byte{}), "null", ""}, {Raw([]byte("{broken\n")), `"{broken\n"`, "{broken\n"},
		{Raw([]byte("{ \"a\" :\n[1, 2]}")), `{"a":[1,2]}`, `{"a":[1,2]}`},
		{Raw([]byte("[\"\x7f\xff\u009b\u202eé\"]")), "[\"\\u007f\uFFFD\\u009b\\u202eé\"]", "[\"\\u007f\uFFFD\\u009b\\u202eé\"]"},
		{Object(nil, nil), "{}", ""},
		{Object([]string{"a", "b"}, []Value{Int(1), Null()}), `{"a":1,"b":null}`, "a=1 b="},
	} {
		expect(t, string(test.value.appendJSON(nil)), test.json)
		expect(t, string(test.value.appendText(nil, &machineText)), test.text)
	}
}
