package django

import (
	"strings"
	"time"

	"tokenctl"
)

// JWTGlance is what a list says of a token: the fields of [JWT] of the same names,
// and whether it has CustomClaims.
type JWTGlance struct {
	Type                     string
	IssuedAt, RefreshExpires time.Time
	Custom                   bool
}

// GlanceUnverified is [DecodeUnverified], of which a list of a million
// rows needs no more, and has its errors.
func GlanceUnverified(s tokenctl.JWTSettings, text string) (seen JWTGlance, err error) {
	if err := glance(s, &seen, text); err != nil {
		return JWTGlance{}, &JWTError{Reason: JWTMalformed}
	}
	return seen, nil
}

func glance(s tokenctl.JWTSettings, seen *JWTGlance, text string) error {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || len(text) > maxJWT || strings.Contains(signature, ".") {
		return errPySyntax
	}
	data := make([]byte, 0, len(text)) // of one part after the other
	r := new(pyReader)
	var err error
	if r.in, err = appendSegment(data, []byte(header), ""); err != nil {
		return err
	}
	if err := r.object(func([]byte) error { return r.pass() }); err != nil {
		return err
	}
	*r = pyReader{}
	if r.in, err = appendSegment(data, []byte(payload), ""); err != nil {
		return err
	}
	names := s.ClaimNames()
	if err := r.object(func(name []byte) error {
		seen.Custom = seen.Custom || !names.Own(string(name))
		typ, issued, refresh := string(name) == names.Type, string(name) == "iat", string(name) == names.Refresh
		if !typ && !issued && !refresh {
			return r.pass()
		}
		value, err := r.value()
		if typ {
			seen.Type = pyText(value)
		}
		if issued {
			seen.IssuedAt = claimTime(appendPython(nil, value))
		}
		if refresh {
			seen.RefreshExpires = claimTime(appendPython(nil, value))
		}
		return err
	}); err != nil {
		return err
	}
	_, err = appendSegment(data, []byte(signature), "")
	return err
}

// GlanceJWT is what a list says of t.
func GlanceJWT(s tokenctl.JWTSettings, t *JWT) *JWTGlance {
	return &JWTGlance{t.Type, t.IssuedAt, t.RefreshExpires, CustomClaims(s, t.Claims) != nil}
}

// CustomClaims are those that simplejwt did not put there itself.
func CustomClaims(s tokenctl.JWTSettings, claims JWTClaims) (custom []JWTClaim) {
	names := s.ClaimNames()
	for _, c := range claims {
		if !names.Own(c.Name) {
			custom = append(custom, c)
		}
	}
	return custom
}
