package django

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"tokenctl"
)

// Bounds on the parameters that [CheckPassword] computes and [Hasher] writes. The database must not
// decide how much time and memory a login costs. Each bound is ten times Django's newest default or
// more, and keeps a check within some seconds and 512 MiB.
const (
	maxEncodedLength = 1024
	maxArgon2Memory  = 512 << 10 // KiB
	maxArgon2Work    = 4 << 20   // KiB times passes
	maxArgon2Lanes   = 255
	maxArgon2Output  = 512
	maxScryptMemory  = 256 << 20 // bytes: 128 * N * r
	maxScryptWork    = 1 << 23   // N * r * p
	maxBCryptRounds  = 16

	minBCryptRounds = bcrypt.MinCost
	bcryptMaxBytes  = 72
	argon2MinSalt   = 8 // ARGON2_MIN_SALT_LENGTH of libargon2
	argon2MinOutput = 4
	argon2KeyLength = 32 // argon2-cffi's DEFAULT_HASH_LENGTH
	scryptKeyLength = 64
)

// CheckPassword reports whether encoded belongs to password, like check_password of
// django/contrib/auth/hashers.py (3.2 to 6.1) with all of Django's hashers enabled:
// pbkdf2_sha256, pbkdf2_sha1, argon2, bcrypt_sha256, bcrypt, scrypt, md5, sha1, unsalted_md5 and
// unsalted_sha1. The result is false for unknown, unusable, malformed and empty encodings, even
// where Django raises an exception.
//
// It is also false for encodings that some releases of Django verify:
//   - crypt (removed in 5.0): DES crypt has no maintained Go implementation and hashes eight
//     characters, so such accounts need a new password anyway;
//   - argon2d, and argon2 encodings of version 16: golang.org/x/crypto/argon2 implements neither;
//   - encodings that ask for more time or memory than the bounds above, or longer than 1024 bytes.
func CheckPassword(password, encoded string) bool {
	if !HasUsablePassword(encoded) || len(encoded) > maxEncodedLength {
		return false
	}
	length := utf8.RuneCountInString(encoded)
	algorithm, rest, separated := strings.Cut(encoded, "$")
	switch {
	case length == 32 && !separated:
		return equal(encoded, md5Hex(password))
	case length == 37 && strings.HasPrefix(encoded, "md5$$"):
		return equal(encoded[len("md5$$"):], md5Hex(password))
	case length == 46 && strings.HasPrefix(encoded, "sha1$$"):
		return equal(encoded, "sha1$$"+sha1Hex(password))
	}
	switch algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1:
		return checkPBKDF2(password, encoded)
	case tokenctl.Argon2:
		return checkArgon2(password, rest)
	case tokenctl.Scrypt:
		return checkScrypt(password, encoded)
	case tokenctl.BCryptSHA256:
		return checkBCrypt(sha256Hex(password), rest)
	case "bcrypt":
		return checkBCrypt([]byte(password), rest)
	case "md5", "sha1":
		return checkSalted(algorithm, password, rest)
	}
	return false
}

// bounded reports whether the parameters of h's own algorithm are valid and affordable.
func (h Hasher) bounded() bool {
	switch h.Algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1:
		return h.Iterations >= 1 && h.Iterations <= tokenctl.MaxPBKDF2Iterations
	case tokenctl.Argon2:
		return h.Parallelism >= 1 && h.Parallelism <= maxArgon2Lanes &&
			h.MemoryCost >= 8*h.Parallelism && h.MemoryCost <= maxArgon2Memory &&
			h.TimeCost >= 1 && h.TimeCost <= maxArgon2Work/h.MemoryCost
	case tokenctl.Scrypt:
		return h.WorkFactor >= 2 && h.WorkFactor&(h.WorkFactor-1) == 0 &&
			h.BlockSize >= 1 && h.Parallelism >= 1 &&
			h.WorkFactor <= maxScryptMemory/128 && h.BlockSize <= maxScryptMemory/128/h.WorkFactor &&
			h.Parallelism <= maxScryptWork/(h.WorkFactor*h.BlockSize)
	case tokenctl.BCryptSHA256:
		return h.Rounds >= minBCryptRounds && h.Rounds <= maxBCryptRounds
	}
	return false
}

