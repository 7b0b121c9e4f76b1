package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// middleware does the work of Django's middleware in the order of a usual project. CORS comes first and last.
// The session is saved here, and read where a view asks for it. common also does CSRF. AuthenticationMiddleware
// has no part of its own: the session's user is looked up where a view asks for it.
func (s *Server) middleware(r *request) *response {
	answer := s.preflight(r)
	if answer == nil {
		answer = s.hostAndView(r)
		answer = s.saveSession(r, answer)
	}
	s.addCORS(r, answer)
	return answer
}

// hostAndView checks the host and CSRF as the middleware does, and calls the view of the path. Without one it
// answers 404, or redirects to the path with a slash: CommonMiddleware of django/middleware/common.py (4.2).
func (s *Server) hostAndView(r *request) *response {
	if !s.hostAllowed(r.Host) {
		r.log.reason = hostNotAllowed
		answer := s.errorPage(http.StatusBadRequest)
		r.processCSRF() // the page's view requires_csrf_token
		r.addCSRFCookie(answer)
		return answer
	}
	r.processCSRF()
	v, err := s.routes[r.URL.Path], error(&djangoError{status: http.StatusNotFound, reason: "no such path"})
	var answer *response
	if v != nil {
		answer, err = v.dispatch(r)
	}
	if err != nil {
		answer = s.exception(r, err)
	}
	r.addCSRFCookie(answer)
	if v == nil && !strings.HasSuffix(r.URL.Path, "/") && s.routes[r.URL.Path+"/"] != nil {
		answer = page(http.StatusMovedPermanently, "")
		// The path is a route, so it needs no escaping.
		answer.set("Location", (&url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}).String())
	}
	return answer
}

// exception is response_for_exception of django/core/handlers/exception.py (4.2). Any
// unexpected error is a 500, and the log names its type.
func (s *Server) exception(r *request, err error) *response {
	var known *djangoError
	if errors.As(err, &known) {
		r.log.reason = known.reason
		return s.errorPage(known.status)
	}
	if e, ok := unavailable(err); ok {
		answer := newResponse(e.status, e.body)
		if (&view{}).render(r, answer) == nil {
			r.log.reason = e.reason
			return answer
		}
	}
	r.log.reason, r.log.fault = reasonOf(err), fmt.Sprintf("%T", err)
	return s.errorPage(http.StatusInternalServerError)
}
