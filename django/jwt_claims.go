package django

import (
	"encoding/json"
	"slices"

	"tokenctl"
)

// JWTClaim is one member of a token's header or payload.
type JWTClaim struct {
	Name  string
	Value json.RawMessage // as Python's json.dumps writes it
}

// JWTClaims are the members of a token's header or payload in the order of Python's dict: a name that
// is set again keeps its place. Names are unique.
//
// Values are JSON, with one exception: Python also reads and writes NaN, Infinity and -Infinity.
// MarshalJSON writes these as null.
type JWTClaims []JWTClaim

// NewJWTClaim makes a claim of a value in JSON. Other text is an error.
func NewJWTClaim(name string, value []byte) (JWTClaim, error) {
	canonical, err := pyCanonical(value)
	if err != nil {
		return JWTClaim{}, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the claim " + name + " is not JSON",
			Hint: `write text in quotes: NAME="text"`, Err: err}
	}
	return JWTClaim{name, canonical}, nil
}

// Get returns the value of a claim, or nil if there is none.
func (c JWTClaims) Get(name string) json.RawMessage {
	if i := c.index(name); i >= 0 {
		return c[i].Value
	}
	return nil
}

// index returns the index of a claim, or -1 if there is none.
func (c JWTClaims) index(name string) int {
	return slices.IndexFunc(c, func(m JWTClaim) bool { return m.Name == name })
}

// Text returns the value of a claim if it is a string.
func (c JWTClaims) Text(name string) (string, bool) {
	value := c.Get(name)
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return pyUnquote(string(value)), true
}

// MarshalJSON implements json.Marshaler.
func (c JWTClaims) MarshalJSON() ([]byte, error) {
	text := c.appendJSON(nil)
	out := text[:0:0]
	quoted := false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"':
			quoted = !quoted
		case b == '\\':
			out = append(out, b)
			i++
		case !quoted && b == 'N': // NaN
			out = append(out, "null"...)
			i += len("NaN") - 1
			continue
		case !quoted && b == 'I': // Infinity
			if n := len(out); out[n-1] == '-' {
				out = out[:n-1]
			}
			out = append(out, "null"...)
			i += len("Infinity") - 1
			continue
		}
		out = append(out, text[i])
	}
	return out, nil
}

// with returns a copy with a claim set.
func (c JWTClaims) with(name string, value json.RawMessage) JWTClaims {
	c = append(make(JWTClaims, 0, len(c)+1), c...)
	if i := c.index(name); i >= 0 {
		c[i].Value = value
		return c
	}
	return append(c, JWTClaim{name, value})
}

// appendJSON writes json.dumps(claims, separators=(",", ":")).
func (c JWTClaims) appendJSON(out []byte) []byte {
	out = append(out, '{')
	for i, m := range c {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendPyString(out, m.Name), ':')
		out = append(out, m.Value...)
	}
	return append(out, '}')
}

// CustomClaims returns the claims that simplejwt does not set itself.
func CustomClaims(s tokenctl.JWTSettings, claims JWTClaims) (custom []JWTClaim) {
	names := s.ClaimNames()
	for _, c := range claims {
		if !names.FromSimpleJWT(c.Name) {
			custom = append(custom, c)
		}
	}
	return custom
}
