package tokenctl

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

func parseJWTSettings(text string) (s JWTSettings, err error) {
	dec := toml.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	err = dec.Decode(&s)
	return s, err
}

func TestJWTSettings(t *testing.T) {
	s, err := parseJWTSettings(`
access_token_lifetime = "15m"
refresh_token_lifetime = "90d"
rotate_refresh_tokens = true
audience = ["app"]
leeway = 30
auth_header_types = ["JWT", "Bearer"]
check_user_is_active = false
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	s = s.WithDefaults()
	if s.AccessTokenLifetime.Duration != 15*time.Minute || s.RefreshTokenLifetime.String() != "90d" || !s.RotateRefreshTokens ||
		s.SlidingTokenLifetime.Duration != 5*time.Minute || s.SlidingTokenRefreshLifetime.Duration != 24*time.Hour || s.Leeway.Duration != 30*time.Second ||
		*s.CheckUserIsActive || s.UserIDClaim != "user_id" || s.RevokeTokenClaim != "hash_password" {
		t.Errorf("%+v", s)
	}
	if names, list, err := s.Audiences(); len(names) != 1 || names[0] != "app" || !list || err != nil {
		t.Errorf("%q, %v, %v", names, list, err)
	}
	if !*(JWTSettings{}).WithDefaults().CheckUserIsActive {
		t.Error("CHECK_USER_IS_ACTIVE defaults to true")
	}
	for value, want := range map[string]time.Duration{`0.5`: time.Second / 2, `"2m"`: 2 * time.Minute, `"1.5"`: 1500 * time.Millisecond, `0`: 0, `1_000`: 1000 * time.Second} {
		if s, err := parseJWTSettings("leeway = " + value); err != nil || s.Leeway.Duration != want {
			t.Errorf("leeway %s: %v, %v", value, s.Leeway, err)
		}
	}
}

func TestJWTSettingsRefused(t *testing.T) {
	for _, text := range []string{`access_token_lifetime = "0m"`, `access_token_lifetime = "long"`, `access_token_lifetime = 300`,
		`leeway = -1`, `leeway = "nan"`, `leeway = inf`, `json_encoder = "x"`} {
		if _, err := parseJWTSettings(text); err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
	for text, want := range map[string]string{
		`algorithm = "none"`:                "simplejwt.algorithm",
		`audience = ""`:                     "simplejwt.audience",
		`audience = []`:                     "simplejwt.audience",
		`audience = 7`:                      "simplejwt.audience",
		`audience = ["a", 1]`:               "simplejwt.audience",
		`user_id_claim = "exp"`:             "simplejwt.user_id_claim",
		`token_type_claim = "jti"`:          "simplejwt.jti_claim",
		`auth_header_types = ["two words"]`: "simplejwt.auth_header_types",
		"check_revoke_token = true\nrevoke_token_claim = \"iss\"": "simplejwt.revoke_token_claim",
	} {
		s, err := parseJWTSettings(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); CodeOf(err) != CodeConfigInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
