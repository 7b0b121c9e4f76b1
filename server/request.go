package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"tokenctl/db"
	"tokenctl/tokens"
)

// request is one request as Django sees it: HttpRequest and DRF's Request around
// it (django/http/request.py, 4.2; rest_framework/request.py, 3.16.0).
type request struct {
	*http.Request
	server *Server
	env    tokens.Env // of this request
	ctx    context.Context
	method string // in upper case, as Django keeps it

	body     []byte
	bodyErr  error
	bodyRead bool

	session sessionState
	csrf    csrfState
	form    formState // what Django's request.POST read before the view did

	identity *identity // who was authenticated; nil: nobody
	indent   int       // of the answer
	log      outcome
}

// identity is the user of a request and what proved it.
type identity struct {
	user       db.User
	credential *tokens.Credential // what the user showed, for the views that end it; nil for Basic
	knox       *db.KnoxToken      // the row of a knox token
	scheme     string             // the name of the authentication: "token", "jwt"
}

// outcome is what the log line of a request tells beyond HTTP.
type outcome struct {
	kind       string // of the credential
	credential string // its id
	user       string
	reason     reason // why it was refused
	failed     bool   // an authentication failed: it counts as an attempt
	fault      string // the type of what nobody foresaw
	trace      []byte // of a panic
}

// header returns a header as WSGI servers join it: bytes, the lines of one name
// with commas between them (PEP 3333).
func (r *request) header(name string) string {
	values := r.Header[name]
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, ",")
}

// words splits a header as bytes.split() does: at ASCII white space.
func words(header string) []string {
	return strings.FieldsFunc(header, func(c rune) bool { return c == ' ' || '\t' <= c && c <= '\r' })
}

// isWord compares two words without regard to the case of ASCII letters, as
// bytes.lower() does. strings.EqualFold also takes two longer letters for k and s; the
// comparison of lengths excludes them.
func isWord(word, keyword string) bool {
	return len(word) == len(keyword) && strings.EqualFold(word, keyword)
}

// maxBody is more than Django accepts of anything but files: 2.5 MB
// (DATA_UPLOAD_MAX_MEMORY_SIZE). Beyond it a body is cut off.
const maxBody = 8 << 20

// content reads the body. One that its client broke off is an error.
func (r *request) content() ([]byte, error) {
	if r.bodyRead || r.Body == nil {
		return r.body, r.bodyErr
	}
	r.bodyRead = true
	var b bytes.Buffer // grows with what arrives, not with what was announced
	to := io.Writer(&b)
	if r.ContentLength < 0 {
		// Django reads as much as Content-Length says, and so nothing of a chunked body
		// (WSGIRequest in django/core/handlers/wsgi.py).
		to = io.Discard
	}
	_, r.bodyErr = io.Copy(to, http.MaxBytesReader(nil, r.Body, maxBody))
	r.body = b.Bytes()
	return r.body, r.bodyErr
}

// secure reports whether the request came over TLS (HttpRequest.is_secure).
func (r *request) secure() bool { return r.TLS != nil }

// latin1 is the text of bytes in ISO 8859-1, as WSGI takes headers (PEP 3333).
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
