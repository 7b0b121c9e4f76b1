package django

import (
	"encoding/json"
	"time"

	"tokenctl"
)

// pyjwtHardened is the release of PyJWT that refuses a claim on which older releases raise TypeError,
// OverflowError or RecursionError. simplejwt does not catch these, so an application with an older
// PyJWT answers 500. 2.12.1 still raises them, 2.15.1 does not.
const pyjwtHardened = strictSegments

// checkClaims is PyJWT._validate_claims, in its order: jwt/api_jwt.py (2.6.0, 2.10.1, 2.15.1).
// simplejwt sets verify_aud only with an AUDIENCE. Without an AUDIENCE no release checks aud.
func (b *JWTBackend) checkClaims(claims JWTClaims, now time.Time) *JWTError {
	if !b.pyjwt.AtLeast("2.7") {
		now = time.Unix(now.Unix(), 0) // timegm() drops fractions; later releases keep them
	}
	leeway := b.settings.Leeway.Duration
	if iat := claims.Get("iat"); iat != nil {
		if err := b.checkIssued(iat, now.Add(leeway)); err != nil {
			return err
		}
	}
	if nbf := claims.Get("nbf"); nbf != nil {
		seconds, err := pyInt(nbf)
		if err != nil {
			return b.badTime("nbf", err)
		}
		if time.Unix(seconds, 0).After(now.Add(leeway)) {
			return &JWTError{JWTNotYetValid, "nbf"}
		}
	}
	if exp := claims.Get("exp"); exp != nil {
		seconds, err := pyInt(exp)
		if err != nil {
			return b.badTime("exp", err)
		}
		if !time.Unix(seconds, 0).After(now.Add(-leeway)) {
			return &JWTError{JWTExpired, ""}
		}
	}
	if b.iss != nil && string(claims.Get("iss")) != string(b.iss) {
		return &JWTError{JWTWrongIssuer, ""}
	}
	if b.aud != nil && !b.checkAudience(claims.Get("aud")) {
		return &JWTError{JWTWrongAudience, ""}
	}
	if b.pyjwt.AtLeast("2.10") {
		for _, name := range []string{"sub", "jti"} {
			if value := claims.Get(name); value != nil && value[0] != '"' {
				return &JWTError{JWTBadClaim, name}
			}
		}
	}
	return nil
}

// checkIssued is _validate_iat. Before 2.7 PyJWT compares the claim itself, not int(claim).
func (b *JWTBackend) checkIssued(iat json.RawMessage, latest time.Time) *JWTError {
	seconds, err := pyInt(iat)
	if err != nil {
		return b.badTime("iat", err)
	}
	future := time.Unix(seconds, 0).After(latest)
	if !b.pyjwt.AtLeast("2.7") {
		switch c := iat[0]; {
		case c == '"':
			return b.badTime("iat", errPyType)
		case c != 't' && c != 'f' && !pyIsInt(iat):
			future = pyFloat(iat) > float64(latest.UnixMicro())/1e6
		}
	}
	if future {
		return &JWTError{JWTIssuedLater, "iat"}
	}
	return nil
}

func (b *JWTBackend) badTime(claim string, err error) *JWTError {
	if err != errPyValue && !b.pyjwt.AtLeast(pyjwtHardened) {
		return &JWTError{JWTServerError, claim}
	}
	return &JWTError{JWTBadClaim, claim}
}

// checkAudience is _validate_aud with an audience.
func (b *JWTBackend) checkAudience(aud json.RawMessage) bool {
	if aud == nil || pyFalsy(aud) {
		return false
	}
	var claimed []json.RawMessage
	if aud[0] == '"' {
		claimed = append(claimed, aud)
	} else if json.Unmarshal(aud, &claimed) != nil {
		return false
	}
	found := false
	for _, name := range claimed {
		if name[0] != '"' {
			return false
		}
		for _, own := range b.audiences {
			found = found || string(own) == string(name)
		}
	}
	return found
}

// JWTCheck has the parameters of [JWTBackend.Verify].
type JWTCheck struct {
	Now time.Time

	// Type is the token_type that the token must have: access, refresh or sliding. Empty means
	// UntypedToken, as in the view token/verify/.
	Type string

	// Blacklisted looks up a jti. It is nil if the application has no token_blacklist, and called
	// only for refresh and sliding tokens.
	Blacklisted func(jti string) (bool, error)
}

// Verify reads a token as Token(token) does: rest_framework_simplejwt/tokens.py (5.2.2, 5.5.1). It
// checks what [JWTBackend.Decode] checks, then the blacklist, exp, the id and the type. The error is a
// [*JWTError], a [*tokenctl.Error] without a key, or the error of Blacklisted. From the reason
// [JWTBlacklisted] on, the signature is valid, and the token is returned with the error.
func (b *JWTBackend) Verify(secret tokenctl.Secret, check JWTCheck) (*JWT, error) {
	t, err := b.Decode(secret, check.Now)
	if err != nil {
		return nil, err
	}
	jti := t.Claims.Get(b.settings.JTIClaim)
	if check.Blacklisted != nil && (check.Type == "refresh" || check.Type == "sliding") {
		if jti == nil {
			return t, &JWTError{JWTServerError, b.settings.JTIClaim} // KeyError
		}
		listed, err := check.Blacklisted(t.JTI)
		if err != nil {
			return t, err
		}
		if listed {
			return t, &JWTError{JWTBlacklisted, ""}
		}
	}
	if err := b.CheckExpiry(t, "exp", check.Now); err != nil {
		return t, err
	}
	if jti == nil {
		return t, &JWTError{JWTNoID, b.settings.JTIClaim}
	}
	if check.Type != "" {
		typ := t.Claims.Get(b.settings.TokenTypeClaim)
		switch {
		case typ == nil:
			return t, &JWTError{JWTNoType, b.settings.TokenTypeClaim}
		case string(typ) != string(pyString(check.Type)):
			return t, &JWTError{JWTWrongType, b.settings.TokenTypeClaim}
		}
	}
	return t, nil
}

// CheckExpiry is Token.check_exp: the claim must be a time after now - leeway. The view that refreshes
// sliding tokens checks refresh_exp with it after Verify. The error is a [*JWTError].
func (b *JWTBackend) CheckExpiry(t *JWT, claim string, now time.Time) error {
	value := t.Claims.Get(claim)
	if value == nil {
		return &JWTError{JWTNoExpiry, claim}
	}
	expires, err := fromTimestamp(value)
	if err != nil {
		return &JWTError{JWTServerError, claim} // a string, or a year outside Python's datetime
	}
	if !expires.After(now.Truncate(time.Microsecond).Add(-b.settings.Leeway.Duration)) {
		return &JWTError{JWTExpiredClaim, claim}
	}
	return nil
}
