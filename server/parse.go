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
	value any  // nil, a *dict, or whatever else the JSON is
	form  bool // value is a QueryDict: names are as in an HTML form
}

const (
	jsonType      = "application/json"
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
)

// mediaTypes are those of the view's parsers, in their order; DRF's default
// otherwise.
func (v *view) mediaTypes() []string {
	if v.parsers != nil {
		return v.parsers
	}
	return []string{jsonType, formType, multipartType}
}

// formState is what was parsed of a request: a body is read once.
type formState struct {
	parsers []string // media types of the view's
	parsed  bool
	data    data
	err     error
}

// contentType is the Content-Type as WSGI hands it on.
func (r *request) contentType() string { return latin1(r.header("Content-Type")) }

// data is request.data. A body whose length nobody announced is none: WSGI tells
// Django CONTENT_LENGTH only.
func (r *request) data() (data, error) {
	f := &r.form
	if f.parsed {
		return f.data, f.err
	}
	f.parsed = true
	var body []byte
	if r.ContentLength > 0 {
		if body, f.err = r.content(); f.err != nil {
			f.err = suspicious("the body did not arrive whole") // UnreadablePostError, or beyond maxBody
			return f.data, f.err
		}
	}
	f.data, f.err = parse(r.contentType(), body, f.parsers, r.server.peers.DRF)
	return f.data, f.err
}

// post is request.POST of DRF's Request: data where that is a form. This is where
// CSRF's check inside SessionAuthentication looks, so a body that cannot be parsed
// fails there already.
func (r *request) post() (*dict, error) {
	found, err := r.data()
	if err != nil || !found.form {
		return nil, err
	}
	return found.value.(*dict), nil
}

// maxUpload is DATA_UPLOAD_MAX_MEMORY_SIZE, which DRF heeds since 3.17.2; files do
// not count.
const maxUpload = 2621440

// parse is Request._parse of rest_framework/request.py (3.16.0). It fails with an
// *apiError or a *djangoError. Every body is read as UTF-8, which is what client
// libraries send.
func parse(contentType string, body []byte, parsers []string, drf tokenctl.Version) (data, error) {
	t := parseMediaType(contentType)
	if len(body) == 0 {
		return data{value: &dict{}, form: t.isForm()}, nil
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
		if value, err = loads(text); err == nil {
			return data{value: value}, nil
		}
	}
	if errors.Is(err, django.ErrPythonDepth) {
		return data{}, uncaught("the JSON is nested too deeply") // RecursionError is no ValueError
	}
	return data{}, detailed(http.StatusBadRequest, "the JSON cannot be parsed", "JSON parse error - "+err.Error())
}

// decodeUTF8 is codecs.StreamReader.read, which drops a character that the end of the
// body cuts off. The error has the words of CPython's UnicodeDecodeError.
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

// parseForm is a QueryDict (django/http/request.py, 4.2). Of several values with one name
// it keeps the last, as QueryDict.__getitem__ does. curl sends semicolons and percent signs
// as they are typed, and url.ParseQuery would refuse them.
func parseForm(text string) (*dict, error) {
	if strings.Count(text, "&") >= maxFields {
		return nil, errFields
	}
	form := &dict{}
	for pair := range strings.SplitSeq(text, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			form.set(unquote(name), unquote(value))
		}
	}
	return form, nil
}

// unquote is urllib.parse.unquote_plus: a percent sign without two digits stands for
// itself.
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
