package django

import "strconv"

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

// pyJWTWith is the PyJWT that Debian ships beside a release of simplejwt: the
// database shows at best the latter.
func pyJWTWith(simplejwt Version) Version {
	switch {
	case simplejwt.AtLeast("5.5.1"):
		return "2.15.1"
	case simplejwt.AtLeast("5.3"):
		return "2.10.1"
	default:
		return "2.6.0"
	}
}
