package tokenctl

import (
	"cmp"
	"strings"
	"time"
)

// DenylistSettings describes the Redis server with the denylist: entries for JWTs that are void before they
// expire. tokenctl writes the entries, and the application must read them: see docs/recipes.md.
type DenylistSettings struct {
	URL          string   `toml:"url"`           // redis://, rediss:// or unix://; empty: there is no denylist
	Prefix       string   `toml:"prefix"`        // the beginning of every key of the denylist
	Keep         Duration `toml:"keep"`          // the shortest lifetime of a user's entry
	PasswordFile string   `toml:"password_file"` // a file with the password, which replaces that of the URL
}

// The defaults of a denylist.
const (
	DefaultDenylistPrefix = "denylist:"
	DefaultDenylistKeep   = 30 * 24 * time.Hour
)

// WithDefaults returns the settings with the defaults filled in.
func (s DenylistSettings) WithDefaults() DenylistSettings {
	s.Prefix = cmp.Or(s.Prefix, DefaultDenylistPrefix)
	s.Keep.Duration = cmp.Or(s.Keep.Duration, DefaultDenylistKeep)
	return s
}

// Validate returns a [CodeConfigInvalid] error for a value that no denylist can have. It checks only the scheme of
// the URL; the client of Redis checks the rest.
func (s DenylistSettings) Validate() error {
	if s.URL != "" && !RedisURL(s.URL) {
		return ConfigError("denylist.url must begin with redis://, rediss:// or unix://", "")
	}
	if tooShort(s.Keep.Duration) {
		return ConfigError("denylist.keep must be a duration of at least a second, such as \"30d\"", "")
	}
	return nil
}

// RedisURL reports whether a text begins with the scheme of a URL for Redis.
func RedisURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (scheme == "redis" || scheme == "rediss" || scheme == "unix")
}
