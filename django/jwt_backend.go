package django

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tokenctl"
)

// JWTBackend signs and reads tokens as one application does: TokenBackend in
// rest_framework_simplejwt/backends.py (5.5.1).
type JWTBackend struct {
	redacted
	settings  tokenctl.JWTSettings
	keys      JWTKeys
	simplejwt tokenctl.Version
	pyjwt     tokenctl.Version
	audiences []json.RawMessage
	aud       json.RawMessage // as it is written; nil without AUDIENCE
	iss       json.RawMessage
	head      string // the first part of every token

	checked map[string]bool // what was found of signatures; nil: nothing is kept
}

// NewJWTBackend makes a backend of settings and keys. The versions are the application's; an empty
// pyjwt means the PyJWT that fits simplejwt. Invalid settings and keys for another algorithm are
// errors.
func NewJWTBackend(s tokenctl.JWTSettings, keys JWTKeys, simplejwt, pyjwt tokenctl.Version) (*JWTBackend, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if pyjwt == "" {
		pyjwt = pyJWTWith(simplejwt)
	}
	b := &JWTBackend{settings: s.WithDefaults(), keys: keys, simplejwt: simplejwt, pyjwt: pyjwt}
	if alg, method := b.settings.Algorithm, keys.get().method; method != nil && method.Alg() != alg {
		return nil, tokenctl.ConfigError("the keys were made for another algorithm than "+alg, "")
	}
	names, list, err := s.Audiences()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b.audiences = append(b.audiences, pyString(name))
	}
	switch {
	case list:
		b.aud = append(append(json.RawMessage("["), joinRaw(b.audiences)...), ']')
	case names != nil:
		b.aud = b.audiences[0]
	}
	if s.Issuer != "" {
		b.iss = pyString(s.Issuer)
	}
	// PyJWT sorts the header's names: api_jws.py, encode (2.6.0: "Fix for headers misorder").
	b.head = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + b.settings.Algorithm + `","typ":"JWT"}`))
	return b, nil
}

func joinRaw(values []json.RawMessage) []byte {
	parts := tokenctl.Mapped(values, func(v json.RawMessage) []byte { return v })
	return bytes.Join(parts, []byte(","))
}

// Once returns a backend for a single request. It checks each signature only once, because several
// parts of a request verify the same token.
func (b *JWTBackend) Once() *JWTBackend {
	once := *b
	once.checked = map[string]bool{}
	return &once
}

// Settings returns the settings with all defaults filled in.
func (b *JWTBackend) Settings() tokenctl.JWTSettings { return b.settings }

// Keys returns the keys.
func (b *JWTBackend) Keys() JWTKeys { return b.keys }

// Versions returns the releases whose rules b follows.
func (b *JWTBackend) Versions() (simplejwt, pyjwt tokenctl.Version) { return b.simplejwt, b.pyjwt }

// Encode signs a token: TokenBackend.encode sets aud and iss, which keep their place if the claims
// have them already, and PyJWT's encode does the rest. Without a signing key the error wraps
// [ErrJWTKeyMissing].
func (b *JWTBackend) Encode(claims JWTClaims) (tokenctl.Secret, error) {
	if !b.keys.CanSign() {
		return tokenctl.Secret{}, &tokenctl.Error{Code: tokenctl.CodeKeyMissing, Err: ErrJWTKeyMissing,
			Message: "there is no key to sign JWTs with", Hint: jwtKeyHint(b.settings.Algorithm, "signing_key_file")}
	}
	if b.aud != nil {
		claims = claims.with("aud", b.aud)
	}
	if b.iss != nil {
		claims = claims.with("iss", b.iss)
	}
	if iss := claims.Get("iss"); iss != nil && iss[0] != '"' {
		return tokenctl.Secret{}, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the claim iss must be text"}
	}
	if sub := claims.Get("sub"); sub != nil && sub[0] != '"' && b.pyjwt.AtLeast("2.10") {
		return tokenctl.Secret{}, &tokenctl.Error{Code: tokenctl.CodeInvalidValue,
			Message: fmt.Sprintf("the claim sub must be text: PyJWT %s refuses other values", b.pyjwt),
			Hint:    "if the application has an older PyJWT, name its release as pyjwt under [peers] of tokenctl.toml"}
	}
	payload := base64.RawURLEncoding.EncodeToString(claims.appendJSON(nil))
	signed := b.head + "." + payload
	signature, err := b.keys.get().method.Sign(signed, b.keys.get().signing)
	if err != nil {
		return tokenctl.Secret{}, &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "the token could not be signed", Err: err}
	}
	if len(signed)+len(signature)*4/3+2 > maxJWT {
		return tokenctl.Secret{}, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the claims are too long for a token"}
	}
	return tokenctl.NewSecret(signed + "." + base64.RawURLEncoding.EncodeToString(signature)), nil
}

