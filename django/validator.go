package django

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	minPasswordLength = 8
	maxSimilarity     = 0.7
)

// PasswordProblem is one ValidationError of a password validator, with Django's code and message.
type PasswordProblem struct{ Code, Message string }

// UserAttributes are the values a password is compared with: DEFAULT_USER_ATTRIBUTES of
// UserAttributeSimilarityValidator. Empty ones are left out of the comparison.
type UserAttributes struct{ Username, FirstName, LastName, Email string }

// ValidatePassword runs the four validators a new project's settings list, in that order, and
// returns every problem, as validate_password in django/contrib/auth/password_validation.py (3.2 to
// 6.1) does. The list of common passwords is our own: see common_passwords.md.
func ValidatePassword(password string, u UserAttributes) []PasswordProblem {
	var problems []PasswordProblem
	if name := similarAttribute(password, u); name != "" {
		problems = append(problems, PasswordProblem{
			Code:    "password_too_similar",
			Message: fmt.Sprintf("The password is too similar to the %s.", name),
		})
	}
	if utf8.RuneCountInString(password) < minPasswordLength {
		problems = append(problems, PasswordProblem{
			Code: "password_too_short",
			Message: fmt.Sprintf("This password is too short. It must contain at least %d characters.",
				minPasswordLength),
		})
	}
	if isCommonPassword(password) {
		problems = append(problems, PasswordProblem{
			Code:    "password_too_common",
			Message: "This password is too common.",
		})
	}
	if isDigits(password) {
		problems = append(problems, PasswordProblem{
			Code:    "password_entirely_numeric",
			Message: "This password is entirely numeric.",
		})
	}
	return problems
}

// similarAttribute returns the verbose name of the first attribute the password resembles, as a
// whole or in one of its words, or "": UserAttributeSimilarityValidator.validate. As there, the
// first hit ends the search.
func similarAttribute(password string, u UserAttributes) string {
	lowered := []rune(lower(password))
	for _, attribute := range []struct{ name, value string }{
		{"username", u.Username},
		{"first name", u.FirstName},
		{"last name", u.LastName},
		{"email address", u.Email},
	} {
		if attribute.value == "" {
			continue
		}
		value := lower(attribute.value)
		for _, part := range append(splitNonWords(value), value) {
			if tooSimilar(lowered, []rune(part)) {
				return attribute.name
			}
		}
	}
	return ""
}

// splitNonWords is re.split(r"\W+", s): unlike strings.FieldsFunc it keeps the empty strings at
// the ends.
func splitNonWords(s string) []string {
	var parts []string
	var part strings.Builder
	between := false
	for _, r := range s {
		switch word := isWordRune(r); {
		case word:
			part.WriteRune(r)
		case !between:
			parts = append(parts, part.String())
			part.Reset()
		}
		between = !isWordRune(r)
	}
	return append(parts, part.String())
}

// tooSimilar compares in floating point as Python does. Django's exceeds_maximum_length_ratio, there
// since 2.2.26, 3.2.11 and 4.0.1, is not repeated: it skips values less than a tenth as long as the
// password to save time, and their ratio is below 0.19 in any case.
func tooSimilar(password, value []rune) bool {
	return quickRatio(password, value) >= maxSimilarity
}

// quickRatio is difflib.SequenceMatcher.quick_ratio: twice the size of the intersection of both
// multisets of characters, over the sum of their sizes.
func quickRatio(a, b []rune) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	available := make(map[rune]int, len(b))
	for _, r := range b {
		available[r]++
	}
	matches := 0
	for _, r := range a {
		if available[r] > 0 {
			matches++
		}
		available[r]--
	}
	return 2 * float64(matches) / float64(len(a)+len(b))
}
