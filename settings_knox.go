package tokenctl

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// KnoxSettings are REST_KNOX in lower case. What is not set is knox's default.
type KnoxSettings struct {
	TokenTTL                 KnoxTTL  `toml:"token_ttl"`                   // TOKEN_TTL: a duration or "never"
	TokenPrefix              string   `toml:"token_prefix"`                // TOKEN_PREFIX
	TokenLimitPerUser        *int     `toml:"token_limit_per_user"`        // TOKEN_LIMIT_PER_USER; none where it is not set
	AutoRefresh              bool     `toml:"auto_refresh"`                // AUTO_REFRESH
	AutoRefreshMaxTTL        Duration `toml:"auto_refresh_max_ttl"`        // AUTO_REFRESH_MAX_TTL; none where it is not set
	MinRefreshInterval       *Seconds `toml:"min_refresh_interval"`        // MIN_REFRESH_INTERVAL; a minute where it is not set
	AuthHeaderPrefix         string   `toml:"auth_header_prefix"`          // AUTH_HEADER_PREFIX; "Token" where it is not set
	AuthTokenCharacterLength int      `toml:"auth_token_character_length"` // AUTH_TOKEN_CHARACTER_LENGTH; 64 where it is not set
	SecureHashAlgorithm      string   `toml:"secure_hash_algorithm"`       // SECURE_HASH_ALGORITHM; "hashlib.sha512" where it is not set
	TokenTable               string   `toml:"token_table"`                 // the table of KNOX_TOKEN_MODEL, where its columns do not tell it
}

// DEFAULTS and CONSTANTS of knox/settings.py (5.0.2).
const (
	defaultKnoxTTL            = 10 * time.Hour
	DefaultMinRefreshInterval = 60 * time.Second
	defaultKnoxTokenLength    = 64
	defaultKnoxHash           = "hashlib.sha512"
	maxKnoxPrefix             = 10
)

// minKnoxTokenLength leaves a token of 5.0, whose row shows 15 characters, 68 unknown bits.
const minKnoxTokenLength = 32

// KnoxTTL is TOKEN_TTL: how long a new token lives. The zero value is knox's default, ten hours.
type KnoxTTL struct {
	never bool
	ttl   time.Duration
}

// KnoxNever is a TOKEN_TTL of None: tokens live for ever.
var KnoxNever = KnoxTTL{never: true}

// UnmarshalText reads a duration, or "never" for Python's None.
func (t *KnoxTTL) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*t = KnoxNever
		return nil
	}
	ttl, err := ParseDuration(string(text))
	*t = KnoxTTL{ttl: ttl}
	return err
}

// MarshalText writes what UnmarshalText reads.
func (t KnoxTTL) MarshalText() ([]byte, error) {
	if t.never {
		return []byte("never"), nil
	}
	d, _ := t.Duration()
	return Duration{d}.MarshalText()
}

// Duration returns how long a new token lives; ok is false when it lives for ever.
func (t KnoxTTL) Duration() (ttl time.Duration, ok bool) {
	if t.ttl == 0 && !t.never {
		return defaultKnoxTTL, true
	}
	return t.ttl, !t.never
}

// IsSet reports whether the configuration sets TOKEN_TTL.
func (t KnoxTTL) IsSet() bool { return t != KnoxTTL{} }

// Expiry returns the expiry of a token made at now, nil for never (AuthTokenManager.create in
// knox/models.py, 5.0.2).
func (t KnoxTTL) Expiry(now time.Time) *time.Time {
	ttl, ok := t.Duration()
	if !ok {
		return nil
	}
	expiry := now.Add(ttl)
	return &expiry
}

// HeaderPrefix is the word before a token in the Authorization header.
func (k KnoxSettings) HeaderPrefix() string {
	return cmp.Or(k.AuthHeaderPrefix, "Token")
}

// TokenLength returns AUTH_TOKEN_CHARACTER_LENGTH, knox's default included.
func (k KnoxSettings) TokenLength() int {
	return cmp.Or(k.AuthTokenCharacterLength, defaultKnoxTokenLength)
}

// Validate returns a [CodeConfigInvalid] error for a value that knox could not work with, or that
// would make tokens that can be guessed.
func (k KnoxSettings) Validate() error {
	invalid := func(message string) error { return &Error{Code: CodeConfigInvalid, Message: message} }
	if !slices.Contains(KnoxHashes, k.HashName()) {
		return &Error{Code: CodeConfigInvalid, Message: "knox.secure_hash_algorithm is not one that tokenctl knows",
			Hint: "hashlib.sha512 is knox's default; " + strings.Join(KnoxHashes, ", ") + " are known"}
	}
	switch n := k.TokenLength(); {
	case len(k.TokenPrefix) > maxKnoxPrefix || !visibleWord(k.TokenPrefix):
		return invalid("knox.token_prefix must be at most 10 visible ASCII characters")
	case !visibleWord(k.AuthHeaderPrefix):
		return invalid("knox.auth_header_prefix must be one word")
	case n < minKnoxTokenLength || n > 1024:
		return invalid("knox.auth_token_character_length must lie between 32 and 1024")
	case k.TokenLimitPerUser != nil && *k.TokenLimitPerUser < 0:
		return invalid("knox.token_limit_per_user must not be negative")
	case tooShort(k.AutoRefreshMaxTTL.Duration):
		return invalid("knox.auto_refresh_max_ttl must be at least a second")
	case k.MinRefreshInterval != nil && k.MinRefreshInterval.Duration < 0:
		return invalid("knox.min_refresh_interval must not be negative")
	case tooShort(k.TokenTTL.ttl):
		return invalid("knox.token_ttl must be at least a second")
	}
	if _, ok := k.TokenTTL.Duration(); k.AutoRefresh && !ok {
		return &Error{Code: CodeConfigInvalid, Message: `knox.auto_refresh does not go with a token_ttl of "never"`,
			Hint: "knox fails on every token that has an expiry then"}
	}
	return nil
}

// KnoxHashes are the functions of hashlib that SECURE_HASH_ALGORITHM may name: those that need no
// argument and whose hexadecimal digest fits the column's 128 characters, without the broken ones.
var KnoxHashes = []string{"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"}

// HashName returns the name in hashlib of SECURE_HASH_ALGORITHM, which is a dotted path into hashlib,
// before 5.0 into cryptography's primitives, or the name alone.
func (k KnoxSettings) HashName() string {
	name := cmp.Or(k.SecureHashAlgorithm, defaultKnoxHash)
	if class, ok := strings.CutPrefix(name, "cryptography.hazmat.primitives.hashes."); ok {
		name = strings.ToLower(class)
	}
	return strings.TrimPrefix(name, "hashlib.")
}
