package server

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"tokenctl"
)

// apiError is an error that becomes the answer of a view: APIException of rest_framework/exceptions.py
// (3.16.0). Its text equals the text of the peer, byte for byte.
type apiError struct {
	status int
	reason reason // for the log
	body   any    // before it is rendered
	wait   *int   // Retry-After, in seconds

	// unauthenticated is true for NotAuthenticated and AuthenticationFailed. The answer is then 401 with the
	// WWW-Authenticate of the first authenticator, or 403 if the first authenticator has none
	// (APIView.handle_exception).
	unauthenticated bool
}

// Error implements error. The text is that of the answer, and may quote the client.
func (e *apiError) Error() string {
	if o, ok := e.body.(object); ok && len(o) > 0 && o[0].name == "detail" {
		return fmt.Sprint(o[0].value)
	}
	return http.StatusText(e.status)
}

// detail returns an APIException whose detail is always the same text.
func detail(status int, text reason) *apiError { return detailed(status, text, string(text)) }

// detailed returns an APIException whose detail quotes the request or depends on the request.
func detailed(status int, why reason, text string) *apiError {
	return &apiError{status: status, reason: why, body: object{{"detail", text}}}
}

// invalid returns a ValidationError with the errors of a serializer by field.
func invalid(errs any) *apiError {
	return &apiError{status: http.StatusBadRequest, reason: "the fields are not valid", body: errs}
}

// fieldFault returns a ValidationError about one field.
func fieldFault(why reason, field string, messages ...string) *apiError {
	e := invalid(object{{field, messages}})
	e.reason = why
	return e
}

// invalidNonField returns a ValidationError that is not about a field.
func invalidNonField(message string) *apiError {
	return invalid(object{{nonFieldErrors, []string{message}}})
}

// authenticationFailed returns DRF's AuthenticationFailed.
func authenticationFailed(text reason) *apiError {
	e := detail(http.StatusUnauthorized, text)
	e.unauthenticated = true
	return e
}

// notAuthenticated returns DRF's NotAuthenticated.
func notAuthenticated() *apiError {
	return authenticationFailed("Authentication credentials were not provided.")
}

func methodNotAllowed(method string) *apiError {
	return detailed(http.StatusMethodNotAllowed, "the method is not allowed", `Method "`+method+`" not allowed.`)
}

// throttled returns DRF's Throttled. wait is a number of seconds, or nil if the time is not known.
func throttled(wait *int) *apiError {
	text := "Request was throttled."
	if wait != nil {
		unit := "seconds"
		if *wait == 1 {
			unit = "second"
		}
		text += " Expected available in " + strconv.Itoa(*wait) + " " + unit + "."
	}
	e := detailed(http.StatusTooManyRequests, "the request was throttled", text)
	e.wait = wait
	return e
}

// djangoError is an exception that Django itself answers with a page: 404 for Http404, 400 for
// SuspiciousOperation (django/core/handlers/exception.py, 4.2).
type djangoError struct {
	status int
	reason reason // for the log
}

// Error implements error.
func (e *djangoError) Error() string { return string(e.reason) }

// suspicious returns a SuspiciousOperation.
func suspicious(why reason) *djangoError {
	return &djangoError{status: http.StatusBadRequest, reason: why}
}

// uncaught returns an exception that the peer does not catch. The peer answers 500, and this server does the
// same.
func uncaught(why reason) *djangoError {
	return &djangoError{status: http.StatusInternalServerError, reason: why}
}

// unavailable returns the answer if this server cannot do the same as the peer: the database or the denylist
// does not answer, a key is missing, or the server is read-only. It returns false for every other error.
func unavailable(err error) (*apiError, bool) {
	if errors.Is(err, errReadOnly) {
		return detail(http.StatusServiceUnavailable, "This server is read-only."), true
	}
	switch tokenctl.CodeOf(err) {
	case tokenctl.CodeDatabaseUnreachable, tokenctl.CodeDatabaseRefused, tokenctl.CodeDatabaseLocked, tokenctl.CodeTimeout:
		return detail(http.StatusServiceUnavailable, "The database does not answer."), true
	case tokenctl.CodeDenylistUnreachable, tokenctl.CodeDenylistDenied:
		return detail(http.StatusServiceUnavailable, "The denylist does not answer."), true
	case tokenctl.CodeKeyMissing:
		return detail(http.StatusServiceUnavailable, "The key that this needs is not configured."), true
	}
	return nil, false
}

// errReadOnly is the error for a request that needs to write.
var errReadOnly = errors.New("the server is read-only")
