package django

import (
	"errors"
	"fmt"
	"io"
)

const (
	// randomStringChars is RANDOM_STRING_CHARS of django/utils/crypto.py (3.2).
	randomStringChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

	// unambiguousChars has no letters and digits that look alike. It is the default alphabet of
	// BaseUserManager.make_random_password in django/contrib/auth/base_user.py (3.2).
	unambiguousChars = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

	// saltLength is ceil(128 / log2(62)): BasePasswordHasher.salt in django/contrib/auth/hashers.py (3.2).
	saltLength = 22

	unusablePrefix       = "!"
	unusableSuffixLength = 40
	generatedLength      = 22
)

var errRandomSource = errors.New("the random source repeats itself")

// RandomString returns n characters drawn from alphabet without bias, as get_random_string in
// django/utils/crypto.py (3.2) does. The alphabet holds 1 to 256 single-byte characters.
func RandomString(rand io.Reader, n int, alphabet string) (string, error) {
	if n < 0 || len(alphabet) == 0 || len(alphabet) > 256 {
		return "", fmt.Errorf("random string: length %d from an alphabet of %d characters", n, len(alphabet))
	}
	// Bytes at or above the largest multiple of the alphabet's size are thrown away: a plain
	// remainder would favour the first characters.
	limit := 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	buf := make([]byte, n)
	for round := 0; len(out) < n; round++ {
		// At least half of the bytes are kept, so only a broken source gets this far.
		if round == 256 {
			return "", fmt.Errorf("random string: %w", errRandomSource)
		}
		need := buf[:n-len(out)]
		if _, err := io.ReadFull(rand, need); err != nil {
			return "", fmt.Errorf("random string: %w", err)
		}
		for _, b := range need {
			if int(b) < limit {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out), nil
}

// GeneratePassword returns a password of 22 letters and digits, or at least as many as length says, that
// are not mistaken for one another (127 bits), with at least one lower-case letter, one capital and one
// digit. It passes Django's validators of that length but for a vanishing chance.
func GeneratePassword(rand io.Reader, length int) (string, error) {
	for range 64 {
		password, err := RandomString(rand, max(length, generatedLength), unambiguousChars)
		if err != nil {
			return "", fmt.Errorf("generate password: %w", err)
		}
		if hasThreeKinds(password) {
			return password, nil
		}
	}
	return "", fmt.Errorf("generate password: %w", errRandomSource)
}

func hasThreeKinds(s string) bool {
	var lower, upper, digit bool
	for _, r := range s {
		lower = lower || 'a' <= r && r <= 'z'
		upper = upper || 'A' <= r && r <= 'Z'
		digit = digit || '0' <= r && r <= '9'
	}
	return lower && upper && digit
}

// UnusablePassword returns what set_unusable_password stores: "!" and 40 random letters and digits
// (make_password(None) in django/contrib/auth/hashers.py, 3.2). Nothing logs in with it.
func UnusablePassword(rand io.Reader) (string, error) {
	suffix, err := RandomString(rand, unusableSuffixLength, randomStringChars)
	if err != nil {
		return "", fmt.Errorf("unusable password: %w", err)
	}
	return unusablePrefix + suffix, nil
}

// HasUsablePassword is is_password_usable of django/contrib/auth/hashers.py (3.2): only a leading
// "!" makes a value unusable. The empty string counts as usable there, though it verifies nothing.
func HasUsablePassword(encoded string) bool {
	return len(encoded) == 0 || encoded[:1] != unusablePrefix
}
