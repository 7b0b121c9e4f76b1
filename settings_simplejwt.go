package tokenctl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// JWTSettings are SIMPLE_JWT: rest_framework_simplejwt/settings.py, DEFAULTS
// (5.5.1), under the same names in lower case. What is not set is
// simplejwt's default. What cannot be written in a file is left out: JSON_ENCODER,
// the classes and serializers, and JWK_URL, which would need the network.
type JWTSettings struct {
	AccessTokenLifetime         Duration `toml:"access_token_lifetime"`          // 5m
	RefreshTokenLifetime        Duration `toml:"refresh_token_lifetime"`         // 1d
	SlidingTokenLifetime        Duration `toml:"sliding_token_lifetime"`         // 5m
	SlidingTokenRefreshLifetime Duration `toml:"sliding_token_refresh_lifetime"` // 1d

	RotateRefreshTokens    bool `toml:"rotate_refresh_tokens"`
	BlacklistAfterRotation bool `toml:"blacklist_after_rotation"`
	UpdateLastLogin        bool `toml:"update_last_login"`

	Algorithm        string `toml:"algorithm"`          // HS256
	SigningKeyFile   string `toml:"signing_key_file"`   // SIGNING_KEY; SECRET_KEY where it is empty
	VerifyingKeyFile string `toml:"verifying_key_file"` // VERIFYING_KEY; not for HS*

	Issuer   string   `toml:"issuer"`
	Audience any      `toml:"audience"` // a string or a list of them; see Audiences
	Leeway   *Seconds `toml:"leeway"`   // 0

	AuthHeaderTypes []string `toml:"auth_header_types"` // ["Bearer"]
	AuthHeaderName  string   `toml:"auth_header_name"`  // HTTP_AUTHORIZATION

	UserIDField                 string `toml:"user_id_field"`                   // id
	UserIDClaim                 string `toml:"user_id_claim"`                   // user_id
	TokenTypeClaim              string `toml:"token_type_claim"`                // token_type
	JTIClaim                    string `toml:"jti_claim"`                       // jti
	SlidingTokenRefreshExpClaim string `toml:"sliding_token_refresh_exp_claim"` // refresh_exp

	CheckRevokeToken  bool   `toml:"check_revoke_token"`
	RevokeTokenClaim  string `toml:"revoke_token_claim"`   // hash_password
	CheckUserIsActive *bool  `toml:"check_user_is_active"` // true
}

// WithDefaults returns the settings with simplejwt's defaults filled in.
func (s JWTSettings) WithDefaults() JWTSettings {
	s.AccessTokenLifetime = cmp.Or(s.AccessTokenLifetime, Duration{5 * time.Minute})
	s.RefreshTokenLifetime = cmp.Or(s.RefreshTokenLifetime, Duration{24 * time.Hour})
	s.SlidingTokenLifetime = cmp.Or(s.SlidingTokenLifetime, Duration{5 * time.Minute})
	s.SlidingTokenRefreshLifetime = cmp.Or(s.SlidingTokenRefreshLifetime, Duration{24 * time.Hour})
	s.Algorithm = cmp.Or(s.Algorithm, "HS256")
	s.AuthHeaderName = cmp.Or(s.AuthHeaderName, "HTTP_AUTHORIZATION")
	s.UserIDField = cmp.Or(s.UserIDField, "id")
	names := s.ClaimNames()
	s.UserIDClaim, s.TokenTypeClaim, s.JTIClaim = names.User, names.Type, names.JTI
	s.SlidingTokenRefreshExpClaim, s.RevokeTokenClaim = names.Refresh, names.Revoke
	if len(s.AuthHeaderTypes) == 0 {
		s.AuthHeaderTypes = []string{"Bearer"}
	}
	s.Leeway = cmp.Or(s.Leeway, new(Seconds))
	s.CheckUserIsActive = cmp.Or(s.CheckUserIsActive, new(true))
	return s
}

// JWTClaimNames are the names of the claims that settings can rename.
type JWTClaimNames struct{ Type, JTI, User, Refresh, Revoke string }

// ClaimNames returns the names of the claims, simplejwt's defaults included.
func (s *JWTSettings) ClaimNames() JWTClaimNames {
	return JWTClaimNames{cmp.Or(s.TokenTypeClaim, "token_type"), cmp.Or(s.JTIClaim, "jti"), cmp.Or(s.UserIDClaim, "user_id"),
		cmp.Or(s.SlidingTokenRefreshExpClaim, "refresh_exp"), cmp.Or(s.RevokeTokenClaim, "hash_password")}
}

