package django

import (
	"strings"
	"sync"
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
func GlanceUnverified(s tokenctl.JWTSettings, text string) (JWTGlance, error) {
	g := glancers.Get().(*glancer)
	defer glancers.Put(g)
	if seen, ok := g.glance(&s, text); ok {
		return seen, nil
	}
	t, err := DecodeUnverified(s, text)
	if err != nil {
		return JWTGlance{}, err
	}
	return *GlanceJWT(s, t), nil
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

// glancer reads tokens as nearly all are: strictly encoded JSON of which no text
// needs to be decoded. It has no word for what is wrong with others.
type glancer struct {
	data   []byte
	header string // the last one that was well-formed: most are the same
	typ    string // and the last type
}

var glancers = sync.Pool{New: func() any { return new(glancer) }}

func (g *glancer) glance(s *tokenctl.JWTSettings, text string) (seen JWTGlance, ok bool) {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, parts := strings.Cut(rest, ".")
	if !parts || len(text) > maxJWT || strings.IndexByte(signature, '.') >= 0 {
		return seen, false
	}
	if header == "" || header != g.header {
		if !g.object(header, nil) {
			return seen, false
		}
		g.header = strings.Clone(header)
	}
	names := s.ClaimNames()
	ok = g.object(payload, func(name, value []byte) {
		// One claim may have several of these names, and the last of a name counts.
		if string(name) == names.Type {
			seen.Type = g.text(value)
		}
		if string(name) == "iat" {
			seen.IssuedAt = scannedTime(value)
		}
		if string(name) == names.Refresh {
			seen.RefreshExpires = scannedTime(value)
		}
		seen.Custom = seen.Custom || !names.Own(string(name))
	})
	return seen, ok && g.decode(signature)
}

// object reads the members of an object in a part of a token.
func (g *glancer) object(part string, visit func(name, value []byte)) bool {
	if !g.decode(part) || !isPlainJSON(g.data) {
		return false
	}
	scan := jsonScanner{data: g.data}
	ok := scan.object(visit)
	scan.space()
	return ok && scan.pos == len(scan.data)
}

// decode reads a part of a token without padding.
func (g *glancer) decode(part string) bool {
	// The decoder passes over line ends.
	if strings.IndexByte(part, '\n') >= 0 || strings.IndexByte(part, '\r') >= 0 {
		return false
	}
	var err error
	g.data, err = strictBase64.AppendDecode(g.data[:0], []byte(part))
	return err == nil
}

// text is the value of a claim that is a string; "" that of any other.
func (g *glancer) text(value []byte) string {
	if value[0] != '"' {
		return ""
	}
	if value = value[1 : len(value)-1]; string(value) != g.typ {
		g.typ = string(value)
	}
	return g.typ
}

// scannedTime is claimTime of a value as it stands in a payload.
func scannedTime(value []byte) time.Time {
	seconds := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' || seconds > maxPyTime.Unix()/10 {
			canonical, err := pyCanonical(value)
			if err != nil {
				return time.Time{}
			}
			return claimTime(canonical)
		}
		seconds = seconds*10 + int64(c-'0')
	}
	return time.Unix(seconds, 0).UTC()
}
