package django

import (
	"encoding/json"
	"iter"

	"tokenctl"
)

// JWTClaim is one member of a token's header or payload.
type JWTClaim struct {
	Name  string
	Value json.RawMessage // as Python's json.dumps writes it

	key string // Name as json.dumps writes it
}

// JWTClaims are a token's members in their order, as Python's dict keeps them: a
// name that is set again keeps its place. Names are unique.
//
// Values are JSON but for one thing: Python also reads and writes NaN, Infinity
// and -Infinity. MarshalJSON shows these as null.
type JWTClaims []JWTClaim

// NewJWTClaim makes a claim of a value in JSON.
func NewJWTClaim(name string, value []byte) (JWTClaim, error) {
	canonical, err := pyCanonical(value)
	if err != nil {
		return JWTClaim{}, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the claim " + name + " is not JSON",
			Hint: `write text in quotes: NAME="text"`, Err: err}
	}
	return JWTClaim{name, canonical, string(pyString(name))}, nil
}

// Get returns the value of a claim, nil where there is none.
func (c JWTClaims) Get(name string) json.RawMessage {
	for i := range c {
		if c[i].Name == name {
			return c[i].Value
		}
	}
	return nil
}

// Text returns the value of a claim that is a string.
func (c JWTClaims) Text(name string) (string, bool) {
	value := c.Get(name)
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return pyUnquote(string(value)), true
}

// All ranges over names and values.
func (c JWTClaims) All() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, m := range c {
			if !yield(m.Name, m.Value) {
				return
			}
		}
	}
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

// with returns a copy in which a claim is set.
func (c JWTClaims) with(name string, value json.RawMessage) JWTClaims {
	c = append(make(JWTClaims, 0, len(c)+1), c...)
	c, _ = c.put(string(pyString(name)), value, nil)
	return c
}

// put sets a member by its canonical key. index maps keys to places; it is made
// and used once a walk would be slow.
func (c JWTClaims) put(key string, value json.RawMessage, index map[string]int) (JWTClaims, map[string]int) {
	place, found := -1, false
	if index != nil {
		place, found = index[key]
	} else {
		for i := range c {
			if c[i].key == key {
				place, found = i, true
				break
			}
		}
	}
	if found {
		c[place].Value = value
		return c, index
	}
	c = append(c, JWTClaim{pyUnquote(key), value, key})
	switch {
	case index != nil:
		index[key] = len(c) - 1
	case len(c) == 32:
		index = make(map[string]int, 2*len(c))
		for i := range c {
			index[c[i].key] = i
		}
	}
	return c, index
}

// appendJSON writes json.dumps(claims, separators=(",", ":")).
func (c JWTClaims) appendJSON(out []byte) []byte {
	out = append(out, '{')
	for i, m := range c {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, m.key...)
		out = append(out, ':')
		out = append(out, m.Value...)
	}
	return append(out, '}')
}
