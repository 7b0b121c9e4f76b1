package server

import (
	"net/http"
	"strings"

	"tokenctl"
	"tokenctl/django"
)

// accepted is what negotiation settled: how many spaces the answer is indented by.
// The type is always JSON: who is offered the browsable page gets that, too.
type accepted struct{ indent int }

// renderer is a class of rest_framework/renderers.py.
type renderer struct {
	mediaType string
	format    string // what ?format= names it
}

var (
	jsonRenderer      = renderer{jsonType, "json"}
	browsableRenderer = renderer{"text/html", "api"}
)

// renderers are the view's, the preferred one first.
func (v *view) renderers() []renderer {
	if v.jsonOnly {
		return []renderer{jsonRenderer}
	}
	return []renderer{jsonRenderer, browsableRenderer}
}

// negotiate is DefaultContentNegotiation.select_renderer of
// rest_framework/negotiation.py (3.16.0).
func (v *view) negotiate(r *request) (accepted, error) {
	query, err := r.query()
	if err != nil {
		return accepted{}, err
	}
	accept := "*/*"
	if r.Header["Accept"] != nil {
		accept = latin1(r.header("Accept"))
	}
	media, err := selectRenderer(v.renderers(), query.text("format"), accept, r.server.peers)
	if err != nil {
		return accepted{}, err
	}
	return accepted{indent: indentOf(media, r.server.peers)}, nil
}

// query is the request's query_params, of a name that is given twice the last.
func (r *request) query() (*dict, error) {
	return parseForm([]byte(r.URL.RawQuery), charsetOf(r.contentType()))
}

// selectRenderer returns the media type that was accepted, with its parameters.
// Python keeps types of one precedence in a set, whose order is chance; here the
// first in the header is taken.
func selectRenderer(renderers []renderer, format, accept string, peers tokenctl.Peers) (string, error) {
	if format != "" {
		var named []renderer
		for _, renderer := range renderers {
			if renderer.format == format {
				named = append(named, renderer)
			}
		}
		if renderers = named; len(renderers) == 0 {
			return "", detail(http.StatusNotFound, "Not found.")
		}
	}
	headers := headersOf(peers)
	var sets [4][]mediaType
	var texts [4][]string
	for _, text := range acceptList(accept, peers.DRF) {
		t, err := headers.mediaType(text)
		if err != nil {
			return "", uncaught(unreadableHeader)
		}
		n := t.precedence()
		sets[n], texts[n] = append(sets[n], t), append(texts[n], text)
	}
	for n := 3; n >= 0; n-- {
		for _, renderer := range renderers {
			own, _ := headers.mediaType(renderer.mediaType) // a constant
			for i, t := range sets[n] {
				if !own.match(t) {
					continue
				}
				if own.precedence() <= n {
					return texts[n][i], nil
				}
				full := []string{renderer.mediaType}
				for _, p := range t.params {
					full = append(full, p.name+"="+p.value)
				}
				return strings.Join(full, ";"), nil
			}
		}
	}
	return "", detail(http.StatusNotAcceptable, "Could not satisfy the request Accept header.")
}

// The limits of DefaultContentNegotiation in 3.18.3; 3.18.0 had none.
const (
	boundedHeaders     = tokenctl.Version("3.18.3")
	maxAcceptHeader    = 8192
	maxAcceptTokens    = 64
	maxMediaTypeLength = 256
)

// acceptList is DefaultContentNegotiation.get_accept_list. The limits count
// characters.
func acceptList(accept string, drf tokenctl.Version) (list []string) {
	if !drf.AtLeast(boundedHeaders) {
		for token := range strings.SplitSeq(accept, ",") {
			list = append(list, strip(token))
		}
		return list
	}
	if header := []rune(accept); len(header) > maxAcceptHeader {
		header := string(header[:maxAcceptHeader])
		accept = header[:strings.LastIndexByte(header, ',')+1]
	}
	for token := range strings.SplitSeq(accept, ",") {
		if token = strip(token); token == "" || len([]rune(token)) > maxMediaTypeLength {
			continue
		}
		if list = append(list, token); len(list) >= maxAcceptTokens {
			break
		}
	}
	return list
}

// indentOf is JSONRenderer.get_indent.
func indentOf(media string, peers tokenctl.Peers) int {
	t, err := headersOf(peers).mediaType(media)
	if err != nil {
		return 0
	}
	n, err := django.PythonInt(t.param("indent"))
	if err != nil {
		return 0
	}
	return int(max(min(n, 8), 0))
}
