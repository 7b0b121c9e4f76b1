package tokenctl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SessionSettings describe django.contrib.sessions in the application: Django's SESSION_ settings in
// lower case. What is not set is Django's default.
type SessionSettings struct {
	Engine               string  `toml:"engine"`                  // SESSION_ENGINE; a name such as "db" is short for Django's module
	Serializer           string  `toml:"serializer"`              // SESSION_SERIALIZER
	CookieName           string  `toml:"cookie_name"`             // SESSION_COOKIE_NAME
	CookieAge            Seconds `toml:"cookie_age"`              // SESSION_COOKIE_AGE
	ExpireAtBrowserClose bool    `toml:"expire_at_browser_close"` // SESSION_EXPIRE_AT_BROWSER_CLOSE
	SaveEveryRequest     bool    `toml:"save_every_request"`      // SESSION_SAVE_EVERY_REQUEST
	SessionTable         string  `toml:"session_table"`           // the table of a session model of the project's own, where its columns do not tell it

	CacheURL          ServerURL `toml:"cache_url"`           // LOCATION of the entry of CACHES that SESSION_CACHE_ALIAS names: redis://, rediss://, unix:// or memcached://
	CacheBackend      string    `toml:"cache_backend"`       // BACKEND; redis, django_redis or memcached is short for one
	CacheKeyPrefix    string    `toml:"cache_key_prefix"`    // KEY_PREFIX
	CacheVersion      *int      `toml:"cache_version"`       // VERSION
	CacheKeyFunction  string    `toml:"cache_key_function"`  // KEY_FUNCTION as a template of {prefix}, {version} and {key}
	CacheSerializer   string    `toml:"cache_serializer"`    // django-redis's SERIALIZER; pickle or json is short for one
	CacheCompressor   string    `toml:"cache_compressor"`    // django-redis's COMPRESSOR; zlib and the like are short for one
	CachePasswordFile string    `toml:"cache_password_file"` // holds the password of cache_url
}

// The defaults of django/conf/global_settings.py (4.2).
const (
	sessionBackends         = "django.contrib.sessions.backends."
	defaultSessionEngine    = sessionBackends + "db"
	sessionSerializers      = "django.contrib.sessions.serializers."
	defaultSessionCookie    = "sessionid"
	defaultSessionCookieAge = 14 * 24 * time.Hour
)

// Cookie is the name of the cookie that holds the session key.
func (s SessionSettings) Cookie() string {
	return cmp.Or(s.CookieName, defaultSessionCookie)
}

// Age is how long a session lives that does not say so itself.
func (s SessionSettings) Age() time.Duration {
	return cmp.Or(s.CookieAge.Duration, defaultSessionCookieAge)
}

// EngineModule is the dotted path of the session engine.
func (s SessionSettings) EngineModule() string {
	return dotted(sessionBackends, cmp.Or(s.Engine, "db"))
}

// InDatabase reports whether the engine keeps sessions as rows of a table, so that one minted there
// is found. One of the project's own does if it has a table.
func (s SessionSettings) InDatabase() bool {
	module := s.EngineModule()
	return module == defaultSessionEngine || module == cachedDBEngine || s.SessionTable != "" && !strings.HasPrefix(module, sessionBackends)
}

// DeletingLogsOut reports whether a session ends at once when its row is deleted, and if not, why:
// the engines of django/contrib/sessions/backends (4.2).
func (s SessionSettings) DeletingLogsOut() (ok bool, reason string) {
	const instead = "; changing the user's password or deactivating the user ends it"
	const reach = "; with cache_url under [session] in tokenctl.toml, tokenctl reaches the cache"
	switch {
	case s.CacheOnly() && s.Memcached():
		return false, "the sessions are in memcached, which cannot list them: only one whose key is given ends" + instead
	case s.Cached():
		return true, ""
	}
	switch module := s.EngineModule(); strings.TrimPrefix(module, sessionBackends) {
	case "db":
		return true, ""
	case "cached_db":
		return false, "the cached_db engine looks into the cache first, so a session lives on without its row until the cache forgets it" + instead + reach
	case "cache":
		return false, "the cache engine keeps sessions in the cache, not in the database" + instead + reach
	case "signed_cookies":
		return false, "the signed_cookies engine keeps sessions in the browser's cookie, not in the database" + instead
	case "file":
		return false, "the file engine keeps sessions in files, not in the database" + instead
	default:
		return false, fmt.Sprintf("%s is not an engine of Django's own, so whether a session ends with its row is not known%s", module, instead)
	}
}

// serializerClass is the dotted path of the serializer.
func (s SessionSettings) serializerClass() string {
	return dotted(sessionSerializers, cmp.Or(s.Serializer, "JSONSerializer"))
}

// dotted returns the dotted path for a name, which may be short for one of a module of Django's.
func dotted(module, name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return module + name
}

// Pickles reports whether the application writes sessions that only Python can read, and that only
// Python can write for it: any serializer but Django's for JSON may.
func (s SessionSettings) Pickles() bool {
	class := s.serializerClass()
	return class != sessionSerializers+"JSONSerializer" && class != "django.core.signing.JSONSerializer"
}

// Validate returns a [CodeConfigInvalid] error for a value that Django could not work with.
func (s SessionSettings) Validate() error {
	invalid := func(message string) error { return &Error{Code: CodeConfigInvalid, Message: message} }
	if age := s.Age(); age < time.Second {
		return invalid(`session.cookie_age must be a duration of at least a second, such as "14d"`)
	}
	if i := strings.IndexFunc(s.CookieName, func(r rune) bool { return !isCookieNameRune(r) }); i >= 0 {
		return invalid("session.cookie_name must be the name of a cookie: letters, digits and -_.")
	}
	for _, path := range []struct {
		key, value, module string
		names              []string
	}{
		{"engine", s.EngineModule(), sessionBackends, []string{"db", "cached_db", "cache", "file", "signed_cookies"}},
		{"serializer", s.serializerClass(), sessionSerializers, []string{"JSONSerializer", "PickleSerializer"}},
	} {
		if !visibleWord(path.value) {
			return invalid("session." + path.key + " must be the dotted path of a Python module or class")
		}
		if name, ours := strings.CutPrefix(path.value, path.module); ours && !slices.Contains(path.names, name) {
			return invalid("session." + path.key + ": Django has none of that name, but " + strings.Join(path.names, ", "))
		}
	}
	return s.validateCache()
}

// isCookieNameRune knows the characters of RFC 6265's cookie-name, a token of RFC 2616.
func isCookieNameRune(r rune) bool {
	return '!' <= r && r <= '~' && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
}
