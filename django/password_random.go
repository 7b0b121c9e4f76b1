package django

import (
	"errors"
	"fmt"
	"io"
)

const (
	// randomStringChars is RANDOM_STRING_CHARS of django/utils/crypto.py (3.2).
	randomStringChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

	// unambiguousChars has no letters and digits of similar shape. It is the default alphabet of
	// BaseUserManager.make_random_password in django/contrib/auth/base_user.py (3.2).
	unambiguousChars = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

	// saltLength is ceil(128 / log2(62)): BasePasswordHasher.salt in django/contrib/auth/hashers.py (3.2).
	saltLength = 22

	unusablePrefix       = "!"
	unusableSuffixLength = 40
	generatedLength      = 22
)

var errRandomSource = errors.New("the random source repeats itself")

// RandomString returns n random characters of alphabet without bias, like get_random_string in
// django/utils/crypto.py (3.2). The alphabet has 1 to 256 characters of one byte each; another one is
// an error.
func RandomString(rand io.Reader, n int, alphabet string) (string, error) {
	if n < 0 || len(alphabet) == 0 || len(alphabet) > 256 {
		return "", fmt.Errorf("random string: length %d from an alphabet of %d characters", n, len(alphabet))
	}
	// Bytes at or above the largest multiple of the alphabet's size are discarded: with a plain
	// remainder the first characters would be more frequent.
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

// GeneratePassword returns a password of 22 letters and digits (127 bits), or of length if that is more.
// No two of its characters look alike. It has at least one lower-case letter, one capital and one digit,
// and practically always passes Django's validators.
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

// UnusablePassword returns an encoded password that no password matches, as set_unusable_password
// stores it: "!" and 40 random letters and digits (make_password(None) in
// django/contrib/auth/hashers.py, 3.2).
func UnusablePassword(rand io.Reader) (string, error) {
	suffix, err := RandomString(rand, unusableSuffixLength, randomStringChars)
	if err != nil {
		return "", fmt.Errorf("unusable password: %w", err)
	}
	return unusablePrefix + suffix, nil
}

// HasUsablePassword is is_password_usable of django/contrib/auth/hashers.py (3.2): only a leading
// "!" makes a value unusable. The empty string is usable for Django, although no password matches it.
func HasUsablePassword(encoded string) bool {
	return len(encoded) == 0 || encoded[:1] != unusablePrefix
}