// FromSimpleJWT reports whether simplejwt itself puts a claim of this name into tokens.
func (n *JWTClaimNames) FromSimpleJWT(name string) bool {
	switch name {
	case "exp", "iat", "nbf", "aud", "iss", "jti", n.Type, n.JTI, n.User, n.Refresh, n.Revoke:
		return true
	}
	return false
}

// Audiences returns AUDIENCE, nil where there is none. list tells whether it is
// a list: a list of one is written to the aud claim as a list.
func (s JWTSettings) Audiences() (names []string, list bool, err error) {
	bad := ConfigError("simplejwt.audience must be a name or a list of names", "")
	switch a := s.Audience.(type) {
	case nil:
		return nil, false, nil
	case string:
		names = []string{a}
	case []string:
		names, list = a, true
	case []any:
		list = true
		for _, e := range a {
			name, ok := e.(string)
			if !ok {
				return nil, false, bad
			}
			names = append(names, name)
		}
	default:
		return nil, false, bad
	}
	if len(names) == 0 || slices.Contains(names, "") {
		return nil, false, bad
	}
	return names, list, nil
}

// Validate refuses what simplejwt would refuse at its start, and what would make
// tokens that no application can verify.
func (s JWTSettings) Validate() error {
	s = s.WithDefaults()
	if err := CheckJWTAlgorithm(s.Algorithm); err != nil {
		return err
	}
	for _, f := range []struct {
		setting string
		value   Duration
	}{
		{"access_token_lifetime", s.AccessTokenLifetime}, {"refresh_token_lifetime", s.RefreshTokenLifetime},
		{"sliding_token_lifetime", s.SlidingTokenLifetime}, {"sliding_token_refresh_lifetime", s.SlidingTokenRefreshLifetime},
	} {
		if tooShort(f.value.Duration) {
			return ConfigError("simplejwt."+f.setting+" must be at least a second", "")
		}
	}
	if err := checkColumn("simplejwt.user_id_field", s.UserIDField); err != nil {
		return err
	}
	if header, ok := strings.CutPrefix(s.AuthHeaderName, "HTTP_"); !ok || header == "" || strings.Trim(header, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return ConfigError("simplejwt.auth_header_name must be a header as Django's META has it", `write it as "HTTP_AUTHORIZATION"`)
	}
	if _, _, err := s.Audiences(); err != nil {
		return err
	}
	claims := []struct{ setting, name string }{
		{"user_id_claim", s.UserIDClaim},
		{"token_type_claim", s.TokenTypeClaim},
		{"jti_claim", s.JTIClaim},
		{"sliding_token_refresh_exp_claim", s.SlidingTokenRefreshExpClaim},
	}
	if s.CheckRevokeToken {
		claims = append(claims, struct{ setting, name string }{"revoke_token_claim", s.RevokeTokenClaim})
	}
	taken := map[string]bool{"exp": true, "iat": true, "nbf": true, "aud": true, "iss": true}
	for _, c := range claims {
		if taken[c.name] {
			return ConfigError(fmt.Sprintf("simplejwt.%s: the claim %q has another use", c.setting, c.name), "")
		}
		taken[c.name] = true
	}
	for _, word := range s.AuthHeaderTypes {
		if word == "" || !visibleWord(word) {
			return ConfigError("simplejwt.auth_header_types must be words of visible ASCII characters", "")
		}
	}
	return nil
}

// ConfigError returns a [CodeConfigInvalid] error.
func ConfigError(message, hint string) *Error {
	return &Error{Code: CodeConfigInvalid, Message: message, Hint: hint}
}

// jwtAlgorithms are ALLOWED_ALGORITHMS of rest_framework_simplejwt/backends.py (5.5.1) without
// ES256K and Ed448.
var jwtAlgorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// CheckJWTAlgorithm returns a [CodeConfigInvalid] error for an ALGORITHM that tokenctl does not sign with.
func CheckJWTAlgorithm(name string) error {
	if !slices.Contains(jwtAlgorithms, name) {
		return ConfigError("simplejwt.algorithm: tokenctl has none of that name", "it has "+strings.Join(jwtAlgorithms, ", "))
	}
	return nil
}
