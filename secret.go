package tokenctl

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is how a Secret prints.
const Redacted = "[Redacted]"

// Secret is a bearer string: whoever holds it can use it. It prints as
// "[Redacted]" under fmt, log/slog, encoding/json and every text encoder, so
// that showing one takes an explicit call to Reveal.
//
// The text stands behind a function because fmt does not call Format for a
// Secret in an unexported field of what it prints; it would print the text.
type Secret struct{ text func() string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{func() string { return text }} }

// Reveal returns the secret itself. Its result goes to the operator or into a
// query parameter, nowhere else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Format covers every verb of fmt, %x and %#v included.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, Redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText covers the text, XML, JSON and YAML encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
