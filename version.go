package tokenctl

import (
	"strconv"
	"strings"
)

// Version is the version of one of the application's packages, such as "4.2"
// or "5.5.1". The zero value stands for the newest release that tokenctl knows.
type Version string

// AtLeast reports whether v is other or a later release. Parts that v leaves
// out are zero ("5.5" is 5.5.0), and what follows the number of a part does not
// count ("5.5.1.post2" is 5.5.1, "6.1rc1" is 6.1).
func (v Version) AtLeast(other Version) bool {
	if v == "" {
		return true
	}
	a, b := string(v), string(other)
	for a != "" || b != "" {
		var x, y int
		x, a = nextPart(a)
		y, b = nextPart(b)
		if x != y {
			return x > y
		}
	}
	return true
}

// nextPart splits the first number off a version; it ends the version at the
// first thing that is none.
func nextPart(s string) (number int, rest string) {
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	number, err := strconv.Atoi(s[:end])
	if err != nil || end == len(s) || s[end] != '.' {
		return number, ""
	}
	return number, s[end+1:]
}

// MajorMinor returns the first two numbers of a version; ok is false where there are
// none. "6.1rc1" and "5" are versions too.
func (v Version) MajorMinor() (major, minor int, ok bool) {
	head, rest, _ := strings.Cut(string(v), ".")
	major, err := strconv.Atoi(head)
	if err != nil || major < 0 {
		return 0, 0, false
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	if digits == "" {
		return major, 0, true
	}
	minor, err = strconv.Atoi(digits)
	return major, minor, err == nil
}
