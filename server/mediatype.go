package server

import (
	"mime"
	"strings"
)

// mediaType is _MediaType of rest_framework/utils/mediatypes.py (3.16.0), parsed by
// the standard library. All fields are empty if the text is not a media type.
type mediaType struct {
	main, sub string
	params    map[string]string
}

func parseMediaType(header string) mediaType {
	full, params, _ := mime.ParseMediaType(header) // returns the type even if a parameter is invalid
	main, sub, _ := strings.Cut(full, "/")
	return mediaType{main, sub, params}
}

// match is _MediaType.match for a type without parameters, such as a parser's.
func (t mediaType) match(other mediaType) bool {
	return (t.sub == other.sub || t.sub == "*" || other.sub == "*") && (t.main == other.main || t.main == "*" || other.main == "*")
}

// precedence is _MediaType.precedence: a larger number means a more specific type.
func (t mediaType) precedence() int {
	_, quality := t.params["q"]
	switch {
	case t.main == "*":
		return 0
	case t.sub == "*":
		return 1
	case len(t.params) == 0 || len(t.params) == 1 && quality:
		return 2
	}
	return 3
}

// isForm is is_form_media_type of rest_framework/request.py (3.16.0).
func (t mediaType) isForm() bool {
	full := t.main + "/" + t.sub
	return full == formType || full == multipartType
}
