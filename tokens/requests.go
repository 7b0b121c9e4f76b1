package tokens

import (
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// MintRequest has the values for new credentials.
type MintRequest struct {
	User     db.User // only for Kind.Mint: other functions get the users as a parameter
	Lifetime Lifetime
	Type     string            // jwt: "refresh" (and its access token), "access" or "sliding"; empty is refresh
	Claims   []django.JWTClaim // jwt: custom claims
	Force    bool              // mint without Kind.CheckApplication: the configured key or the claims may differ from the application's
	Secrets  []tokenctl.Secret // only for MintBelowLimit: a secret for each user, checked by Provide; nil: new secrets
	Further  db.Further        // values for further columns, if the model is the project's own
}

// RotateRequest has the values for the replacement of a credential.
type RotateRequest struct {
	Lifetime Lifetime
	Overlap  time.Duration // knox: the time that the predecessor still works; 0: it ends at once
	Force    bool
}

// checkNoLifetime returns a usage error for a lifetime. It is for a kind whose credentials never end.
func checkNoLifetime(title string, l Lifetime) error {
	if l == (Lifetime{}) {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: title + " never expire",
		Hint: "leave out --ttl, --expires, --never and --keep-expiry"}
}

// checkNoClaims returns a usage error for a type or claims, which only JWTs have.
func checkNoClaims(title string, r MintRequest) error {
	if r.Type == "" && len(r.Claims) == 0 {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: title + " have no type and no claims", Hint: "leave out --type and --claim, or mint --kind jwt"}
}

// checkNoOverlap returns a usage error for an overlap. It is for a kind whose old credential ends when the new
// one is made.
func checkNoOverlap(title string, r RotateRequest) error {
	if r.Overlap == 0 {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: title + " cannot overlap: the old one is dead at once", Hint: "leave out --overlap"}
}
