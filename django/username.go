package django

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	msgBlank    = "This field cannot be blank."
	msgUsername = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
)

// NormalizeUsername is AbstractBaseUser.normalize_username of django/contrib/auth/base_user.py
// (3.2): NFKC. Django applies it when a user is created and never when one is looked up.
func NormalizeUsername(s string) string {
	return norm.NFKC.String(s)
}

// ValidationError is a message of one of Django's validators, with Django's capital and full stop.
type ValidationError string

// Error implements error.
func (e ValidationError) Error() string { return string(e) }

// ValidateUsername normalises s and checks it as full_clean checks AbstractUser.username:
// UnicodeUsernameValidator of django/contrib/auth/validators.py (3.2), then the length in
// characters. A maxLength of zero or less means no limit. The error is a [ValidationError]; two
// messages are joined by "; ", as createsuperuser prints them.
func ValidateUsername(s string, maxLength int) error {
	s = NormalizeUsername(s)
	if s == "" {
		return ValidationError(msgBlank)
	}
	var messages []string
	if err := CheckUsername(s); err != nil {
		messages = append(messages, err.Error())
	}
	if n := utf8.RuneCountInString(s); maxLength > 0 && n > maxLength {
		plural := "s"
		if maxLength == 1 {
			plural = ""
		}
		messages = append(messages, fmt.Sprintf("Ensure this value has at most %d character%s (it has %d).", maxLength, plural, n))
	}
	if messages == nil {
		return nil
	}
	return ValidationError(strings.Join(messages, "; "))
}

// CheckUsername is only UnicodeUsernameValidator: it does not normalise s.
func CheckUsername(s string) error {
	if !isUsername(s) {
		return ValidationError(msgUsername)
	}
	return nil
}

// isUsername is ^[\w.@+-]+\Z with Python's \w. A byte that is not UTF-8 becomes U+FFFD, which is not
// a word character.
func isUsername(s string) bool {
	for _, r := range s {
		if !isWordRune(r) && !strings.ContainsRune(".@+-", r) {
			return false
		}
	}
	return s != ""
}

// NormalizeEmail is BaseUserManager.normalize_email of django/contrib/auth/base_user.py (3.2 to
// 6.1): it strips spaces and lower-cases the part after the last "@". A value without "@" stays as it
// is, spaces included.
func NormalizeEmail(s string) string {
	trimmed := TrimSpace(s)
	at := strings.LastIndexByte(trimmed, '@')
	if at < 0 {
		return s
	}
	return trimmed[:at+1] + lower(trimmed[at+1:])
}
