package server

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"tokenctl"
	"tokenctl/output"
	"tokenctl/tokens"
)

//go:embed page.html
var pageText string

// pagePath is the path of the page for people.
const pagePath = "/"

// indexPage answers with the page, which logs in, tests requests and logs out. The page loads no other
// file. Its policy allows its only script and style by their hashes, and requests to any server, because
// the person may name another server.
func (s *Server) indexPage() func(*request) *response {
	type kind struct {
		Name   string `json:"name"`
		Title  string `json:"title"`
		Header string `json:"header"` // without the secret
		Path   string `json:"path"`   // of a view that accepts it
	}
	var kinds []kind
	for _, k := range tokens.Kinds() {
		path := "/test_auth/" + k.Name + "/"
		if s.routes[path] == nil {
			path = "/test_auth/"
		}
		kinds = append(kinds, kind{k.Name, k.Noun(), strings.TrimSpace(k.Header(s.Env.Settings, tokenctl.Secret{})), path})
	}
	list, _ := json.Marshal(append(kinds, kind{"custom", "drf token in a header of its own", customHeader + ":", "/test_auth/custom/"})) //nolint:errcheck // encoding texts does not fail
	text := strings.Replace(pageText, "KINDS", string(list), 1)
	policy := "default-src 'none'; script-src " + hashOf(text, "script") + "; style-src " + hashOf(text, "style") +
		"; img-src data:; connect-src 'self' http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return func(*request) *response {
		w := page(http.StatusOK, text)
		w.set("Content-Security-Policy", policy)
		w.set("Cache-Control", "no-store")
		w.set("Referrer-Policy", "no-referrer")
		w.set("X-Content-Type-Options", "nosniff")
		return w
	}
}

// hashOf returns the hash-source of an element's text.
func hashOf(html, element string) string {
	_, rest, _ := strings.Cut(html, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	return output.HashSource(text)
}
