package tokenctl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Names of the algorithms that can be written, as they start an encoded password.
const (
	PBKDF2SHA256 = "pbkdf2_sha256"
	PBKDF2SHA1   = "pbkdf2_sha1"
	Argon2       = "argon2"
	Scrypt       = "scrypt"
	BCryptSHA256 = "bcrypt_sha256"
)

// Hashers lists the algorithms that can be written, the default of every release first.
func Hashers() []string {
	return []string{PBKDF2SHA256, PBKDF2SHA1, Argon2, Scrypt, BCryptSHA256}
}

// The iteration counts of PBKDF2 that tokenctl writes and reads. The smallest is the default of the
// oldest supported release, 3.2; the largest keeps a check within some seconds.
const (
	MinPBKDF2Iterations = 260_000
	MaxPBKDF2Iterations = 20_000_000
)

// AuthSettings describe django.contrib.auth in the application.
type AuthSettings struct {
	UserTable              string   `toml:"user_table"`              // the table of AUTH_USER_MODEL, where no foreign key tells it
	UsernameField          string   `toml:"username_field"`          // USERNAME_FIELD, where more than one column could be it
	AuthenticationBackends []string `toml:"authentication_backends"` // AUTHENTICATION_BACKENDS; new sessions are of the first

	PasswordHasher   string `toml:"password_hasher"`   // the algorithm of the first of PASSWORD_HASHERS; "pbkdf2_sha256" where it is not set
	PBKDF2Iterations int    `toml:"pbkdf2_iterations"` // what the application's PBKDF2PasswordHasher uses

	MFARecoveryCodeCount int `toml:"mfa_recovery_code_count"` // allauth's MFA_RECOVERY_CODE_COUNT; 10 where it is not set

	PasswordValidators *PasswordValidators `toml:"password_validators"` // AUTH_PASSWORD_VALIDATORS; a new project's where it is not set
}

// Validate returns a [CodeConfigInvalid] error for a value that would make users who
// cannot log in, or lists that show their hashes.
func (a AuthSettings) Validate() error {
	hasher := cmp.Or(a.PasswordHasher, PBKDF2SHA256)
	switch n := a.PBKDF2Iterations; {
	case !slices.Contains(Hashers(), hasher):
		return &Error{Code: CodeConfigInvalid, Message: "auth.password_hasher is not one that tokenctl writes",
			Hint: "it writes " + strings.Join(Hashers(), ", ")}
	case n != 0 && (n < MinPBKDF2Iterations || n > MaxPBKDF2Iterations):
		return &Error{Code: CodeConfigInvalid,
			Message: fmt.Sprintf("auth.pbkdf2_iterations must lie between %d and %d", MinPBKDF2Iterations, MaxPBKDF2Iterations)}
	case n != 0 && hasher != PBKDF2SHA256 && hasher != PBKDF2SHA1:
		return &Error{Code: CodeConfigInvalid, Message: "auth.pbkdf2_iterations does not go with the password_hasher " + hasher, Hint: "leave out one of them"}
	}
	if a.MFARecoveryCodeCount < 0 || a.MFARecoveryCodeCount > maxRecoveryCodes {
		return &Error{Code: CodeConfigInvalid, Message: fmt.Sprintf("auth.mfa_recovery_code_count must lie between 1 and %d", maxRecoveryCodes)}
	}
	for _, path := range a.AuthenticationBackends {
		if path == "" || !visibleWord(path) {
			return &Error{Code: CodeConfigInvalid, Message: "auth.authentication_backends must be the dotted paths of Python classes"}
		}
	}
	if err := checkColumn("auth.username_field", a.UsernameField); err != nil || a.PasswordValidators == nil {
		return err
	}
	return a.PasswordValidators.Validate()
}

// ModelBackend is the first of AUTHENTICATION_BACKENDS in django/conf/global_settings.py (4.2).
const ModelBackend = "django.contrib.auth.backends.ModelBackend"

// Backend is the dotted path of the backend that new sessions name.
func (a AuthSettings) Backend() string {
	if len(a.AuthenticationBackends) == 0 {
		return ModelBackend
	}
	return a.AuthenticationBackends[0]
}

// maxRecoveryCodes bounds mfa_recovery_code_count. Nobody prints more.
const maxRecoveryCodes = 1000

// DefaultRecoveryCodes is RECOVERY_CODE_COUNT of allauth/mfa/app_settings.py (65.0.2).
const DefaultRecoveryCodes = 10

// RecoveryCodes is how many recovery codes allauth makes for a user.
func (a AuthSettings) RecoveryCodes() int {
	return cmp.Or(a.MFARecoveryCodeCount, DefaultRecoveryCodes)
}
