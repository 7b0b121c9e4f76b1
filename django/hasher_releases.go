package django

import (
	"strconv"
	"strings"

	"tokenctl"
)

// pbkdf2Defaults is PBKDF2PasswordHasher.iterations of each release: django/contrib/auth/hashers.py,
// and the release notes' "default iteration count for the PBKDF2 password hasher".
var pbkdf2Defaults = []struct{ major, minor, iterations int }{
	{2, 0, 100_000},
	{2, 1, 120_000},
	{2, 2, 150_000},
	{3, 0, 180_000},
	{3, 1, 216_000},
	{3, 2, 260_000},
	{4, 0, 320_000},
	{4, 1, 390_000},
	{4, 2, 600_000},
	{5, 0, 720_000},
	{5, 1, 870_000},
	{5, 2, 1_000_000},
	{6, 0, 1_200_000},
	{6, 1, 1_500_000},
}

// DefaultPBKDF2Iterations returns the default iteration count of a release of Django: 260000 for
// "3.2" and "3.2.25". An empty, malformed or newer version means the newest known release. A version
// before 2.0 means 2.0.
func DefaultPBKDF2Iterations(djangoVersion string) int {
	major, minor, ok := tokenctl.Version(djangoVersion).MajorMinor()
	if !ok {
		return pbkdf2Defaults[len(pbkdf2Defaults)-1].iterations
	}
	iterations := pbkdf2Defaults[0].iterations
	for _, release := range pbkdf2Defaults {
		if release.major > major || release.major == major && release.minor > minor {
			break
		}
		iterations = release.iterations
	}
	return iterations
}

// defaultScryptParallelism is ScryptPasswordHasher.parallelism: 1 when the class came with 4.0, 5
// since 5.1.
func defaultScryptParallelism(djangoVersion string) int {
	major, minor, ok := tokenctl.Version(djangoVersion).MajorMinor()
	if ok && (major < 5 || major == 5 && minor < 1) {
		return 1
	}
	return 5
}

// PBKDF2Iterations returns the iteration count of a pbkdf2_sha256 or pbkdf2_sha1 encoding, like
// PBKDF2PasswordHasher.decode in django/contrib/auth/hashers.py (3.2). ok is false for other
// encodings.
func PBKDF2Iterations(encoded string) (int, bool) {
	fields := strings.SplitN(encoded, "$", 4)
	if len(fields) != 4 || fields[0] != tokenctl.PBKDF2SHA256 && fields[0] != tokenctl.PBKDF2SHA1 {
		return 0, false
	}
	return canonicalInt(fields[1])
}

// canonicalInt reads a positive decimal in the form of "%d". Python's int() accepts "+1", "01" and
// "1_000" too, but Django encodes the password again and compares the texts, so these never verify.
func canonicalInt(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 || strconv.Itoa(n) != s {
		return 0, false
	}
	return n, true
}
