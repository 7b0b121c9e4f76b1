package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/django"
)

// parsedBody is DRF's request.data.
type parsedBody struct {
	value  any  // nil, a dict, or another value of JSON
	isForm bool // value is a QueryDict: the names and values of an HTML form
}

const (
	jsonType      = "application/json"
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
)

// mediaTypes returns the media types of the view's parsers, in their order.
func (v *view) mediaTypes() []string {
	if v.parsers != nil {
		return v.parsers
	}
	return []string{jsonType, formType, multipartType}
}

// parseState has the result of parsing the body of a request, which happens only once.
type parseState struct {
	parsers []string // media types of the view's parsers
	done    bool
	body    parsedBody
	err     error
}

// contentType returns the Content-Type as WSGI decodes it.
func (r *request) contentType() string { return latin1(r.header("Content-Type")) }

// parseBody returns request.data. A body without Content-Length counts as empty: WSGI gives Django only
// CONTENT_LENGTH.
func (r *request) parseBody() (parsedBody, error) {
	p := &r.parsing
	if p.done {
		return p.body, p.err
	}
	p.done = true
	var content []byte
	if r.ContentLength > 0 {
		if content, p.err = r.content(); p.err != nil {
			p.err = suspicious("the body is not complete") // UnreadablePostError, or longer than maxBody
			return p.body, p.err
		}
	}
	p.body, p.err = parse(r.contentType(), content, p.parsers, r.server.peers.DRF)
	return p.body, p.err
}

// formValues returns request.POST of DRF's Request: the values of a form; nil if the body is no form. The
// check of CSRF in SessionAuthentication uses it, so a body that cannot be parsed fails there already.
func (r *request) formValues() (dict, error) {
	body, err := r.parseBody()
	if err != nil || !body.isForm {
		return nil, err
	}
	return body.value.(dict), nil
}

// maxUpload is DATA_UPLOAD_MAX_MEMORY_SIZE, in bytes without files. DRF checks it since 3.17.2.
const maxUpload = 2621440

// parse is Request._parse of rest_framework/request.py (3.16.0). The error is an *apiError or a
// *djangoError. It reads every body as UTF-8, because client libraries send only UTF-8.
func parse(contentType string, body []byte, parsers []string, drf tokenctl.Version) (parsedBody, error) {
	t := parseMediaType(contentType)
	if len(body) == 0 {
		return parsedBody{value: dict{}, isForm: t.isForm()}, nil
	}
	i := slices.IndexFunc(parsers, func(media string) bool { return parseMediaType(media).match(t) })
	switch {
	case i < 0:
		return parsedBody{}, detailed(http.StatusUnsupportedMediaType, "the media type is not supported", `Unsupported media type "`+contentType+`" in request.`)
	case parsers[i] == multipartType:
		return parseMultipart(body, t.params["boundary"])
	case drf.AtLeast("3.17.2") && len(body) > maxUpload:
		return parsedBody{}, suspicious("the body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE")
	case parsers[i] == formType:
		values, err := parseForm(string(body))
		return parsedBody{value: values, isForm: true}, err
	}
	return parseJSON(body)
}

// parseJSON is JSONParser.
func parseJSON(body []byte) (parsedBody, error) {
	text, err := decodeUTF8(body)
	if err == nil {
		var value any
		if value, err = django.PythonJSON([]byte(text)); err == nil {
			return parsedBody{value: value}, nil
		}
	}
	if errors.Is(err, django.ErrPythonDepth) {
		return parsedBody{}, uncaught("the JSON is nested too deeply") // JSONParser catches ValueError, not RecursionError
	}
	return parsedBody{}, detailed(http.StatusBadRequest, "the JSON cannot be parsed", "JSON parse error - "+err.Error())
}

// decodeUTF8 is codecs.StreamReader.read, which drops an incomplete character at the end of the body. The
// error has the text of CPython's UnicodeDecodeError.
func decodeUTF8(b []byte) (string, error) {
	for i := 0; i < len(b); {
		u, n := utf8.DecodeRune(b[i:])
		if u != utf8.RuneError || n > 1 {
			i += n
			continue
		}
		if !utf8.FullRune(b[i:]) {
			return string(b[:i]), nil
		}
		for n = 1; !utf8.FullRune(b[i : i+n]); n++ {
		}
		switch n {
		case 1:
			return "", fmt.Errorf("'utf-8' codec can't decode byte 0x%02x in position %d: invalid start byte", b[i], i)
		case 2:
			return "", fmt.Errorf("'utf-8' codec can't decode byte 0x%02x in position %d: invalid continuation byte", b[i], i)
		}
		return "", fmt.Errorf("'utf-8' codec can't decode bytes in position %d-%d: invalid continuation byte", i, i+n-2)
	}
	return string(b), nil
}

// maxFields is DATA_UPLOAD_MAX_NUMBER_FIELDS.
const maxFields = 1000

var errFields = suspicious("more fields than DATA_UPLOAD_MAX_NUMBER_FIELDS")

// parseForm is QueryDict of django/http/request.py (4.2). If several values have one name, the last one
// counts, as in QueryDict.__getitem__. curl sends semicolons and percent signs without escaping them, and
// url.ParseQuery would refuse them.
func parseForm(text string) (dict, error) {
	if strings.Count(text, "&") >= maxFields {
		return nil, errFields
	}
	values := dict{}
	for pair := range strings.SplitSeq(text, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			values.Set(unquote(name), unquote(value))
		}
	}
	return values, nil
}

// unquote is urllib.parse.unquote_plus: a percent sign without two digits is literal.
func unquote(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			c = ' '
		} else if c == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c, i = byte(n), i+2
			}
		}
		out = append(out, c)
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}
