package django

import (
	"net/netip"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"tokenctl"
)

const (
	msgEmail       = "Enter a valid email address."
	maxEmailLength = 320 // characters; EmailValidator of 3.2.20, 4.1.10, 4.2.3 and later
)

// foldedLetters match a-z under Python's re.IGNORECASE, as A-Z do: dotted capital I, dotless i, long s
// and the Kelvin sign. Django's patterns accept them.
const foldedLetters = `\x{130}\x{131}\x{17f}\x{212a}`

var (
	emailUser = tokenctl.Lazily(
		`\A(?:[-!#$%&'*+/=?^_` + "`" + `{}|~0-9A-Za-z` + foldedLetters + `]+` +
			`(?:\.[-!#$%&'*+/=?^_` + "`" + `{}|~0-9A-Za-z` + foldedLetters + `]+)*` +
			`|"(?:[\x{01}-\x{08}\x{0b}\x{0c}\x{0e}-\x{1f}!#-\[\]-\x{7f}` + foldedLetters + `]` +
			`|\\[\x{01}-\x{09}\x{0b}\x{0c}\x{0e}-\x{7f}` + foldedLetters + `])*")\z`)
	emailLiteral = tokenctl.Lazily(`\A\[([A-Fa-f0-9:.]+)\]\z`)
)

// ValidateEmail is EmailValidator of django/core/validators.py (3.2 to 6.1). The error is a
// [ValidationError]. Releases check the domain differently; an address that one of them accepts passes.
func ValidateEmail(s string) error {
	if ValidateEmailIn("5.1", s) == nil {
		return nil
	}
	return ValidateEmailIn("5.2", s)
}

// ValidateEmailIn is EmailValidator of one release. Up to 5.1 a domain is ASCII, directly or after
// IDNA, and its last label may have digits. Since 5.2 it may have letters beyond ASCII, and its last
// label no digits.
func ValidateEmailIn(release tokenctl.Version, s string) error {
	at := strings.LastIndexByte(s, '@')
	if at < 0 || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxEmailLength {
		return ValidationError(msgEmail)
	}
	user, domain := s[:at], s[at+1:]
	if !emailUser().MatchString(user) || !isEmailDomain(release, domain) {
		return ValidationError(msgEmail)
	}
	return nil
}

func isEmailDomain(release tokenctl.Version, domain string) bool {
	if domain == "localhost" {
		return true
	}
	if m := emailLiteral().FindStringSubmatch(domain); m != nil {
		_, err := netip.ParseAddr(m[1])
		return err == nil
	}
	if release.AtLeast("5.2") {
		return isUnicodeDomain(domain)
	}
	if isASCIIDomain(domain) {
		return true
	}
	encoded, err := emailIDNA().ToASCII(domain)
	return err == nil && isASCIIDomain(encoded)
}

// emailIDNA replaces Python's str.encode("idna"), which follows IDNA 2003 and allows hyphens anywhere.
// The peer test names the differences.
var emailIDNA = sync.OnceValue(func() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.Transitional(true), idna.BidiRule(), idna.CheckHyphens(false))
})

// isASCIIDomain is EmailValidator.domain_regex of 3.2 to 5.1, which accepts a hyphen at the beginning
// of the last label.
func isASCIIDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	last := len(labels) - 1
	for i, label := range labels {
		n := utf8.RuneCountInString(label)
		switch {
		case n > 63 || strings.HasSuffix(label, "-") || strings.TrimFunc(label, isASCIILabelRune) != "":
			return false
		case i < last && (n < 1 || strings.HasPrefix(label, "-")), i == last && n < 2:
			return false
		}
	}
	return last > 0
}

func isASCIILabelRune(r rune) bool {
	return r == '-' || '0' <= r && r <= '9' || isASCIILetter(r)
}

// isASCIILetter is [a-z] under re.IGNORECASE.
func isASCIILetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' ||
		r == 0x130 || r == 0x131 || r == 0x17f || r == 0x212a
}

// isUnicodeDomain is EmailValidator.domain_regex of 5.2 to 6.1, composed of DomainNameValidator's
// hostname_re, domain_re and tld_no_fqdn_re.
func isUnicodeDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	last := len(labels) - 1
	for i, label := range labels {
		n := utf8.RuneCountInString(label)
		if n < 1 || n > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.TrimFunc(label, isUnicodeLabelRune) != "" {
			return false
		}
		if i == last && (n < 2 || strings.ContainsAny(label, "0123456789")) && !isPunycodeLabel(label) {
			return false
		}
	}
	return last > 0
}

func isUnicodeLabelRune(r rune) bool {
	return isASCIILabelRune(r) || 0xa1 <= r && r <= 0xffff
}

// isPunycodeLabel is xn--[a-z0-9]{1,59} under re.IGNORECASE.
func isPunycodeLabel(label string) bool {
	if len(label) < len("xn--") || !strings.EqualFold(label[:len("xn--")], "xn--") {
		return false
	}
	rest := label[len("xn--"):]
	n := utf8.RuneCountInString(rest)
	return n >= 1 && n <= 59 && !strings.Contains(rest, "-") && strings.TrimFunc(rest, isASCIILabelRune) == ""
}
