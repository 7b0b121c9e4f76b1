package server

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// view is an APIView of rest_framework/views.py (3.16.0): the handlers of one path and their rules.
type view struct {
	name           string // of the class, as in OPTIONS: "Obtain Auth Token"
	description    string
	handlers       map[string]handler // by method; GET also answers HEAD, and metadata answers OPTIONS
	authenticators []*authenticator
	permission     func(*request) bool // nil: AllowAny
	unthrottled    bool                // throttle_classes is empty
	password       bool                // it accepts a password, so the login rate applies
	notDRF         bool                // it is not a view of DRF, and ignores Accept
	jsonOnly       bool                // it has no browsable page, and so does not vary on Accept
	parsers        []string            // media types; nil: JSON, form and multipart
	serializer     *serializer         // of get_serializer; nil if the view has none
	noStore        bool                // caches must not store its answers
	challenge      string              // WWW-Authenticate if it is not the first authenticator's
}

// handler answers a request, or returns an *apiError or a *djangoError. Any other error becomes a 500.
type handler func(*request) (*response, error)

// methodOrder is View.http_method_names, the order of Allow (django/views/generic/base.py, 4.2).
var methodOrder = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"}

// allowedMethods returns the value of the Allow header.
func (v *view) allowedMethods() string {
	var methods []string
	for _, m := range methodOrder {
		if v.handler(m) != nil {
			methods = append(methods, m)
		}
	}
	return strings.Join(methods, ", ")
}

// handler returns the handler of a method, or nil if the method is not allowed.
func (v *view) handler(method string) handler {
	if h := v.handlers[method]; h != nil {
		return h
	}
	switch method {
	case http.MethodHead:
		return v.handlers[http.MethodGet]
	case http.MethodOptions:
		return v.metadata
	}
	return nil
}

// isAuthenticated is DRF's permission of the same name.
func isAuthenticated(r *request) bool { return r.identity != nil }

// dispatch is APIView.dispatch.
func (v *view) dispatch(r *request) (*response, error) {
	answer, err := v.answer(r)
	if err != nil {
		var failure *apiError
		if !errors.As(err, &failure) {
			other, ok := unavailable(err)
			if !ok {
				return nil, err
			}
			failure = other
		}
		answer = v.handleException(r, failure)
	}
	if !answer.rendered {
		if err := v.render(r, answer); err != nil {
			return nil, err
		}
	}
	if v.noStore {
		answer.set("Cache-Control", "no-store")
		answer.set("Pragma", "no-cache")
	}
	answer.set("Allow", v.allowedMethods())
	if !v.jsonOnly {
		// DRF adds Accept after the view's own names.
		answer.varyOn("Accept")
	}
	return answer, nil
}

// answer is APIView.initial and the handler: negotiation, authentication,
// permission, throttles, method, in that order.
func (v *view) answer(r *request) (*response, error) {
	r.parsing.parsers = v.mediaTypes()
	if !v.notDRF {
		var err error
		if r.indent, err = v.negotiate(r); err != nil {
			return nil, err
		}
	}
	if err := v.authenticate(r); err != nil {
		return nil, err
	}
	if v.permission != nil && !v.permission(r) {
		if len(v.authenticators) > 0 && r.identity == nil {
			return nil, notAuthenticated()
		}
		return nil, detail(http.StatusForbidden, "You do not have permission to perform this action.")
	}
	if err := r.server.checkThrottles(r, v); err != nil {
		return nil, err
	}
	h := v.handler(r.method)
	if h == nil || !slices.Contains(methodOrder, r.method) {
		return nil, methodNotAllowed(r.method)
	}
	return h(r)
}

// authenticate calls the authenticators in their order. The first one that finds its kind of credentials
// decides.
func (v *view) authenticate(r *request) error {
	for _, a := range v.authenticators {
		who, err := a.authenticate(r)
		if err != nil {
			return err
		}
		if who != nil {
			who.scheme = a.name
			r.identity = who
			r.log.user = who.user.Username
			return nil
		}
	}
	return nil
}

// handleException is APIView.handle_exception.
func (v *view) handleException(r *request, e *apiError) *response {
	answer := newResponse(e.status, e.body)
	r.log.reason = cmp.Or(r.log.reason, e.reason)
	if e.unauthenticated {
		r.log.failed = r.header("Authorization") != "" || r.log.failed
		switch challenge := v.authenticateHeader(); challenge {
		case "":
			answer.status = http.StatusForbidden
		default:
			answer.set("WWW-Authenticate", challenge)
		}
	}
	if e.wait != nil && *e.wait != 0 {
		answer.set("Retry-After", strconv.Itoa(*e.wait))
	}
	return answer
}

// authenticateHeader is APIView.get_authenticate_header, which simplejwt's views
// override.
func (v *view) authenticateHeader() string {
	if v.challenge != "" || len(v.authenticators) == 0 {
		return v.challenge
	}
	return v.authenticators[0].challenge
}

// render is Response.rendered_content with the JSON renderer. An answer without data has neither a body nor
// a Content-Type.
func (v *view) render(r *request, answer *response) error {
	answer.rendered = true
	if answer.data == nil {
		return nil
	}
	body, err := renderJSON(answer.data, r.indent)
	if err != nil {
		return err
	}
	answer.body, answer.contentType = body, "application/json"
	return nil
}

// authenticator is a BaseAuthentication.
type authenticator struct {
	name      string // in the log
	challenge string // authenticate_header; empty: a failed authentication is 403
	// authenticate returns nil if the request has no credentials of this scheme.
	authenticate func(*request) (*identity, error)
}
