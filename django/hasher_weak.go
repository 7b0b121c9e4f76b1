package django

import (
	"fmt"
	"strings"

	"tokenctl"
)

// WeakHash says why an encoded password is easy to guess; the text is empty if it is not. start is
// the beginning of the encoded password, at least 40 characters, and length the length of the whole in
// characters. iterations is the count that the application writes today, or 0 if it is not known. The
// forms are those of django/contrib/auth/hashers.py (3.2), which still had all of them.
func WeakHash(start string, length, iterations int) string {
	algorithm, rest, salted := strings.Cut(start, "$")
	switch {
	case !HasUsablePassword(start), start == "":
		return ""
	case !salted && length == 32, algorithm == "md5" && strings.HasPrefix(rest, "$"):
		return "an MD5 hash without a salt"
	case algorithm == "sha1" && strings.HasPrefix(rest, "$"):
		return "a SHA-1 hash without a salt"
	case algorithm == "md5":
		return "a single round of MD5"
	case algorithm == "sha1":
		return "a single round of SHA-1"
	}
	count, _, _ := strings.Cut(rest, "$")
	n, ok := canonicalInt(count)
	if ok && (algorithm == tokenctl.PBKDF2SHA256 || algorithm == tokenctl.PBKDF2SHA1) && 2*n < iterations {
		return fmt.Sprintf("%s with %d iterations, and the application makes %d", algorithm, n, iterations)
	}
	return ""
}
