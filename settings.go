package tokenctl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Settings are the contents of tokenctl.toml: Django's own setting names in
// lower case, grouped by the package they belong to. The zero value is every
// peer's default.
type Settings struct {
	Database               string           `toml:"database"`                  // as DATABASE_URL
	SecretKeyFile          string           `toml:"secret_key_file"`           // holds Django's SECRET_KEY
	SecretKeyFallbackFiles []string         `toml:"secret_key_fallback_files"` // hold SECRET_KEY_FALLBACKS, in order
	Journal                string           `toml:"journal"`                   // the file that every command that changes rows writes a record to
	Auth                   AuthSettings     `toml:"auth"`
	DRF                    DRFSettings      `toml:"drf"`
	Knox                   KnoxSettings     `toml:"knox"`
	SimpleJWT              JWTSettings      `toml:"simplejwt"`
	Session                SessionSettings  `toml:"session"`
	Denylist               DenylistSettings `toml:"denylist"`
	Time                   TimeSettings     `toml:"time"`
	Peers                  Peers            `toml:"peers"`
	Server                 ServerSettings   `toml:"server"`
	Audit                  AuditSettings    `toml:"audit"`
}

// checkColumn refuses a column that holds secrets for one that names users: its values
// would be in every list, and in the claims of JWTs.
func checkColumn(setting, column string) error {
	lower := strings.ToLower(column)
	if strings.Contains(lower, "password") || strings.Contains(lower, "passwd") || strings.Contains(lower, "secret") {
		return &Error{Code: CodeConfigInvalid, Message: setting + ": the column " + column + " holds secrets", Hint: "name the column that the application names its users by"}
	}
	return nil
}

// DRFSettings describe rest_framework.authtoken in the application.
type DRFSettings struct {
	Keyword    string `toml:"keyword"`     // TokenAuthentication.keyword; "Token" where it is not set
	TokenTable string `toml:"token_table"` // the table of a token model of the project's own, where its columns do not tell it
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
	return cmp.Or(s.DRF.Keyword, "Token")
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
		return settingsError(text, err)
	}
	if err := s.checkKeys(text); err != nil {
		return err
	}
	if !visibleWord(s.DRF.Keyword) {
		return &Error{Code: CodeConfigInvalid, Message: "drf.keyword must be one word of visible ASCII characters"}
	}
	for _, part := range []interface{ Validate() error }{s.Auth, s.Knox, s.SimpleJWT, s.Session, s.Denylist, s.Time, s.Server, s.Peers, s.Audit} {
		if err := part.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// visibleWord reports whether a text can stand in a header as one word, or is empty.
func visibleWord(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// settingsError says where the fault is without quoting the line: it may hold
// a database password.
func settingsError(text []byte, err error) error {
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
		if lines := strings.Split(string(text), "\n"); row <= len(lines) {
			if found := Invisible(strings.Trim(lines[row-1], " \t\r")); found != "" {
				what += "; there is " + found
			}
		}
		return &Error{Code: CodeConfigInvalid, Message: fmt.Sprintf("line %d, column %d: %s", row, column, what), Hint: durationHint(err), Err: err}
	}
	// The decoder gives no position for a number that does not fit its setting.
	if key := failing(text); key != "" {
		return &Error{Code: CodeConfigInvalid, Message: fmt.Sprintf("line %d: %s has the wrong type or form", SettingLines(text)[key], key), Hint: durationHint(err), Err: err}
	}
	return &Error{Code: CodeConfigInvalid, Message: "not valid TOML", Err: err}
}

// durationHint is the hint for a setting that is no duration.
func durationHint(err error) string {
	if strings.Contains(err.Error(), "duration") || strings.Contains(err.Error(), "longer than zero") {
		return `write a duration, such as "15m", "12h" or "90d"`
	}
	return ""
}

// failing is the first setting of a section that cannot be read by itself.
func failing(text []byte) string {
	var sections map[string]any
	if toml.Unmarshal(text, &sections) != nil {
		return ""
	}
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		table, _ := sections[section].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(table)) {
			one, err := toml.Marshal(map[string]any{section: map[string]any{key: table[key]}})
			if err == nil && toml.Unmarshal(one, new(Settings)) != nil {
				return section + "." + key
			}
		}
	}
	return ""
}
