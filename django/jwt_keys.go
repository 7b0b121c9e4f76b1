package django

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"tokenctl"
)

// redacted makes the type that embeds it print as [tokenctl.Redacted].
type redacted struct{}

// Format implements [fmt.Formatter], which covers every verb of fmt.
func (redacted) Format(f fmt.State, _ rune) { io.WriteString(f, tokenctl.Redacted) }

// LogValue implements slog.LogValuer.
func (redacted) LogValue() slog.Value { return slog.StringValue(tokenctl.Redacted) }

// MarshalText implements encoding.TextMarshaler, which covers JSON and other encoders of text.
func (redacted) MarshalText() ([]byte, error) { return []byte(tokenctl.Redacted), nil }

// JWTKeys are the keys that sign and verify with one algorithm.
type JWTKeys struct {
	redacted
	// A function: fmt cannot call Format on an unexported field of another struct, but follows the
	// pointers in it, and so would print the keys.
	pair func() *jwtKeyPair
}

func (k JWTKeys) get() *jwtKeyPair {
	if k.pair == nil {
		return &jwtKeyPair{}
	}
	return k.pair()
}

type jwtKeyPair struct {
	method    jwt.SigningMethod
	signing   any // nil without a signing key
	verifying any
}

// ErrJWTKeyMissing is wrapped by errors about a key that is not configured.
var ErrJWTKeyMissing = errors.New("no key")

// jwtMethod returns the method of the configured algorithm. The alg of a token is only compared with
// the setting; it never chooses the method.
func jwtMethod(algorithm string) (jwt.SigningMethod, error) {
	if err := tokenctl.CheckJWTAlgorithm(algorithm); err != nil {
		return nil, err
	}
	method := jwt.GetSigningMethod(algorithm)
	if m, ok := method.(*jwt.SigningMethodRSAPSS); ok {
		// PyJWT verifies only salts as long as the hash: RSAPSSAlgorithm in jwt/algorithms.py (since 2.6.0).
		return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options}, nil
	}
	return method, nil
}

// NewJWTKeys reads the keys. signing and verifying are the contents of signing_key_file and
// verifying_key_file, or nil without such a file. secretKey is Django's SECRET_KEY, or zero if it is
// not known.
//
// HS* signs and verifies with SIGNING_KEY, which defaults to SECRET_KEY, as raw UTF-8. One line end at
// the end of a file is removed, because editors add it. VERIFYING_KEY is ignored. The other algorithms
// need PEM. Without a public key the private key's public half verifies, although simplejwt would
// verify nothing then. Missing keys are no error: see [JWTKeys.CanSign] and [JWTKeys.CanVerify]. Keys
// that do not fit the algorithm or each other are errors.
func NewJWTKeys(s tokenctl.JWTSettings, signing, verifying []byte, secretKey tokenctl.Secret) (JWTKeys, error) {
	s = s.WithDefaults()
	method, err := jwtMethod(s.Algorithm)
	if err != nil {
		return JWTKeys{}, err
	}
	pair := &jwtKeyPair{method: method}
	if _, ok := method.(*jwt.SigningMethodHMAC); ok {
		key := []byte(secretKey.Reveal())
		if signing != nil {
			key = bytes.TrimSuffix(bytes.TrimSuffix(bytes.Clone(signing), []byte("\n")), []byte("\r"))
		}
		if err := checkHMACKey(key, signing != nil); err != nil {
			return JWTKeys{}, err
		}
		if len(key) > 0 {
			pair.signing, pair.verifying = key, key
		}
		return JWTKeys{pair: func() *jwtKeyPair { return pair }}, nil
	}
	if signing != nil {
		private, public, err := parsePEMKey("simplejwt.signing_key_file", signing)
		if err != nil {
			return JWTKeys{}, err
		}
		if private == nil {
			return JWTKeys{}, tokenctl.ConfigError("simplejwt.signing_key_file has a public key, but signing needs the private key",
				"a public key belongs in verifying_key_file")
		}
		if err := checkKeyFits("simplejwt.signing_key_file", s.Algorithm, public); err != nil {
			return JWTKeys{}, err
		}
		pair.signing, pair.verifying = private, public
	}
	if verifying != nil {
		_, public, err := parsePEMKey("simplejwt.verifying_key_file", verifying)
		if err != nil {
			return JWTKeys{}, err
		}
		if err := checkKeyFits("simplejwt.verifying_key_file", s.Algorithm, public); err != nil {
			return JWTKeys{}, err
		}
		if own, ok := pair.verifying.(interface{ Equal(crypto.PublicKey) bool }); ok && !own.Equal(public) {
			return JWTKeys{}, tokenctl.ConfigError("simplejwt.verifying_key_file is not the public key of signing_key_file",
				"give both keys of one pair")
		}
		pair.verifying = public
	}
	return JWTKeys{pair: func() *jwtKeyPair { return pair }}, nil
}

// checkHMACKey refuses what PyJWT refuses: algorithms.py, HMACAlgorithm.prepare_key.
func checkHMACKey(key []byte, fromFile bool) error {
	what := "the secret key"
	if fromFile {
		what = "simplejwt.signing_key_file"
		if len(key) == 0 {
			return tokenctl.ConfigError(what+" is empty", "")
		}
	}
	switch {
	case !utf8.Valid(key):
		return tokenctl.ConfigError(what+" is not UTF-8 text", "")
	case looksAsymmetric(key):
		return tokenctl.ConfigError(what+" is a key pair's or a certificate, which PyJWT refuses for HS256, HS384 and HS512",
			"set simplejwt.algorithm to the application's, such as RS256")
	}
	return nil
}

// checkKeyFits compares a public key with the algorithm.
func checkKeyFits(file, algorithm string, public crypto.PublicKey) error {
	want := map[byte]string{'R': "an RSA", 'P': "an RSA", 'E': "an EC"}[algorithm[0]]
	if algorithm == "EdDSA" {
		want = "an Ed25519"
	}
	var have string
	switch key := public.(type) {
	case *rsa.PublicKey:
		have = "an RSA"
		if bits := key.N.BitLen(); have == want && bits < 1024 {
			return tokenctl.ConfigError(fmt.Sprintf("%s: an RSA key of %d bits is too small", file, bits), "use a key of 2048 bits or more")
		}
	case *ecdsa.PublicKey:
		have = "an EC"
		// RFC 7518, section 3.4. PyJWT checks the curve since 2.11.
		curve := map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
		if name := key.Curve.Params().Name; have == want && name != curve {
			return tokenctl.ConfigError(fmt.Sprintf("%s: the key's curve is %s, but %s needs %s", file, name, algorithm, curve), "")
		}
	case ed25519.PublicKey:
		have = "an Ed25519"
	default:
		return tokenctl.ConfigError(file+": a key of a kind that JWTs do not use", "")
	}
	if have != want {
		return tokenctl.ConfigError(fmt.Sprintf("%s has %s key, but %s needs %s key", file, have, algorithm, want), "")
	}
	return nil
}

// CanSign reports whether there is a key to sign with.
func (k JWTKeys) CanSign() bool { return k.get().signing != nil }

// CanVerify reports whether there is a key to verify with.
func (k JWTKeys) CanVerify() bool { return k.get().verifying != nil }
