package tokenctl

import (
	"strings"
	"time"
)

// DenylistSettings describe the Redis in which tokenctl writes which JWTs are void although
// they have not expired. The application must ask it: see docs/recipes.md.
type DenylistSettings struct {
	URL          string   `toml:"url"`           // redis://, rediss:// or unix://; empty: there is no denylist
	Prefix       string   `toml:"prefix"`        // of its keys
	Keep         Duration `toml:"keep"`          // how long a user's entry lives at least
	PasswordFile string   `toml:"password_file"` // holds the password, instead of the URL
}

// The defaults of a denylist.
const (
	DefaultDenylistPrefix = "denylist:"
	DefaultDenylistKeep   = 30 * 24 * time.Hour
)

// WithDefaults returns the settings with the defaults filled in.
func (s DenylistSettings) WithDefaults() DenylistSettings {
	if s.Prefix == "" {
		s.Prefix = DefaultDenylistPrefix
	}
	if s.Keep.Duration == 0 {
		s.Keep.Duration = DefaultDenylistKeep
	}
	return s
}

// Validate returns a [CodeConfigInvalid] error for a value that no denylist could have. What
// comes behind the scheme of the URL is read when Redis is asked.
func (s DenylistSettings) Validate() error {
	if s.URL != "" && !RedisURL(s.URL) {
		return ConfigError("denylist.url must begin with redis://, rediss:// or unix://", "")
	}
	if tooShort(s.Keep.Duration) {
		return ConfigError("denylist.keep must be a duration of at least a second, such as \"30d\"", "")
	}
	return nil
}

// RedisURL reports whether a text begins as the URL of a Redis does.
func RedisURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (scheme == "redis" || scheme == "rediss" || scheme == "unix")
}
