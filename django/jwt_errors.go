package django

import (
	"fmt"

	"tokenctl"
)

// JWTReason says why a token is not accepted. The groups are simplejwt's: what
// PyJWT finds while it decodes, then what Token.verify finds.
type JWTReason string

// The reasons, in the order in which they are looked for.
const (
	JWTMalformed      JWTReason = "malformed"       // not a token at all
	JWTWrongAlgorithm JWTReason = "wrong_algorithm" // not the one that is configured
	JWTBadSignature   JWTReason = "bad_signature"
	JWTBadClaim       JWTReason = "bad_claim"     // exp, iat, nbf, sub or jti of a form that PyJWT refuses
	JWTIssuedLater    JWTReason = "issued_later"  // iat lies in the future
	JWTNotYetValid    JWTReason = "not_yet_valid" // nbf lies in the future
	JWTExpired        JWTReason = "expired"
	JWTWrongIssuer    JWTReason = "wrong_issuer"
	JWTWrongAudience  JWTReason = "wrong_audience"
	JWTBlacklisted    JWTReason = "blacklisted"
	JWTNoExpiry       JWTReason = "no_expiry"     // the claim is missing
	JWTExpiredClaim   JWTReason = "claim_expired" // what PyJWT let pass: refresh_exp, or a fraction of a second
	JWTNoID           JWTReason = "no_id"
	JWTNoType         JWTReason = "no_type"
	JWTWrongType      JWTReason = "wrong_type"
	JWTServerError    JWTReason = "server_error" // the application fails with status 500
)

// JWTError is a token's refusal.
type JWTError struct {
	Reason JWTReason
	Claim  string // which, for the reasons that concern one
}

// Error implements error. It holds nothing of the token.
func (e *JWTError) Error() string {
	if e.Claim != "" {
		return fmt.Sprintf("the token is not accepted: %s (%s)", e.Reason, e.Claim)
	}
	return fmt.Sprintf("the token is not accepted: %s", e.Reason)
}

// Is makes errors.Is compare reasons.
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