// matches encodes password with h and the salt, and compares the whole texts, as Django does for
// pbkdf2 and scrypt.
func (h Hasher) matches(password, salt, encoded string) bool {
	if !h.bounded() {
		return false
	}
	again, err := h.encode(password, salt)
	return err == nil && equal(encoded, again)
}

func checkPBKDF2(password, encoded string) bool {
	iterations, ok := PBKDF2Iterations(encoded)
	if !ok {
		return false
	}
	fields := strings.SplitN(encoded, "$", 4)
	return Hasher{Algorithm: fields[0], Iterations: iterations}.matches(password, fields[2], encoded)
}

func checkScrypt(password, encoded string) bool {
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 {
		return false
	}
	n, okN := canonicalInt(fields[1])
	r, okR := canonicalInt(fields[3])
	p, okP := canonicalInt(fields[4])
	h := Hasher{Algorithm: tokenctl.Scrypt, WorkFactor: n, BlockSize: r, Parallelism: p}
	return okN && okR && okP && h.matches(password, fields[2], encoded)
}

func checkSalted(algorithm, password, rest string) bool {
	salt, sum, ok := strings.Cut(rest, "$")
	if !ok || salt == "" {
		return false
	}
	if algorithm == "md5" {
		return equal(sum, md5Hex(salt+password))
	}
	return equal(sum, sha1Hex(salt+password))
}

// argon2Encoding is the form that decode_string of libargon2 (encoding.c) reads: the parameters in
// this order, as plain decimals, without key id and associated data. The base64 has no padding.
var argon2Encoding = tokenctl.Lazily(
	`\Aargon2(id|i)\$v=(\d+)\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)\z`)

func checkArgon2(password, phc string) bool {
	m := argon2Encoding().FindStringSubmatch(phc)
	if m == nil || m[2] != strconv.Itoa(argon2.Version) {
		return false
	}
	memory, okM := canonicalInt(m[3])
	passes, okT := canonicalInt(m[4])
	lanes, okP := canonicalInt(m[5])
	h := Hasher{Algorithm: tokenctl.Argon2, MemoryCost: memory, TimeCost: passes, Parallelism: lanes}
	if !okM || !okT || !okP || !h.bounded() {
		return false
	}
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(m[6])
	want, wantErr := base64.RawStdEncoding.Strict().DecodeString(m[7])
	if saltErr != nil || wantErr != nil || len(salt) < argon2MinSalt ||
		len(want) < argon2MinOutput || len(want) > maxArgon2Output {
		return false
	}
	key := argon2.Key
	if m[1] == "id" {
		key = argon2.IDKey
	}
	got := key([]byte(password), salt, uint32(passes), uint32(memory), uint8(lanes), uint32(len(want)))
	return subtle.ConstantTimeCompare(want, got) == 1
}

// bcryptEncoding is a canonical bcrypt hash. The 22nd character of the salt has only two bits.
// Python's bcrypt normalises it and then compares, so it refuses other spellings.
// golang.org/x/crypto/bcrypt accepts them, and any text after the 60th character.
var bcryptEncoding = tokenctl.Lazily(`\A\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}\z`)

// checkBCrypt cuts the secret at 72 bytes, as Python's bcrypt did up to 4.3; since 5.0 it raises an
// exception. A NUL is false, as in Python's bcrypt: in C it would end the secret.
func checkBCrypt(secret []byte, data string) bool {
	m := bcryptEncoding().FindStringSubmatch(data)
	if m == nil || strings.IndexByte(string(secret), 0) >= 0 {
		return false
	}
	rounds, err := strconv.Atoi(m[1])
	if err != nil || !(Hasher{Algorithm: tokenctl.BCryptSHA256, Rounds: rounds}).bounded() {
		return false
	}
	return bcrypt.CompareHashAndPassword([]byte(data), secret[:min(len(secret), bcryptMaxBytes)]) == nil
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
