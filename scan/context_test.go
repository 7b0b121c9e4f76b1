package scan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// quotedJSON is a text as a JSON string.
func quotedJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// contexts are texts that an encoded secret stands in.
var contexts = map[string]func(text string) string{
	"json":       func(s string) string { return `{"a": [1, ` + quotedJSON(s) + `], "b": null}` },
	"json tight": func(s string) string { return `{"a":` + quotedJSON(s) + `,"b":1}` },
	"har":        func(s string) string { return `{"text":` + quotedJSON(`{"value":`+quotedJSON(s)+`}`) + `}` },
	"notebook":   func(s string) string { return `"source": ["x = 1\n", ` + quotedJSON(s+"\n") + `]` },
	"yaml":       func(s string) string { return "a:\n  b: '" + strings.ReplaceAll(s, "\n", "\n  ") + "'\n  c: d\n" },
	"yaml block": func(s string) string { return "a: |\n    " + strings.ReplaceAll(s, "\n", "\n    ") + "\nc: d\n" },
	"env":        func(s string) string { return "A=1\nTOKEN=\"" + s + "\"\nB=2\n" },
	"export":     func(s string) string { return "export TOKEN=" + s + ";\n" },
	"netrc":      func(s string) string { return "machine h login u password " + s + "\nmachine i\n" },
	"curl":       func(s string) string { return "$ curl -s -u 'u:" + s + "' \\\n  https://h/\n" },
	"log": func(s string) string {
		return "2026-11-28 12:00:00,123 INFO [app] got=" + s + " in 3ms\n2026-11-28 12:00:01,000 x\n"
	},
	"xml":      func(s string) string { return "<a><b token='" + s + "'/>" + "</a>" },
	"python":   func(s string) string { return "TOKEN = b'" + s + "'  # not here" },
	"sql":      func(s string) string { return "INSERT INTO t VALUES (1,'" + s + "','2026-01-01');" },
	"csv":      func(s string) string { return "1," + s + ",2026-01-01\n2,x,y" },
	"tsv":      func(s string) string { return "alice\t" + s + "\t2026-01-01\n" },
	"mail":     func(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") + "\n\nanswer" },
	"markdown": func(s string) string { return "use `" + s + "`, or **" + s[:0] + "** nothing" },
	"diff":     func(s string) string { return "@@ -1 +1 @@\n-a\n+key: " + s + "\n" },
	"binary":   func(s string) string { return "\x00\xff\x10" + s + "\x00\x01\x02" },
}

// TestContexts finds each form in each context.
func TestContexts(t *testing.T) {
	dbtest.Slow(t)
	for name, context := range contexts {
		for _, e := range encodings {
			// A quoted mail or an indented block breaks the lines of quoted-printable, and what is
			// no UTF-8 cannot stand in JSON.
			if e.form == UTF16 || e.form == QuotedPrintable && (name == "yaml" || name == "yaml block" || name == "mail") {
				continue
			}
			for kind, secret := range secrets {
				text := e.encode(secret)
				if e.form == Plain && strings.Contains(text, "\x1b") && (name == "json" || name == "json tight" || name == "har" || name == "notebook") {
					continue // ESC is written \u001b
				}
				if list := scanText(t, context(text)); len(list) != 1 || list[0].Match.Kind != kind {
					t.Errorf("%s of %s in %s: found %v\n%s", e.name, kind, name, describe(list), fmt.Sprintf("%.300q", context(text)))
				}
			}
		}
	}
}
