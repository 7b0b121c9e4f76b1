package tokenctl

import (
	"fmt"
	"slices"
	"strings"
)

// PasswordValidator is an entry of AUTH_PASSWORD_VALIDATORS: NAME, and OPTIONS in
// lower case.
type PasswordValidator struct {
	Name             string    `toml:"name"`               // Django's class, with or without its module, or a class of the application
	MinLength        *int      `toml:"min_length"`         // of MinimumLengthValidator; 8 where it is not set
	MaxSimilarity    *float64  `toml:"max_similarity"`     // of UserAttributeSimilarityValidator; 0.7 where it is not set
	UserAttributes   *[]string `toml:"user_attributes"`    // likewise; username, first_name, last_name and email where it is not set
	PasswordListPath *string   `toml:"password_list_path"` // of CommonPasswordValidator; a list of tokenctl's own where it is not set
}

// PasswordValidators are AUTH_PASSWORD_VALIDATORS.
type PasswordValidators []PasswordValidator

// The classes of django/contrib/auth/password_validation.py (3.2 to 6.1).
const (
	validatorModule     = "django.contrib.auth.password_validation."
	SimilarityValidator = "UserAttributeSimilarityValidator"
	LengthValidator     = "MinimumLengthValidator"
	CommonValidator     = "CommonPasswordValidator"
	NumericValidator    = "NumericPasswordValidator"
)

// maxMinLength is the longest password that Django's forms take (MAX_PASSWORD_LENGTH of
// django/contrib/auth/forms.py, 5.2).
const maxMinLength = 4096

// DefaultPasswordValidators are what startproject writes into a new project's settings.
var DefaultPasswordValidators = PasswordValidators{{Name: SimilarityValidator}, {Name: LengthValidator}, {Name: CommonValidator}, {Name: NumericValidator}}

// Known is the name of one of Django's own classes; empty for others.
func (v *PasswordValidator) Known() string {
	name := strings.TrimPrefix(v.Name, validatorModule)
	if slices.ContainsFunc(DefaultPasswordValidators, func(d PasswordValidator) bool { return d.Name == name }) {
		return name
	}
	return ""
}

// Length returns min_length, or MinimumLengthValidator's default.
func (v *PasswordValidator) Length() int {
	if v.MinLength == nil {
		return 8
	}
	return *v.MinLength
}

// Similarity returns max_similarity, or UserAttributeSimilarityValidator's default.
func (v *PasswordValidator) Similarity() float64 {
	if v.MaxSimilarity == nil {
		return 0.7
	}
	return *v.MaxSimilarity
}

// Attributes returns user_attributes, or DEFAULT_USER_ATTRIBUTES.
func (v *PasswordValidator) Attributes() []string {
	if v.UserAttributes == nil {
		return []string{"username", "first_name", "last_name", "email"}
	}
	return *v.UserAttributes
}

// String writes a validator as a call in Python.
func (v *PasswordValidator) String() string {
	var options []string
	if v.MinLength != nil {
		options = append(options, fmt.Sprintf("min_length=%d", *v.MinLength))
	}
	if v.MaxSimilarity != nil {
		options = append(options, fmt.Sprintf("max_similarity=%v", *v.MaxSimilarity))
	}
	if v.UserAttributes != nil {
		options = append(options, "user_attributes=["+strings.Join(*v.UserAttributes, ", ")+"]")
	}
	if v.PasswordListPath != nil {
		options = append(options, "password_list_path="+*v.PasswordListPath)
	}
	text := strings.TrimPrefix(v.Name, validatorModule)
	if options != nil {
		text += "(" + strings.Join(options, ", ") + ")"
	}
	return text
}

// String lists the validators.
func (l PasswordValidators) String() string {
	if len(l) == 0 {
		return "none"
	}
	names := Mapped(l, func(v PasswordValidator) string { return v.String() })
	return strings.Join(names, ", ")
}

// Validate returns a [CodeConfigInvalid] error for what Django could not start with,
// and for options that are not of the validator's.
func (l PasswordValidators) Validate() error {
	for i := range l {
		v := &l[i]
		fault := ""
		switch known := v.Known(); {
		case v.Name == "":
			fault = "has no name"
		case known == "" && (!strings.Contains(v.Name, ".") || strings.HasPrefix(v.Name, validatorModule)):
			fault = "is none of Django's; a class of the application needs its module before it"
		case known != LengthValidator && v.MinLength != nil:
			fault = "takes no min_length"
		case known != SimilarityValidator && (v.MaxSimilarity != nil || v.UserAttributes != nil):
			fault = "takes no max_similarity and no user_attributes"
		case known != CommonValidator && v.PasswordListPath != nil:
			fault = "takes no password_list_path"
		case v.Length() < 0 || v.Length() > maxMinLength:
			fault = fmt.Sprintf("has a min_length that does not lie between 0 and %d", maxMinLength)
		case !(v.Similarity() >= 0.1): // NaN too
			fault = "has a max_similarity below 0.1"
		case v.PasswordListPath != nil && *v.PasswordListPath == "":
			fault = "has an empty password_list_path"
		}
		if fault != "" {
			name := v.Name
			if name == "" {
				name = fmt.Sprintf("number %d", i+1)
			}
			return &Error{Code: CodeConfigInvalid, Message: "auth.password_validators: " + name + " " + fault,
				Hint: "tokenctl knows " + DefaultPasswordValidators.String()}
		}
	}
	return nil
}

// MinPasswordLength is the length that a password must have at least.
func (s *AuthSettings) MinPasswordLength() int {
	n := 0
	for _, v := range s.Validators() {
		if v.Known() == LengthValidator {
			n = max(n, v.Length())
		}
	}
	return n
}

// Validators returns AUTH_PASSWORD_VALIDATORS, a new project's where none are configured.
func (s *AuthSettings) Validators() PasswordValidators {
	if s.PasswordValidators == nil {
		return DefaultPasswordValidators
	}
	return *s.PasswordValidators
}