func jwtKeyHint(algorithm, file string) string {
	if algorithm[0] == 'H' {
		return "give Django's SECRET_KEY in TOKENCTL_SECRET_KEY or secret_key_file, or SIGNING_KEY in simplejwt.signing_key_file"
	}
	return "name the PEM file in simplejwt." + file
}

// Decode checks a token's signature and the claims that PyJWT checks, like TokenBackend.decode. It
// does not check type, id and blacklist; [JWTBackend.Verify] does. The error is a [*JWTError], or a
// [*tokenctl.Error] without a key.
func (b *JWTBackend) Decode(secret tokenctl.Secret, now time.Time) (*JWT, error) {
	t, err := b.load(secret)
	if err != nil {
		return nil, err
	}
	if err := readPayload(b.settings, t); err != nil {
		return nil, b.unreadable(err)
	}
	if refusal := b.checkClaims(t.Claims, now); refusal != nil {
		return nil, refusal
	}
	return &t.JWT, nil
}

// Signed reports whether the key made a token's signature. It does not check the claims.
func (b *JWTBackend) Signed(secret tokenctl.Secret) bool {
	text := secret.Reveal()
	// Nearly all tokens have the header that Encode writes; it need not be parsed.
	last := strings.LastIndexByte(text, '.')
	if b.keys.CanVerify() && len(text) <= maxJWT && last > len(b.head) && text[len(b.head)] == '.' && strings.HasPrefix(text, b.head) {
		if signature, err := strictBase64.DecodeString(text[last+1:]); err == nil {
			return b.made(text[:last], signature)
		}
	}
	_, err := b.load(secret)
	return err == nil
}

// load checks a token's header and signature.
func (b *JWTBackend) load(secret tokenctl.Secret) (*loadedJWT, error) {
	if !b.keys.CanVerify() {
		return nil, &tokenctl.Error{Code: tokenctl.CodeKeyMissing, Err: ErrJWTKeyMissing,
			Message: "there is no key to verify JWTs with", Hint: jwtKeyHint(b.settings.Algorithm, "verifying_key_file")}
	}
	if len(secret.Reveal()) > maxJWT {
		return nil, &JWTError{Reason: JWTMalformed}
	}
	t, err := loadJWT([]byte(secret.Reveal()), b.pyjwt)
	if err != nil {
		return nil, b.unreadable(err)
	}
	if reason := checkHeader(t.Header, b.settings.Algorithm); reason != "" {
		return nil, &JWTError{Reason: reason}
	}
	if !b.made(string(t.signed), t.signature) {
		return nil, &JWTError{Reason: JWTBadSignature}
	}
	return t, nil
}

// made reports whether the key made the signature of a text.
func (b *JWTBackend) made(signed string, signature []byte) bool {
	token := ""
	if b.checked != nil {
		token = signed + "." + string(signature)
		if made, known := b.checked[token]; known {
			return made
		}
	}
	keys := b.keys.get()
	made := keys.method.Verify(signed, signature, keys.verifying) == nil
	if b.checked != nil {
		b.checked[token] = made
	}
	return made
}

// unreadable returns the error for a token that cannot be parsed. Older releases of PyJWT do not catch
// RecursionError: JSON that is nested too deeply makes the application answer 500.
func (b *JWTBackend) unreadable(err error) error {
	if errors.Is(err, ErrPythonDepth) && !b.pyjwt.AtLeast(pyjwtHardened) {
		return &JWTError{Reason: JWTServerError}
	}
	return &JWTError{Reason: JWTMalformed}
}

// checkHeader is PyJWS._validate_headers and the check of the algorithm: jwt/api_jws.py (2.15.1;
// upstream checks crit since 2.12.0, Debian also in its 2.6.0 and 2.10.1). PyJWT accepts the extension
// b64 only with a detached payload, and simplejwt never passes one.
func checkHeader(header JWTClaims, algorithm string) JWTReason {
	if kid := header.Get("kid"); kid != nil && kid[0] != '"' {
		return JWTMalformed
	}
	b64 := header.Get("b64")
	if crit := header.Get("crit"); crit != nil {
		var names []json.RawMessage
		if json.Unmarshal(crit, &names) != nil || len(names) == 0 || b64 == nil {
			return JWTMalformed
		}
		for _, name := range names {
			if string(name) != `"b64"` {
				return JWTMalformed
			}
		}
	}
	if string(b64) == "false" {
		return JWTMalformed
	}
	if string(header.Get("alg")) != `"`+algorithm+`"` {
		return JWTWrongAlgorithm
	}
	return ""
}

// pyJWTWith returns the PyJWT that Debian ships together with a release of simplejwt. The database
// shows no release of PyJWT.
func pyJWTWith(simplejwt tokenctl.Version) tokenctl.Version {
	switch {
	case simplejwt.AtLeast("5.5.1"):
		return "2.15.1"
	case simplejwt.AtLeast("5.3"):
		return "2.10.1"
	default:
		return "2.6.0"
	}
}
