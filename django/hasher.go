// Package django holds the pure rules of tokenctl's peers (Django, Django REST
// Framework, knox, simplejwt): how they hash, name, sign and write things
// down, by release. docs/peers.md lists these rules with their sources.
//
// It contacts no database and reads no file. Package db chooses the rows, package tokens
// applies the rules to them, and package server answers HTTP requests as the peers do.
package django

import (
	"cmp"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"tokenctl"
)

// Hasher encodes passwords with one algorithm. The fields have the names of the attributes of the
// classes in django/contrib/auth/hashers.py (3.2 to 6.1). A parameter of zero means the default of
// the newest known release; [NewHasher] sets the defaults of another release.
//
// The parameters do not only decide the strength. If they differ from the application's own, the
// application encodes the password again at the next login (must_update), and this ends the user's
// other sessions.
type Hasher struct {
	Algorithm   string
	Iterations  int // pbkdf2_sha256, pbkdf2_sha1
	TimeCost    int // argon2
	MemoryCost  int // argon2, in KiB
	Parallelism int // argon2 and scrypt
	WorkFactor  int // scrypt's N
	BlockSize   int // scrypt's r
	Rounds      int // bcrypt_sha256, the cost
}

// NewHasher returns the hasher that a release of Django uses for algorithm. An empty release means
// the newest known one. An unknown algorithm is an error.
func NewHasher(algorithm, djangoVersion string) (Hasher, error) {
	h := Hasher{Algorithm: algorithm}
	switch algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1:
		h.Iterations = DefaultPBKDF2Iterations(djangoVersion)
	case tokenctl.Argon2:
		h.TimeCost, h.MemoryCost, h.Parallelism = 2, 102400, 8
	case tokenctl.Scrypt:
		h.WorkFactor, h.BlockSize, h.Parallelism = 1<<14, 8, defaultScryptParallelism(djangoVersion)
	case tokenctl.BCryptSHA256:
		h.Rounds = 12
	default:
		return Hasher{}, fmt.Errorf("password hasher %q: not one of %s", algorithm, strings.Join(tokenctl.Hashers(), ", "))
	}
	return h, nil
}

// Encode hashes password with a new salt from rand, as make_password in
// django/contrib/auth/hashers.py (3.2 to 6.1) does. bcrypt_sha256 takes its salt from crypto/rand
// instead, because golang.org/x/crypto/bcrypt offers nothing else.
func (h Hasher) Encode(rand io.Reader, password string) (string, error) {
	h, err := h.filled()
	if err != nil {
		return "", err
	}
	if h.Algorithm == tokenctl.BCryptSHA256 {
		return encodeBCryptSHA256(password, h.Rounds)
	}
	salt, err := RandomString(rand, saltLength, randomStringChars)
	if err != nil {
		return "", fmt.Errorf("password salt: %w", err)
	}
	return h.encode(password, salt)
}

// filled replaces zero parameters by defaults. Parameters outside the bounds of [CheckPassword] are
// an error.
func (h Hasher) filled() (Hasher, error) {
	d, err := NewHasher(h.Algorithm, "")
	if err != nil {
		return Hasher{}, err
	}
	for _, p := range []struct{ value, fallback *int }{
		{&h.Iterations, &d.Iterations}, {&h.TimeCost, &d.TimeCost}, {&h.MemoryCost, &d.MemoryCost},
		{&h.Parallelism, &d.Parallelism}, {&h.WorkFactor, &d.WorkFactor}, {&h.BlockSize, &d.BlockSize},
		{&h.Rounds, &d.Rounds},
	} {
		*p.value = cmp.Or(*p.value, *p.fallback)
	}
	if !h.bounded() {
		return Hasher{}, fmt.Errorf("password hasher %s: parameters out of range", h.Algorithm)
	}
	return h, nil
}

func (h Hasher) encode(password, salt string) (string, error) {
	if salt == "" || strings.Contains(salt, "$") {
		return "", errors.New("salt must be provided and cannot contain $")
	}
	switch h.Algorithm {
	case tokenctl.PBKDF2SHA256:
		return h.encodePBKDF2(sha256.New, sha256.Size, password, salt)
	case tokenctl.PBKDF2SHA1:
		return h.encodePBKDF2(sha1.New, sha1.Size, password, salt)
	case tokenctl.Argon2:
		if len(salt) < argon2MinSalt {
			return "", fmt.Errorf("argon2: a salt has at least %d bytes", argon2MinSalt)
		}
		key := argon2.IDKey([]byte(password), []byte(salt), uint32(h.TimeCost), uint32(h.MemoryCost),
			uint8(h.Parallelism), argon2KeyLength)
		return fmt.Sprintf("argon2$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.MemoryCost,
			h.TimeCost, h.Parallelism, base64.RawStdEncoding.EncodeToString([]byte(salt)),
			base64.RawStdEncoding.EncodeToString(key)), nil
	case tokenctl.Scrypt:
		key, err := scrypt.Key([]byte(password), []byte(salt), h.WorkFactor, h.BlockSize, h.Parallelism, scryptKeyLength)
		if err != nil {
			return "", fmt.Errorf("scrypt: %w", err)
		}
		return fmt.Sprintf("scrypt$%d$%s$%d$%d$%s", h.WorkFactor, salt, h.BlockSize, h.Parallelism,
			base64.StdEncoding.EncodeToString(key)), nil
	}
	return "", fmt.Errorf("password hasher %s: the salt cannot be chosen", h.Algorithm)
}

func (h Hasher) encodePBKDF2(digest func() hash.Hash, size int, password, salt string) (string, error) {
	key, err := pbkdf2.Key(digest, password, []byte(salt), h.Iterations, size)
	if err != nil {
		return "", fmt.Errorf("%s: %w", h.Algorithm, err)
	}
	return fmt.Sprintf("%s$%d$%s$%s", h.Algorithm, h.Iterations, salt, base64.StdEncoding.EncodeToString(key)), nil
}

// encodeBCryptSHA256 hashes the hexadecimal text of the password's SHA-256, which keeps every
// password under bcrypt's 72 bytes. Go marks its hashes with $2a$, Python's bcrypt with $2b$. Both
// are the same algorithm for short inputs, so the mark becomes the one that Django stores.
func encodeBCryptSHA256(password string, rounds int) (string, error) {
	data, err := bcrypt.GenerateFromPassword(sha256Hex(password), rounds)
	if err != nil {
		return "", fmt.Errorf("bcrypt_sha256: %w", err)
	}
	rest, ok := strings.CutPrefix(string(data), "$2a$")
	if !ok {
		return "", errors.New("bcrypt_sha256: unexpected version mark")
	}
	return tokenctl.BCryptSHA256 + "$$2b$" + rest, nil
}

func sha256Hex(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return hex.AppendEncode(nil, sum[:])
}
