package server

import (
	"fmt"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/django/djangotest"
)

// TestNegotiate asks DRF which renderer it takes, and how it indents. Python's sets
// have no order, so no case offers two types of one precedence that would differ.
func TestNegotiate(t *testing.T) {
	accepts := []string{
		"*/*", "", " ", ",", "application/json", "text/html", "text/html, application/json", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json; indent=4",
		"application/json;indent=\"4\"", "*/*; indent=4", "application/*;indent=3", "*/*;q=1;indent=2", "application/json;q=0.1;indent=8", "application/json;indent=9", "application/json;indent=0",
		"application/json;indent=-1", "application/json;indent=+2", "application/json;indent= 2 ", "application/json;indent=1_0", "application/json;indent=_1", "application/json;indent=x", "application/json;indent=", "application/json;indent",
		"application/json;indent=99999999999999999999", "application/json;indent=-99999999999999999999", "APPLICATION/JSON;INDENT=4", "application/json ; indent = 4", "text/*", "text/*, application/json;q=0.1", "application/xml", "application/*", "*/json", "*/html", "*",
		"json", "application/json/x", "application/", "application", "text/html;level=1, */*", "text/html;q=0.1, application/json;indent=4", "audio/*, image/png", "application/json;indent=4;indent=2", "application/json\xe9", "\xe9", "application/json;\xe9=1",
		"application/json;charset=\"\xe9\"", "application/json;a=\"b;indent=4\"", "application/json;a=\"\\\";indent=4;b=\"", "*/*;indent=\"4;x\"", "*/*;a=\";indent=4\"", "\xa0application/json\xa0", "application/json\x1c", "application/json;a*=utf-8''%41;indent=1",
		strings.Repeat("x/y,", 3000) + "application/json", strings.Repeat("x/y,", 63) + "application/json", strings.Repeat("x/y,", 64) + "application/json", strings.Repeat("x", 8200) + ",application/json", "application/json," + strings.Repeat("x", 8200),
		strings.Repeat("x", 257) + ",application/json", "application/json;" + strings.Repeat("x", 239), "application/json;" + strings.Repeat("x", 240),
	}
	queries := []string{"", "format=json", "format=api", "format=xml", "format=", "format=json&format=api", "format=JSON", "x=1&format=%6Ason", "format", "&&", strings.Repeat("a&", 1000)}
	type request struct {
		Accept, Query string
		JSONOnly      bool
	}
	var cases []request
	for _, accept := range accepts {
		cases = append(cases, request{accept, "", false}, request{accept, "", true}, request{accept, "format=json", false}, request{accept, "format=api", false})
	}
	for _, query := range queries {
		cases = append(cases, request{"*/*", query, false}, request{"text/html", query, false}, request{"application/json;indent=2", query, true})
	}
	var asked [][3]any
	for _, c := range cases {
		asked = append(asked, [3]any{latin1(c.Accept), c.Query, c.JSONOnly})
	}
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, peers tokenctl.Peers) {
		var want []string
		pr.Eval(peerBodies+`
from rest_framework.negotiation import DefaultContentNegotiation
def chosen(accept, query, only):
    renderers = [JSONRenderer()] if only else [JSONRenderer(), BrowsableAPIRenderer()]
    _, media = DefaultContentNegotiation().select_renderer(made(query=query, HTTP_ACCEPT=accept), renderers)
    return renderers[0].get_indent(media, {}) or 0
result = [shown(chosen, *case) for case in cases]
`, &want, djangotest.Vars{"cases": asked})
		for i, c := range cases {
			v := &view{jsonOnly: c.JSONOnly}
			query, err := parseForm([]byte(c.Query), charsetUTF8)
			var got string
			if err != nil {
				got = shown(nil, err)
			} else if media, err := selectRenderer(v.renderers(), query.text("format"), latin1(c.Accept), peers); err != nil {
				got = shown(nil, err)
			} else {
				got = fmt.Sprint(indentOf(media, peers))
			}
			if got != want[i] {
				t.Errorf("Accept %.100q ?%.20s: %s, want %s", c.Accept, c.Query, got, want[i])
			}
		}
	})
}
