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

// data is DRF's request.data.
type data struct {
	value any  // nil, a dict, or another value of JSON
	form  bool // value is a QueryDict, with the names of an HTML form
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

// formState is the parsed body of a request, which is parsed only once.
type formState struct {
	parsers []string // media types of the view's parsers
	parsed  bool
	data    data
	err     error
}

// contentType returns the Content-Type as WSGI decodes it.
func (r *request) contentType() string { return latin1(r.header("Content-Type")) }

// data is request.data. A body without Content-Length counts as empty: WSGI gives Django only
// CONTENT_LENGTH.
func (r *request) data() (data, error) {
	f := &r.form
	if f.parsed {
		return f.data, f.err
	}
	f.parsed = true
	var body []byte
	if r.ContentLength > 0 {
		if body, f.err = r.content(); f.err != nil {
			f.err = suspicious("the body is not complete") // UnreadablePostError, or longer than maxBody
			return f.data, f.err
		}
	}
	f.data, f.err = parse(r.contentType(), body, f.parsers, r.server.peers.DRF)
	return f.data, f.err
}

// post is request.POST of DRF's Request: the data of a form. The check of CSRF in SessionAuthentication
// uses it, so a body that cannot be parsed fails there already.
func (r *request) post() (dict, error) {
	found, err := r.data()
	if err != nil || !found.form {
		return nil, err
	}
	return found.value.(dict), nil
}

// maxUpload is DATA_UPLOAD_MAX_MEMORY_SIZE, in bytes without files. DRF checks it since 3.17.2.
const maxUpload = 2621440

// parse is Request._parse of rest_framework/request.py (3.16.0). The error is an *apiError or a
// *djangoError. It reads every body as UTF-8, because client libraries send only UTF-8.
func parse(contentType string, body []byte, parsers []string, drf tokenctl.Version) (data, error) {
	t := parseMediaType(contentType)
	if len(body) == 0 {
		return data{value: dict{}, form: t.isForm()}, nil
	}
	i := slices.IndexFunc(parsers, func(media string) bool { return parseMediaType(media).match(t) })
	switch {
	case i < 0:
		return data{}, detailed(http.StatusUnsupportedMediaType, "the media type is not supported", `Unsupported media type "`+contentType+`" in request.`)
	case parsers[i] == multipartType:
		return parseMultipart(body, t.params["boundary"])
	case drf.AtLeast("3.17.2") && len(body) > maxUpload:
		return data{}, suspicious("the body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE")
	case parsers[i] == formType:
		form, err := parseForm(string(body))
		return data{value: form, form: true}, err
	}
	return parseJSON(body)
}

// parseJSON is JSONParser.
func parseJSON(body []byte) (data, error) {
	text, err := decodeUTF8(body)
	if err == nil {
		var value any
		if value, err = django.PythonJSON([]byte(text)); err == nil {
			return data{value: value}, nil
		}
	}
	if errors.Is(err, django.ErrPythonDepth) {
		return data{}, uncaught("the JSON is nested too deeply") // JSONParser catches ValueError, not RecursionError
	}
	return data{}, detailed(http.StatusBadRequest, "the JSON cannot be parsed", "JSON parse error - "+err.Error())
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
	form := dict{}
	for pair := range strings.SplitSeq(text, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			form.Set(unquote(name), unquote(value))
		}
	}
	return form, nil
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
