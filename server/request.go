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

// request is Django's HttpRequest and DRF's Request around it (django/http/request.py, 4.2;
// rest_framework/request.py, 3.16.0).
type request struct {
	*http.Request
	server *Server
	env    tokens.Env // of this request
	ctx    context.Context
	method string // in upper case, as in Django

	body     []byte
	bodyErr  error
	bodyRead bool

	session sessionState
	csrf    csrfState
	parsing parseState

	identity *identity // the authenticated user; nil: nobody
	indent   int       // of the answer
	log      logFields
}

// identity is the authenticated user of a request, and the user's credential.
type identity struct {
	user       db.User
	credential *tokens.Credential // for the views that end it; nil for Basic
	knox       *db.KnoxToken      // the row of a knox token
	scheme     string             // the name of the authentication: "token", "jwt"
}

// logFields has the fields of a request's log line that HTTP does not have.
type logFields struct {
	kind       string // of the credential
	credential string // id of the credential
	user       string
	reason     reason // why the request was refused
	failed     bool   // an authentication failed, which counts as an attempt
	fault      string // the type of an unexpected error
	trace      []byte // of a panic
}

// header returns the bytes of a header. Several lines of one name are joined with commas, as by WSGI
// servers (PEP 3333).
func (r *request) header(name string) string {
	values := r.Header[name]
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, ",")
}

// words splits a header like bytes.split(), at ASCII white space.
func words(header string) []string {
	return strings.FieldsFunc(header, func(c rune) bool { return c == ' ' || '\t' <= c && c <= '\r' })
}

// isWord compares two words like bytes.lower(), which ignores only the case of ASCII letters. In
// strings.EqualFold two longer letters also equal k and s; the comparison of lengths excludes them.
func isWord(word, keyword string) bool {
	return len(word) == len(keyword) && strings.EqualFold(word, keyword)
}

// maxBody bounds a body, in bytes. It is more than Django accepts without files: 2.5 MB
// (DATA_UPLOAD_MAX_MEMORY_SIZE).
const maxBody = 8 << 20

// content reads the body. It returns an error if the client has sent only a part of it.
func (r *request) content() ([]byte, error) {
	if r.bodyRead || r.Body == nil {
		return r.body, r.bodyErr
	}
	r.bodyRead = true
	var b bytes.Buffer // grows with the received bytes, not with Content-Length
	to := io.Writer(&b)
	if r.ContentLength < 0 {
		// Django reads Content-Length bytes, and so nothing of a chunked body (WSGIRequest in
		// django/core/handlers/wsgi.py, 4.2).
		to = io.Discard
	}
	_, r.bodyErr = io.Copy(to, http.MaxBytesReader(nil, r.Body, maxBody))
	r.body = b.Bytes()
	return r.body, r.bodyErr
}

// secure reports whether the request came over TLS (HttpRequest.is_secure).
func (r *request) secure() bool { return r.TLS != nil }

// latin1 decodes bytes as ISO 8859-1, as WSGI does with headers (PEP 3333).
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
