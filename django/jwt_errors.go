package django

import (
	"fmt"

	"tokenctl"
)

// JWTReason says why a token is not accepted. PyJWT finds the first group of reasons when it decodes,
// simplejwt's Token.verify the second group.
type JWTReason string

// The reasons, in the order of the checks.
const (
	JWTMalformed      JWTReason = "malformed"       // not a token
	JWTWrongAlgorithm JWTReason = "wrong_algorithm" // another algorithm than the configured one
	JWTBadSignature   JWTReason = "bad_signature"
	JWTBadClaim       JWTReason = "bad_claim"     // exp, iat, nbf, sub or jti of a form that PyJWT refuses
	JWTIssuedLater    JWTReason = "issued_later"  // iat lies in the future
	JWTNotYetValid    JWTReason = "not_yet_valid" // nbf lies in the future
	JWTExpired        JWTReason = "expired"
	JWTWrongIssuer    JWTReason = "wrong_issuer"
	JWTWrongAudience  JWTReason = "wrong_audience"
	JWTBlacklisted    JWTReason = "blacklisted"
	JWTNoExpiry       JWTReason = "no_expiry"     // the claim is missing
	JWTExpiredClaim   JWTReason = "claim_expired" // refresh_exp, or exp within the second that PyJWT does not check
	JWTNoID           JWTReason = "no_id"
	JWTNoType         JWTReason = "no_type"
	JWTWrongType      JWTReason = "wrong_type"
	JWTServerError    JWTReason = "server_error" // the application fails with status 500
)

// JWTError is the error for a token that is not accepted.
type JWTError struct {
	Reason JWTReason
	Claim  string // the claim that is wrong; empty for reasons without a claim
}

// Error implements error. The text quotes nothing of the token.
func (e *JWTError) Error() string {
	if e.Claim != "" {
		return fmt.Sprintf("the token is not accepted: %s (%s)", e.Reason, e.Claim)
	}
	return fmt.Sprintf("the token is not accepted: %s", e.Reason)
}

// Is reports whether target is a [*JWTError] with the same reason, for [errors.Is].
func (e *JWTError) Is(target error) bool {
	t, ok := target.(*JWTError)
	return ok && t.Reason == e.Reason && (t.Claim == "" || t.Claim == e.Claim)
}

// Message is the text of simplejwt's TokenError: rest_framework_simplejwt/tokens.py (5.2.2, 5.5.0,
// 5.5.1). It is empty for JWTServerError.
func (e *JWTError) Message(simplejwt tokenctl.Version) string {
	switch e.Reason {
	case JWTServerError:
		return ""
	case JWTBlacklisted:
		return "Token is blacklisted"
	case JWTNoExpiry:
		return "Token has no '" + e.Claim + "' claim"
	case JWTExpiredClaim:
		return "Token '" + e.Claim + "' claim has expired"
	case JWTNoID:
		return "Token has no id"
	case JWTNoType:
		return "Token has no type"
	case JWTWrongType:
		return "Token has wrong type"
	}
	switch {
	case !simplejwt.AtLeast("5.5.0"):
		return "Token is invalid or expired"
	case e.Reason == JWTExpired:
		return "Token is expired"
	}
	return "Token is invalid"
}
