package server

import (
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/django/djangotest"
)

// TestNegotiate asks DRF which renderer it takes, and how it indents. Python's sets
// have no order, so no case offers two types of one precedence that would differ.
func TestNegotiate(t *testing.T) {
	t.Parallel()
	accepts := []string{
		"*/*", "", "application/json", "text/html", "text/html, application/json", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json; indent=4", "application/json, text/plain, */*",
		"application/json;indent=\"4\"", "*/*; indent=4", "application/*;indent=3", "*/*;q=1;indent=2", "application/json;q=0.1;indent=8", "application/json;indent=9", "application/json;indent=0",
		"application/json;indent=-1", "application/json;indent=+2", "application/json;indent=x", "APPLICATION/JSON;INDENT=4", "text/*", "text/*, application/json;q=0.1", "application/xml", "application/*", "*/json", "*/html", "*",
		"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "json", "application/json/x", "application", "text/html;level=1, */*", "text/html;q=0.1, application/json;indent=4", "audio/*, image/png", "application/json;",
		strings.Repeat("x/y,", 63) + "application/json",
	}
	queries := []string{"", "format=json", "format=api", "format=xml", "format=", "format=json&format=api", "format=JSON", "x=1&format=%6Ason", "format", "&&", "indent=4", strings.Repeat("a&", 1000)}
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
		asked = append(asked, [3]any{c.Accept, c.Query, c.JSONOnly})
	}
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, _ tokenctl.Peers) {
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
			asking := headed("Accept", c.Accept)
			asking.URL.RawQuery = c.Query
			indent, err := v.negotiate(asking)
			if got := shown(indent, err); got != want[i] {
				t.Errorf("Accept %.100q ?%.20s: %s, want %s", c.Accept, c.Query, got, want[i])
			}
		}
	})
}
