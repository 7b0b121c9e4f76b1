package django

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Settings are the contents of tokenctl.toml: Django's own setting names in
// lower case, grouped by the package they belong to. The zero value is every
// peer's default.
type Settings struct {
	Database               string          `toml:"database"`                  // as DATABASE_URL
	SecretKeyFile          string          `toml:"secret_key_file"`           // holds Django's SECRET_KEY
	SecretKeyFallbackFiles []string        `toml:"secret_key_fallback_files"` // hold SECRET_KEY_FALLBACKS, in order
	Auth                   AuthSettings    `toml:"auth"`
	DRF                    DRFSettings     `toml:"drf"`
	Knox                   KnoxSettings    `toml:"knox"`
	SimpleJWT              JWTSettings     `toml:"simplejwt"`
	Session                SessionSettings `toml:"session"`
	Time                   TimeSettings    `toml:"time"`
	Peers                  Peers           `toml:"peers"`
	Server                 ServerSettings  `toml:"server"`
}

// AuthSettings describe django.contrib.auth in the application.
type AuthSettings struct {
	UserTable        string `toml:"user_table"`        // the table of AUTH_USER_MODEL, where no foreign key tells it
	UsernameField    string `toml:"username_field"`    // USERNAME_FIELD, where more than one column could be it
	PasswordHasher   string `toml:"password_hasher"`   // the algorithm of the first of PASSWORD_HASHERS; "pbkdf2_sha256" when empty
	PBKDF2Iterations int    `toml:"pbkdf2_iterations"` // what the application's PBKDF2PasswordHasher uses
}

// DRFSettings describe rest_framework.authtoken in the application.
type DRFSettings struct {
	Keyword string `toml:"keyword"` // TokenAuthentication.keyword; "Token" when empty
}

// Peers are the versions of the application's packages, such as "4.2". An empty
// one is the newest that tokenctl knows.
type Peers struct {
	Django      Version `toml:"django"`
	DRF         Version `toml:"drf"`
	SimpleJWT   Version `toml:"simplejwt"`
	PyJWT       Version `toml:"pyjwt"`
	Knox        Version `toml:"knox"`
	CORSHeaders Version `toml:"corsheaders"`
}

// TokenKeyword is the word before a DRF key in the Authorization header.
func (s *Settings) TokenKeyword() string {
	if s.DRF.Keyword == "" {
		return "Token"
	}
	return s.DRF.Keyword
}

// ParseSettings reads a tokenctl.toml. An unknown key, a value of the wrong
// type or one out of range is a CodeConfigInvalid error that names the line.
func ParseSettings(text []byte) (*Settings, error) {
	s := new(Settings)
	if err := s.Apply(text); err != nil {
		return nil, err
	}
	return s, nil
}

// Apply reads settings over those that are there, as [ParseSettings] does.
func (s *Settings) Apply(text []byte) error {
	dec := toml.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return settingsError(err)
	}
	if n := s.Auth.PBKDF2Iterations; n != 0 && (n < MinPBKDF2Iterations || n > maxPBKDF2Iterations) {
		return &Error{Code: CodeConfigInvalid,
			Message: fmt.Sprintf("auth.pbkdf2_iterations must lie between %d and %d", MinPBKDF2Iterations, maxPBKDF2Iterations)}
	}
	if name := s.Auth.PasswordHasher; name != "" && !slices.Contains(Hashers(), name) {
		return &Error{Code: CodeConfigInvalid, Message: "auth.password_hasher is not one that tokenctl writes",
			Hint: "it writes " + strings.Join(Hashers(), ", ")}
	}
	if strings.ContainsAny(s.DRF.Keyword, " \t\r\n") {
		return &Error{Code: CodeConfigInvalid, Message: "drf.keyword must be one word"}
	}
	for _, part := range []interface{ Validate() error }{s.Knox, s.SimpleJWT, s.Session, s.Time, s.Server} {
		if err := part.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// settingsError says where the fault is without quoting the line: it may hold
// a database password.
func settingsError(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		var keys []string
		for _, e := range unknown.Errors {
			row, _ := e.Position()
			keys = append(keys, fmt.Sprintf("%s (line %d)", strings.Join(e.Key(), "."), row))
		}
		return &Error{Code: CodeConfigInvalid, Message: "unknown setting " + strings.Join(keys, ", "),
			Hint: "the README lists the settings that tokenctl.toml may hold"}
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, column := bad.Position()
		what := "not valid TOML"
		if key := strings.Join(bad.Key(), "."); key != "" {
			what = key + " has the wrong type or form"
		}
		return &Error{Code: CodeConfigInvalid, Message: fmt.Sprintf("line %d, column %d: %s", row, column, what), Err: err}
	}
	return &Error{Code: CodeConfigInvalid, Message: "not valid TOML", Err: err}
}
