package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// member is a name of a JSON object, and its value.
type member struct {
	name  string
	value any
}

// object is a JSON object whose members keep their order.
type object []member

// response is a view's answer: Django's HttpResponse, or DRF's Response, whose data must be rendered.
type response struct {
	status      int
	data        any  // of DRF's Response; rendered into body
	rendered    bool // body is complete
	contentType string
	body        []byte
	header      http.Header // headers other than Content-Type and Vary
	vary        []string
	cookies     []string // values of Set-Cookie
}

// newResponse returns a response with data to render, like Response of rest_framework/response.py.
func newResponse(status int, data any) *response { return &response{status: status, data: data} }

// page returns one of Django's own HTML pages, such as the page of an error.
func page(status int, html string) *response {
	return &response{status: status, rendered: true, contentType: "text/html; charset=utf-8", body: []byte(html)}
}

// set sets a header.
func (w *response) set(name, value string) {
	if w.header == nil {
		w.header = http.Header{}
	}
	w.header[name] = []string{value}
}

// varyOn is patch_vary_headers of django/utils/cache.py (4.2): it adds names that are not there yet; case
// does not matter.
func (w *response) varyOn(names ...string) {
	for _, name := range names {
		if !slices.ContainsFunc(w.vary, func(have string) bool { return strings.EqualFold(have, name) }) {
			w.vary = append(w.vary, name)
		}
	}
}

// send sends the response. For a HEAD request it sends only the headers.
func (w *response) send(to http.ResponseWriter, method string) {
	h := to.Header()
	for name, values := range w.header {
		h[name] = values
	}
	if w.contentType != "" {
		h["Content-Type"] = []string{w.contentType}
	} else {
		h["Content-Type"] = nil // net/http would guess one
	}
	if len(w.vary) > 0 {
		h["Vary"] = []string{strings.Join(w.vary, ", ")}
	}
	if len(w.cookies) > 0 {
		h["Set-Cookie"] = w.cookies
	}
	h["Content-Length"] = []string{strconv.Itoa(len(w.body))}
	to.WriteHeader(w.status)
	if method != http.MethodHead {
		to.Write(w.body) //nolint:errcheck // the client has gone
	}
}

// errorPage returns Django's page for a status if the project has no template for it
// (django/views/defaults.py, 4.2; 3.2 names no charset).
func (s *Server) errorPage(status int) *response {
	title, details := strconv.Itoa(status), ""
	switch status {
	case http.StatusNotFound:
		title, details = "Not Found", "The requested resource was not found on this server."
	case http.StatusBadRequest:
		title = "Bad Request (400)"
	case http.StatusInternalServerError:
		title = "Server Error (500)"
	}
	answer := page(status, `
<!doctype html>
<html lang="en">
<head>
  <title>`+title+`</title>
</head>
<body>
  <h1>`+title+`</h1><p>`+details+`</p>
</body>
</html>
`)
	if !s.peers.Django.AtLeast("4.0") {
		answer.contentType = "text/html"
	}
	return answer
}
