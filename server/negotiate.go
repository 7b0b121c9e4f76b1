package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// renderer is a class of rest_framework/renderers.py.
type renderer struct {
	mediaType string
	format    string // its name in ?format=
}

var (
	jsonRenderer      = renderer{jsonType, "json"}
	browsableRenderer = renderer{"text/html", "api"}
)

// renderers returns the view's renderers, the preferred one first.
func (v *view) renderers() []renderer {
	if v.jsonOnly {
		return []renderer{jsonRenderer}
	}
	return []renderer{jsonRenderer, browsableRenderer}
}

// negotiate is DefaultContentNegotiation.select_renderer of rest_framework/negotiation.py (3.16.0). It
// returns the number of spaces for the indentation of the answer. The answer is always JSON, even if the
// peer answers with the browsable page. Python puts the types of one precedence into a set, so their order
// is random. Here the first type in the header counts.
func (v *view) negotiate(r *request) (indent int, err error) {
	query, err := parseForm(r.URL.RawQuery)
	if err != nil {
		return 0, err
	}
	offered := v.renderers()
	if format := query.Text("format"); format != "" {
		offered = slices.DeleteFunc(offered, func(renderer renderer) bool { return renderer.format != format })
		if len(offered) == 0 {
			return 0, detail(http.StatusNotFound, "Not found.")
		}
	}
	header := "*/*"
	if r.Header["Accept"] != nil {
		header = r.header("Accept")
	}
	var accepted []mediaType
	for text := range strings.SplitSeq(header, ",") {
		accepted = append(accepted, parseMediaType(text))
	}
	for precedence := 3; precedence >= 0; precedence-- {
		for _, renderer := range offered {
			own := parseMediaType(renderer.mediaType)
			for _, t := range accepted {
				if t.precedence() == precedence && own.match(t) {
					return t.indent(), nil
				}
			}
		}
	}
	return 0, detail(http.StatusNotAcceptable, "Could not satisfy the request Accept header.")
}

// indent is JSONRenderer.get_indent.
func (t mediaType) indent() int {
	n, err := strconv.Atoi(t.params["indent"])
	if err != nil {
		return 0
	}
	return max(min(n, 8), 0)
}
