package django

import (
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"

	"tokenctl"
)

// PasswordChecks are the validators that passwords must pass, with their lists of
// common passwords. The zero value has the validators of every new project.
type PasswordChecks struct {
	configured *tokenctl.PasswordValidators
	lists      map[string]passwordList
}

// Default reports whether the settings leave the validators to the default.
func (c PasswordChecks) Default() bool { return c.configured == nil }

func (c PasswordChecks) validators() tokenctl.PasswordValidators {
	if c.configured == nil {
		return tokenctl.DefaultPasswordValidators
	}
	return *c.configured
}

// Unchecked names the checks of the application that tokenctl cannot make: the application's
// own validators, and comparisons with attributes that Django's user does not have. field is
// USERNAME_FIELD.
func (c PasswordChecks) Unchecked(field string) []string {
	var list []string
	for _, v := range c.validators() {
		if v.Known() == "" {
			list = append(list, v.Name)
		}
		for _, name := range v.Attributes() {
			if v.UserAttributes != nil && name != field && !slices.Contains(new(tokenctl.PasswordValidator).Attributes(), name) {
				list = append(list, "the similarity to "+name)
			}
		}
	}
	return list
}

// NewPasswordChecks prepares the validators of the settings. read returns the text of a file of common
// passwords; its error becomes an error with the code config_invalid.
func NewPasswordChecks(s tokenctl.AuthSettings, read func(path string) (string, error)) (PasswordChecks, error) {
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
			return c, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "the password list " + *v.PasswordListPath + " cannot be read: " + err.Error(), Hint: "it is text, one password a line, or gzip of it"}
		}
	}
	return c, nil
}

// passwordList is a file of common passwords, as CommonPasswordValidator.__init__ reads it.
type passwordList map[string]bool

// MaxPasswordList bounds a file of common passwords, in bytes after decompression. The largest
// lists in use have some ten million passwords.
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
		list[TrimSpace(line)] = true
	}
	return list, nil
}

func (l passwordList) has(password string) bool { return l[TrimSpace(lower(password))] }
