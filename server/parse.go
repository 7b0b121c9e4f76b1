package server

import (
	"errors"
	"net/http"
	"strings"

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
	f.data, f.err = parse(r.contentType(), body, f.parsers, r.server.peers)
	return f.data, f.err
}

// post is request.POST of DRF's Request: data where that is a form. This is where
// CSRF's check inside SessionAuthentication looks, so a body that cannot be parsed
// fails there already.
func (r *request) post() (*dict, error) {
	found, err := r.data()
	if err != nil {
		return nil, err
	}
	t, err := headersOf(r.server.peers).mediaType(r.contentType())
	if err != nil {
		return nil, uncaught(unreadableHeader)
	}
	form, _ := found.value.(*dict)
	if !t.isForm() || r.tooLong() {
		return nil, nil
	}
	return form, nil
}

// tooLong reports a Content-Type that DRF refuses to look at.
func (r *request) tooLong() bool { return isTooLong(r.contentType(), r.server.peers.DRF) }

func isTooLong(contentType string, drf tokenctl.Version) bool {
	return drf.AtLeast(boundedHeaders) && len([]rune(contentType)) > maxMediaTypeLength
}

// maxUpload is DATA_UPLOAD_MAX_MEMORY_SIZE, which DRF heeds since 3.17.2; files do
// not count.
const maxUpload = 2621440

// parse is Request._parse of rest_framework/request.py (3.16.0). It fails with an
// *apiError or a *djangoError.
func parse(contentType string, body []byte, parsers []string, peers tokenctl.Peers) (data, error) {
	headers := headersOf(peers)
	t, err := headers.mediaType(contentType)
	if err != nil {
		return data{}, uncaught(unreadableHeader)
	}
	tooLong := isTooLong(contentType, peers.DRF)
	if len(body) == 0 {
		return data{value: &dict{}, form: t.isForm() && !tooLong}, nil
	}
	parser := ""
	for _, media := range parsers {
		if own, _ := headers.mediaType(media); own.match(t) && !tooLong {
			parser = media
			break
		}
	}
	charset := charsetOf(contentType)
	tooBig := peers.DRF.AtLeast("3.17.2") && len(body) > maxUpload
	switch {
	case parser == "":
		return data{}, detailed(http.StatusUnsupportedMediaType, "the media type is not supported", `Unsupported media type "`+contentType+`" in request.`)
	case parser == multipartType:
		return parseMultipart(contentType, t, body, charset, peers)
	case tooBig:
		return data{}, suspicious("the body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE")
	case parser == formType:
		form, err := parseForm(body, charset)
		return data{value: form, form: true}, err
	}
	return parseJSON(body, charset)
}

// parseJSON is JSONParser.
func parseJSON(body []byte, charset charset) (data, error) {
	text, err := charset.decode(body)
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

// maxFields is DATA_UPLOAD_MAX_NUMBER_FIELDS.
const maxFields = 1000

var errFields = suspicious("more fields than DATA_UPLOAD_MAX_NUMBER_FIELDS")

// parseForm is a QueryDict (django/http/request.py, 4.2), of a name that is given
// twice the last value: what QueryDict.__getitem__ gives.
func parseForm(body []byte, c charset) (*dict, error) {
	text := latin1(string(body))
	if c == charsetUTF8 || c == charsetASCII {
		if decoded, err := c.decode(body); err == nil && len(decoded) == len(body) {
			text = decoded
		}
	}
	if strings.Count(text, "&") >= maxFields {
		return nil, errFields
	}
	form := &dict{}
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		form.set(unquote(strings.ReplaceAll(name, "+", " "), c), unquote(strings.ReplaceAll(value, "+", " "), c))
	}
	return form, nil
}
