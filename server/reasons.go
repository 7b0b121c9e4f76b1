package server

import (
	"context"
	"errors"

	"tokenctl"
	"tokenctl/django"
)

// reason is the text in the log that says why a request was refused. The log must not contain
// anything that a client has chosen. So every reason is a constant of this package, or a code or
// reason of a closed list that the functions below convert; a test checks that no other code
// converts a text to a reason. If the peer's answer is a constant, it is the reason.
type reason string

// reasonOf returns the reason of an error that no peer raises: its code. The message may quote the
// request.
func reasonOf(err error) reason {
	if errors.Is(err, context.Canceled) {
		return "the client has gone"
	}
	return reason(tokenctl.CodeOf(err))
}

// jwtReason returns the reason why a token was not accepted.
func jwtReason(e *django.JWTError) reason { return reason(e.Reason) }
