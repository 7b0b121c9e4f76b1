package django

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"tokenctl"
)

// saltEntropy is BasePasswordHasher.salt_entropy, in bits. saltBits is the entropy of one character
// of a salt: must_update_salt of django/contrib/auth/hashers.py (3.2) counts log2(62) for each.
const (
	saltEntropy = 128
	saltBits    = 5.954196310386875
)

// ErrPasswordEncoding is the error for an encoded password that Django cannot decode. Django raises
// an exception at the login, and the application answers 500.
var ErrPasswordEncoding = errors.New("the stored password is not one that Django writes")

// Verify checks a password like verify_password of django/contrib/auth/hashers.py (5.2) with h as the
// first of PASSWORD_HASHERS. ok reports whether encoded belongs to password, and update whether Django
// would now encode the password again. A refusal takes as long as in Django, which hides the reason: an
// unusable password costs one hash, and a cheap encoding is followed by more rounds. The error is
// [ErrPasswordEncoding].
func (h Hasher) Verify(rand io.Reader, password, encoded string) (ok, update bool, err error) {
	algorithm := algorithmOf(encoded)
	if algorithm == "" {
		_, err := h.Encode(rand, password)
		return false, false, err
	}
	if !isDecodable(algorithm, encoded) {
		return false, false, ErrPasswordEncoding
	}
	if h, err = h.filled(); err != nil {
		return false, false, err
	}
	changed := algorithm != h.Algorithm
	update = changed || h.mustUpdate(encoded)
	if ok = CheckPassword(password, encoded); !ok && update && !changed {
		h.harden(password, encoded)
	}
	return ok, update, nil
}

// algorithmOf returns the algorithm of an encoded password, like identify_hasher. It is empty for an
// unusable password and an unknown algorithm.
func algorithmOf(encoded string) string {
	algorithm, _, separated := strings.Cut(encoded, "$")
	switch length := utf8.RuneCountInString(encoded); {
	case !HasUsablePassword(encoded):
		return ""
	case length == 32 && !separated, length == 37 && strings.HasPrefix(encoded, "md5$$"):
		return "unsalted_md5"
	case length == 46 && strings.HasPrefix(encoded, "sha1$$"):
		return "unsalted_sha1"
	}
	switch algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1, tokenctl.Argon2, tokenctl.Scrypt, tokenctl.BCryptSHA256, "bcrypt", "md5", "sha1":
		return algorithm
	}
	return ""
}

// isDecodable reports whether the algorithm's decode and encode accept the encoded password. For
// argon2 and bcrypt it checks only what Django checks before it calls their libraries.
func isDecodable(algorithm, encoded string) bool {
	fields := strings.Split(encoded, "$")
	isInt := func(s string) bool {
		_, err := PythonInt(s)
		return err == nil
	}
	switch algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1:
		return len(fields) >= 4 && isInt(fields[1]) && fields[2] != ""
	case tokenctl.Scrypt:
		return len(fields) == 6 && isInt(fields[1]) && isInt(fields[3]) && isInt(fields[4]) && fields[2] != ""
	case "md5", "sha1":
		return len(fields) >= 3 && fields[1] != ""
	}
	return true
}

// mustUpdate is must_update of h's class. encoded has h's algorithm.
func (h Hasher) mustUpdate(encoded string) bool {
	fields := strings.Split(encoded, "$")
	weak := func(saltLength int) bool { return float64(saltLength)*saltBits < saltEntropy }
	switch h.Algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1:
		iterations, ok := PBKDF2Iterations(encoded)
		return ok && (iterations != h.Iterations || weak(utf8.RuneCountInString(fields[2])))
	case tokenctl.Argon2:
		m := argon2Encoding().FindStringSubmatch(strings.TrimPrefix(encoded, "argon2$"))
		if m == nil {
			return false
		}
		saltLength, keyLength := base64.RawStdEncoding.DecodedLen(len(m[6])), base64.RawStdEncoding.DecodedLen(len(m[7]))
		parameters := fmt.Sprintf("m=%d,t=%d,p=%d", h.MemoryCost, h.TimeCost, h.Parallelism)
		return m[1] != "id" || fields[3] != parameters || keyLength != argon2KeyLength || weak(saltLength)
	case tokenctl.BCryptSHA256:
		return len(fields) == 5 && fields[3] != fmt.Sprintf("%02d", h.Rounds)
	case tokenctl.Scrypt:
		return len(fields) == 6 && (fields[1] != strconv.Itoa(h.WorkFactor) || fields[3] != strconv.Itoa(h.BlockSize) || fields[4] != strconv.Itoa(h.Parallelism))
	}
	return false
}

// harden is harden_runtime: it spends the time that h takes and the cheaper encoded did not take. For
// argon2 and scrypt Django does nothing.
func (h Hasher) harden(password, encoded string) {
	fields := strings.Split(encoded, "$")
	switch h.Algorithm {
	case tokenctl.PBKDF2SHA256, tokenctl.PBKDF2SHA1:
		if iterations, ok := PBKDF2Iterations(encoded); ok && iterations < h.Iterations {
			h.Iterations -= iterations
			_, _ = h.encode(password, fields[2]) // only for the time
		}
	case tokenctl.BCryptSHA256:
		if len(fields) != 5 {
			return
		}
		// One hash of each cost from rounds up, and the check itself, take as long as one hash of h.
		rounds, err := strconv.Atoi(fields[3])
		if err != nil || rounds < minBCryptRounds {
			return
		}
		for cost := rounds; cost < h.Rounds; cost++ {
			_, _ = bcrypt.GenerateFromPassword(sha256Hex(password), cost)
		}
	}
}
