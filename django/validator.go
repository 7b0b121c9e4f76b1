package django

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"tokenctl"
)

// PasswordProblem is one ValidationError of a password validator, with Django's code and message.
type PasswordProblem struct{ Code, Message string }

// UserAttributes are the values with which a password is compared. Empty values are not compared.
type UserAttributes struct {
	Username, FirstName, LastName, Email string
	Field, Value                         string // USERNAME_FIELD, if it is none of the fields above
}

// Validate runs the validators in their order and returns every problem, as validate_password in
// django/contrib/auth/password_validation.py (3.2 to 6.1) does.
func (c PasswordChecks) Validate(password string, u UserAttributes) []PasswordProblem {
	var problems []PasswordProblem
	for _, v := range c.validators() {
		if problem := c.check(v, password, u); problem.Code != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// check runs one validator. The problem has no code if the password passes.
func (c PasswordChecks) check(v tokenctl.PasswordValidator, password string, u UserAttributes) (problem PasswordProblem) {
	switch v.Known() {
	case tokenctl.SimilarityValidator:
		if name := similarAttribute(password, u, v.Attributes(), v.Similarity()); name != "" {
			problem = PasswordProblem{"password_too_similar", fmt.Sprintf("The password is too similar to the %s.", name)}
		}
	case tokenctl.LengthValidator:
		if n := v.Length(); utf8.RuneCountInString(password) < n {
			noun := "characters"
			if n == 1 {
				noun = "character"
			}
			problem = PasswordProblem{"password_too_short", fmt.Sprintf("This password is too short. It must contain at least %d %s.", n, noun)}
		}
	case tokenctl.CommonValidator:
		common := isCommonPassword
		if v.PasswordListPath != nil {
			common = c.lists[*v.PasswordListPath].has
		}
		if common(password) {
			problem = PasswordProblem{"password_too_common", "This password is too common."}
		}
	case tokenctl.NumericValidator:
		if isDigits(password) {
			problem = PasswordProblem{"password_entirely_numeric", "This password is entirely numeric."}
		}
	}
	return problem
}

// similarAttribute returns the verbose name of the first attribute that is similar to the password,
// as a whole or in one of its words, or "". Like UserAttributeSimilarityValidator.validate it stops
// at the first one.
func similarAttribute(password string, u UserAttributes, attributes []string, limit float64) string {
	lowered := []rune(lower(password))
	for _, attribute := range attributes {
		name, value := u.attribute(attribute)
		if value == "" {
			continue
		}
		value = lower(value)
		for _, part := range append(splitNonWords(value), value) {
			if quickRatio(lowered, []rune(part)) >= limit {
				return name
			}
		}
	}
	return ""
}

// attribute returns the verbose name and the value of a field of Django's AbstractUser, or of
// USERNAME_FIELD.
func (u *UserAttributes) attribute(field string) (name, value string) {
	switch field {
	case "username":
		value = u.Username
	case "first_name":
		value = u.FirstName
	case "last_name":
		value = u.LastName
	case "email":
		return "email address", u.Email
	}
	if field == u.Field {
		value = u.Value
	}
	return strings.ReplaceAll(field, "_", " "), value
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

// quickRatio is difflib.SequenceMatcher.quick_ratio: twice the size of the intersection of both
// multisets of characters, divided by the sum of their sizes, in floating point. Django's
// exceeds_maximum_length_ratio (since 2.2.26, 3.2.11 and 4.0.1) is not needed here: it saves time for
// values whose ratio is below the limit anyway.
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
