package django

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxUsernameLength is the max_length of AbstractUser.username in
// django/contrib/auth/models.py (3.2 to 6.1), in characters.
const MaxUsernameLength = 150

const (
	msgBlank    = "This field cannot be blank."
	msgUsername = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
)

// NormalizeUsername is AbstractBaseUser.normalize_username of django/contrib/auth/base_user.py
// (3.2): NFKC. Django applies it when a user is created and never when one is looked up.
func NormalizeUsername(s string) string {
	return norm.NFKC.String(s)
}

// ValidationError is a complaint in Django's own words, with their capital and full stop.
type ValidationError string

// Error implements error.
func (e ValidationError) Error() string { return string(e) }

// ValidateUsername checks the normalised s as full_clean checks AbstractUser.username:
// UnicodeUsernameValidator of django/contrib/auth/validators.py (3.2), then the length in
// characters; a maxLength of zero or less sets no limit. The error's text is Django's message; two
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

// CheckUsername is UnicodeUsernameValidator alone: it does not normalise.
func CheckUsername(s string) error {
	if !isUsername(s) {
		return ValidationError(msgUsername)
	}
	return nil
}

// isUsername is ^[\w.@+-]+\Z with Python's \w. A byte that is not UTF-8 reads as U+FFFD, which is
// no word character.
func isUsername(s string) bool {
	for _, r := range s {
		if !isWordRune(r) && !strings.ContainsRune(".@+-", r) {
			return false
		}
	}
	return s != ""
}

// NormalizeEmail is BaseUserManager.normalize_email of django/contrib/auth/base_user.py (3.2 to
// 6.1): the part after the last "@" is lower-cased and the whole stripped of spaces. A value
// without "@" is returned as it is, spaces included.
func NormalizeEmail(s string) string {
	trimmed := trimSpace(s)
	at := strings.LastIndexByte(trimmed, '@')
	if at < 0 {
		return s
	}
	return trimmed[:at+1] + lower(trimmed[at+1:])
}
