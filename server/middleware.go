package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// respond is Django's middleware in the order of the imitated project: CORS,
// session, common, CSRF, authentication.
func (s *Server) respond(r *request) *response {
	answer := s.preflight(r)
	if answer == nil {
		answer = s.common(r)
		answer = s.saveSession(r, answer)
	}
	s.addCORS(r, answer)
	return answer
}

// common is CommonMiddleware of django/middleware/common.py (4.2).
func (s *Server) common(r *request) *response {
	if !s.hostAllowed(r.Host) {
		r.log.reason = hostRefused
		answer := s.errorPage(http.StatusBadRequest)
		r.processCSRF() // the page's view requires_csrf_token
		r.addCSRFCookie(answer)
		return answer
	}
	r.processCSRF()
	answer, err := s.view(r)
	if err != nil {
		answer = s.exception(r, err)
	}
	r.addCSRFCookie(answer)
	if answer.status == http.StatusNotFound && !strings.HasSuffix(r.URL.Path, "/") && s.routes[r.URL.Path] == nil && s.routes[r.URL.Path+"/"] != nil {
		answer = page(http.StatusMovedPermanently, "")
		answer.set("Location", pathWithSlash(r.URL))
	}
	return answer
}

// pathWithSlash is HttpRequest.get_full_path(force_append_slash=True).
func pathWithSlash(u *url.URL) string {
	to := escapeURIPath(u.Path) + "/"
	if strings.HasPrefix(to, "//") {
		to = "/%2F" + strings.TrimPrefix(to, "//") // escape_leading_slashes
	}
	if u.RawQuery != "" {
		to += "?" + iriToURI(latin1(u.RawQuery)) // QUERY_STRING is a str of the bytes
	}
	return to
}

// escapeURIPath is escape_uri_path of django/utils/encoding.py (4.2).
func escapeURIPath(path string) string { return quoteExcept(path, "/:@&+$,-_.!~*'()") }

// iriToURI is iri_to_uri of django/utils/encoding.py (4.2).
func iriToURI(s string) string { return quoteExcept(s, "/#%[]=:;$&()+,!?*@'~-_.") }

func quoteExcept(s, safe string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(safe, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// view is the URL resolver and the view.
func (s *Server) view(r *request) (*response, error) {
	v := s.routes[r.URL.Path]
	if v == nil {
		return nil, &djangoError{status: http.StatusNotFound, reason: "no such path"}
	}
	return v.serve(r)
}

// exception is response_for_exception of django/core/handlers/exception.py (4.2).
// What nobody foresaw is a 500, of which the log tells more.
func (s *Server) exception(r *request, err error) *response {
	var known *djangoError
	if errors.As(err, &known) {
		r.log.reason = known.reason
		return s.errorPage(known.status)
	}
	if e, ok := unavailable(err); ok {
		answer := respond(e.status, e.body)
		if (&view{}).render(r, answer) == nil {
			r.log.reason = e.reason
			return answer
		}
	}
	r.log.reason, r.log.fault = reasonOf(err), fmt.Sprintf("%T", err)
	return s.errorPage(http.StatusInternalServerError)
}
