package django

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"

	"tokenctl"
)

// KnoxScheme is the way in which a release of knox derives a row from a token. When an application
// changes the scheme, the old rows stay, but their tokens never verify again.
type KnoxScheme int

// The schemes, in hash_token of knox/crypto.py and AuthTokenManager.create of knox/models.py.
const (
	KnoxText   KnoxScheme = iota // since 5.0.0: the digest of the token's text
	KnoxHex                      // 4.2.0: the digest of the bytes whose hexadecimal form is the token
	KnoxSalted                   // 2.0 to 4.1: the digest of these bytes and the salt of the row
)

// KnoxSchemeOf returns the scheme of a table. Only the oldest one has a salt, and the column token_key
// grew from 8 characters to 25 with 5.0.0 (migration 0009). SQLite does not enforce this width, but the
// table's declaration has it.
func KnoxSchemeOf(hasSalt bool, tokenKeyWidth int) KnoxScheme {
	switch {
	case hasSalt:
		return KnoxSalted
	case 0 < tokenKeyWidth && tokenKeyWidth < 15:
		return KnoxHex
	}
	return KnoxText
}

// tokenKeyLength is CONSTANTS.TOKEN_KEY_LENGTH of knox/settings.py (4.2.0 and 5.0.2).
func (s KnoxScheme) tokenKeyLength() int {
	if s == KnoxText {
		return 15
	}
	return 8
}

// TokenKey returns the first characters of a token, prefix included. Its row has them in clear, and
// knox finds the row by them.
func (s KnoxScheme) TokenKey(token tokenctl.Secret) string {
	text := token.Reveal()
	n := s.tokenKeyLength()
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// errKnoxHex is the error for a token to which knox answers "Invalid token.".
var errKnoxHex = errors.New("the token is not hexadecimal, as this release of knox requires")

// KnoxRow has the columns of knox_authtoken that come from the token.
type KnoxRow struct {
	Digest   string
	TokenKey string
}

// Row returns the row of a token. The token may also be a DRF key: with a row made from it, the key
// works on after an application has changed from DRF's tokens to knox, because both use
// "Authorization: Token …". Only [KnoxSalted] uses salt. A token that is too short, or not hexadecimal
// where the scheme needs that, is an error.
func (s KnoxScheme) Row(k tokenctl.KnoxSettings, token tokenctl.Secret, salt string) (KnoxRow, error) {
	newHash, err := knoxHash(k)
	if err != nil {
		return KnoxRow{}, err
	}
	// The row shows the first characters in clear. Too little of a short token would stay secret.
	if utf8.RuneCountInString(token.Reveal()) < 2*s.tokenKeyLength() {
		return KnoxRow{}, errors.New("the token is too short for knox")
	}
	sum, err := s.digest(newHash, token, salt)
	if err != nil {
		return KnoxRow{}, err
	}
	return KnoxRow{Digest: sum, TokenKey: s.TokenKey(token)}, nil
}

// Verify reports whether a row with this digest belongs to the token. It compares in constant time.
func (s KnoxScheme) Verify(k tokenctl.KnoxSettings, token tokenctl.Secret, digest, salt string) bool {
	newHash, err := knoxHash(k)
	if err != nil {
		return false
	}
	sum, err := s.digest(newHash, token, salt)
	return err == nil && equal(sum, digest)
}

func (s KnoxScheme) digest(newHash func() hash.Hash, token tokenctl.Secret, salt string) (string, error) {
	data := []byte(token.Reveal())
	if s != KnoxText {
		var err error
		if data, err = hex.DecodeString(token.Reveal()); err != nil {
			return "", errKnoxHex // without the cause, which would quote the token
		}
	}
	if s == KnoxSalted {
		grain, err := hex.DecodeString(salt)
		if err != nil {
			return "", errors.New("the salt is not hexadecimal")
		}
		data = append(data, grain...)
	}
	h := newHash()
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// NewToken makes a token like AuthTokenManager.create (knox/models.py, 5.0.2): the prefix and random
// bytes in hexadecimal. A prefix with a scheme before 5.0 is an error.
func (s KnoxScheme) NewToken(k tokenctl.KnoxSettings, rand io.Reader) (tokenctl.Secret, error) {
	if k.TokenPrefix != "" && s != KnoxText {
		return tokenctl.Secret{}, errors.New("knox has token prefixes since 5.0 only")
	}
	random := make([]byte, k.TokenLength()/2) // int(n / 2): an odd length loses its last character
	if _, err := io.ReadFull(rand, random); err != nil {
		return tokenctl.Secret{}, fmt.Errorf("knox token: %w", err)
	}
	return tokenctl.NewSecret(k.TokenPrefix + hex.EncodeToString(random)), nil
}

// knoxHashes are the functions of [tokenctl.KnoxHashes].
var knoxHashes = map[string]func() hash.Hash{
	"sha256":   sha256.New,
	"sha384":   sha512.New384,
	"sha512":   sha512.New,
	"sha3_256": func() hash.Hash { return sha3.New256() },
	"sha3_384": func() hash.Hash { return sha3.New384() },
	"sha3_512": func() hash.Hash { return sha3.New512() },
	"blake2b":  func() hash.Hash { h, _ := blake2b.New512(nil); return h },
	"blake2s":  func() hash.Hash { h, _ := blake2s.New256(nil); return h },
}

// knoxHash returns the function that SECURE_HASH_ALGORITHM names.
func knoxHash(k tokenctl.KnoxSettings) (func() hash.Hash, error) {
	newHash, ok := knoxHashes[k.HashName()]
	if !ok {
		return nil, errors.New("knox.secure_hash_algorithm is not one that tokenctl knows")
	}
	return newHash, nil
}
