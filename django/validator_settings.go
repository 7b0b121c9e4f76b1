package django

import (
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
)

// PasswordValidator is an entry of AUTH_PASSWORD_VALIDATORS: NAME, and OPTIONS in
// lower case.
type PasswordValidator struct {
	Name             string    `toml:"name"`               // Django's class, with or without its module, or a class of the application
	MinLength        *int      `toml:"min_length"`         // of MinimumLengthValidator; 8 when nil
	MaxSimilarity    *float64  `toml:"max_similarity"`     // of UserAttributeSimilarityValidator; 0.7 when nil
	UserAttributes   *[]string `toml:"user_attributes"`    // likewise; username, first_name, last_name and email when nil
	PasswordListPath *string   `toml:"password_list_path"` // of CommonPasswordValidator; a list of tokenctl's own when nil
}

// PasswordValidators are AUTH_PASSWORD_VALIDATORS.
type PasswordValidators []PasswordValidator

// The classes of django/contrib/auth/password_validation.py (3.2 to 6.1).
const (
	validatorModule     = "django.contrib.auth.password_validation."
	similarityValidator = "UserAttributeSimilarityValidator"
	lengthValidator     = "MinimumLengthValidator"
	commonValidator     = "CommonPasswordValidator"
	numericValidator    = "NumericPasswordValidator"
)

// maxMinLength is the longest password that Django's forms take (MAX_PASSWORD_LENGTH of
// django/contrib/auth/forms.py, 5.2).
const maxMinLength = 4096

// defaultValidators are what startproject writes into a new project's settings.
var defaultValidators = PasswordValidators{{Name: similarityValidator}, {Name: lengthValidator}, {Name: commonValidator}, {Name: numericValidator}}

// known is the name of one of Django's own classes; empty for others.
func (v *PasswordValidator) known() string {
	name := strings.TrimPrefix(v.Name, validatorModule)
	if slices.ContainsFunc(defaultValidators, func(d PasswordValidator) bool { return d.Name == name }) {
		return name
	}
	return ""
}

func (v *PasswordValidator) length() int {
	if v.MinLength == nil {
		return minPasswordLength
	}
	return *v.MinLength
}

func (v *PasswordValidator) similarity() float64 {
	if v.MaxSimilarity == nil {
		return maxSimilarity
	}
	return *v.MaxSimilarity
}

// attributes are user_attributes, or DEFAULT_USER_ATTRIBUTES.
func (v *PasswordValidator) attributes() []string {
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
	var names []string
	for i := range l {
		names = append(names, l[i].String())
	}
	return strings.Join(names, ", ")
}

// Validate returns a [CodeConfigInvalid] error for what Django could not start with,
// and for options that are not of the validator's.
func (l PasswordValidators) Validate() error {
	for i := range l {
		v := &l[i]
		fault := ""
		switch known := v.known(); {
		case v.Name == "":
			fault = "has no name"
		case known == "" && (!strings.Contains(v.Name, ".") || strings.HasPrefix(v.Name, validatorModule)):
			fault = "is none of Django's; a class of the application needs its module before it"
		case known != lengthValidator && v.MinLength != nil:
			fault = "takes no min_length"
		case known != similarityValidator && (v.MaxSimilarity != nil || v.UserAttributes != nil):
			fault = "takes no max_similarity and no user_attributes"
		case known != commonValidator && v.PasswordListPath != nil:
			fault = "takes no password_list_path"
		case v.length() < 0 || v.length() > maxMinLength:
			fault = fmt.Sprintf("has a min_length that does not lie between 0 and %d", maxMinLength)
		case !(v.similarity() >= 0.1): // NaN too
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
				Hint: "tokenctl knows " + defaultValidators.String()}
		}
	}
	return nil
}

// PasswordChecks are the validators that passwords must pass, with their lists of
// common passwords. The zero value is what every new project has.
type PasswordChecks struct {
	configured *PasswordValidators
	lists      map[string]passwordList
}

// Default reports whether no setting names the application's validators.
func (c PasswordChecks) Default() bool { return c.configured == nil }

func (c PasswordChecks) validators() PasswordValidators {
	if c.configured == nil {
		return defaultValidators
	}
	return *c.configured
}

// Unchecked names what the application checks and tokenctl cannot: validators of the
// application's own, and attributes that are none of Django's. field is
// USERNAME_FIELD.
func (c PasswordChecks) Unchecked(field string) []string {
	var list []string
	for _, v := range c.validators() {
		if v.known() == "" {
			list = append(list, v.Name)
		}
		for _, name := range v.attributes() {
			if v.UserAttributes != nil && name != field && !slices.Contains(new(PasswordValidator).attributes(), name) {
				list = append(list, "the similarity to "+name)
			}
		}
	}
	return list
}

// MinPasswordLength is the length that a password must have at least.
func (s *AuthSettings) MinPasswordLength() int {
	n := 0
	for _, v := range (PasswordChecks{configured: s.PasswordValidators}).validators() {
		if v.known() == lengthValidator {
			n = max(n, v.length())
		}
	}
	return n
}

// PasswordChecks prepares the validators; read opens a list of common passwords.
func (s *AuthSettings) PasswordChecks(read func(path string) (string, error)) (PasswordChecks, error) {
	c := PasswordChecks{configured: s.PasswordValidators, lists: map[string]passwordList{}}
	for _, v := range c.validators() {
		if v.PasswordListPath == nil {
			continue
		}
		text, err := read(*v.PasswordListPath)
		if err != nil {
			return c, err
		}
		if c.lists[*v.PasswordListPath], err = newPasswordList(text); err != nil {
			return c, &Error{Code: CodeConfigInvalid, Message: "the password list " + *v.PasswordListPath + " cannot be read: " + err.Error(), Hint: "it is text, one password a line, or gzip of it"}
		}
	}
	return c, nil
}

// passwordList is what CommonPasswordValidator.__init__ reads from a file.
type passwordList map[string]bool

// MaxPasswordList bounds a file of common passwords, in bytes, also of one that gzip has
// made small: the largest in use have some ten million.
const MaxPasswordList = 256 << 20

func newPasswordList(text string) (passwordList, error) {
	if unpacked, err := gzip.NewReader(strings.NewReader(text)); err == nil {
		all, err := io.ReadAll(io.LimitReader(unpacked, MaxPasswordList+1))
		if err != nil {
			return nil, err
		}
		if len(all) > MaxPasswordList {
			return nil, fmt.Errorf("it is longer than %d MiB", MaxPasswordList>>20)
		}
		text = string(all)
	}
	list := passwordList{}
	for line := range strings.SplitSeq(text, "\n") {
		list[trimSpace(line)] = true
	}
	return list, nil
}

func (l passwordList) has(password string) bool { return l[trimSpace(lower(password))] }
