package server

import (
	"context"
	"errors"

	"tokenctl"
	"tokenctl/django"
)

// reason says in the log why a request was refused. The log must hold nothing that
// a client chose, so every reason is a constant of this package, or one of the
// closed lists of django's below: no other code converts a text to a reason, which
// a test enforces. Where the peer's answer is a constant too, it is the reason.
type reason string

// reasonOf is the reason of an error that no peer raises: its code. The message may
// repeat what was asked for.
func reasonOf(err error) reason {
	if errors.Is(err, context.Canceled) {
		return "the client has gone"
	}
	return reason(tokenctl.CodeOf(err))
}

// jwtReason is why a token was not accepted.
func jwtReason(e *django.JWTError) reason { return reason(e.Reason) }
