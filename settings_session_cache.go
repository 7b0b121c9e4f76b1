package tokenctl

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ServerURL is the URL of a server. It may contain passwords.
type ServerURL string

// String returns the URL without its passwords.
func (u ServerURL) String() string {
	if u == "" {
		return ""
	}
	parsed, err := url.Parse(string(u))
	if err != nil {
		return Redacted
	}
	if parsed.User != nil {
		parsed.User = url.User(parsed.User.Username())
	}
	query := parsed.Query()
	maps.DeleteFunc(query, func(name string, _ []string) bool { return strings.Contains(strings.ToLower(name), "password") })
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

// The engines of django/contrib/sessions/backends (4.2) that use a cache, and the beginning of KEY_PREFIX in
// their files. Every key of a session begins with KEY_PREFIX.
const (
	cacheEngine    = sessionBackends + "cache"
	cachedDBEngine = sessionBackends + "cached_db"
	sessionKeys    = "django.contrib.sessions."
)

// The short names for BACKEND, SERIALIZER and COMPRESSOR of CACHES, and their classes in Django (4.2) and
// django-redis (5.4).
var (
	cacheBackends = map[string]string{
		"redis":        "django.core.cache.backends.redis.RedisCache",
		"django_redis": "django_redis.cache.RedisCache",
		"memcached":    "django.core.cache.backends.memcached.PyMemcacheCache",
	}
	cacheSerializers = map[string]string{
		"pickle": "django_redis.serializers.pickle.PickleSerializer",
		"json":   "django_redis.serializers.json.JSONSerializer",
	}
	cacheCompressors = map[string]string{
		"identity": "django_redis.compressors.identity.IdentityCompressor",
		"zlib":     "django_redis.compressors.zlib.ZlibCompressor",
		"gzip":     "django_redis.compressors.gzip.GzipCompressor",
		"lzma":     "django_redis.compressors.lzma.LzmaCompressor",
		"zstd":     "django_redis.compressors.zstd.ZStdCompressor",
		"lz4":      "django_redis.compressors.lz4.Lz4Compressor",
	}
)

// djangoSerializer is the serializer of Django's own Redis backend
// (django/core/cache/backends/redis.py, 4.2).
const djangoSerializer = "django.core.cache.backends.redis.RedisSerializer"

// DefaultKeyFunction is the template of default_key_func in django/core/cache/backends/base.py (4.2).
const DefaultKeyFunction = "{prefix}:{version}:{key}"

// shortName returns the short name for a value, which may be a short name or a class. It returns "" for an unknown
// value.
func shortName(names map[string]string, value string) string {
	for short, class := range names {
		if value == short || value == class {
			return short
		}
	}
	return ""
}

// CachePassword is the name of the environment variable for the password of cache_url.
const CachePassword = "TOKENCTL_CACHE_PASSWORD"

// Cached reports whether the application keeps sessions in a cache that tokenctl can reach.
func (s SessionSettings) Cached() bool {
	module := s.EngineModule()
	return s.CacheURL != "" && (module == cacheEngine || module == cachedDBEngine)
}

// CacheOnly reports whether the application keeps sessions in that cache and in no table.
func (s SessionSettings) CacheOnly() bool { return s.Cached() && s.EngineModule() == cacheEngine }

// Memcached reports whether cache_url is the URL of memcached servers.
func (s SessionSettings) Memcached() bool { return strings.HasPrefix(string(s.CacheURL), "memcached:") }

// CacheKeys returns the beginning of the application's keys of sessions: cache_key_prefix of SessionStore in
// django/contrib/sessions/backends/cache.py and cached_db.py (4.2).
func (s SessionSettings) CacheKeys() string {
	return sessionKeys + strings.TrimPrefix(s.EngineModule(), sessionBackends)
}

// Version returns the VERSION of the cache, as its key function writes it.
func (s SessionSettings) Version() string {
	if s.CacheVersion == nil {
		return "1"
	}
	return strconv.Itoa(*s.CacheVersion)
}

// KeyFunction returns the template of the cache's keys.
func (s SessionSettings) KeyFunction() string {
	return cmp.Or(s.CacheKeyFunction, DefaultKeyFunction)
}

// WritesJSON reports whether the cache's values are JSON. Otherwise they are pickles.
func (s SessionSettings) WritesJSON() bool {
	return shortName(cacheSerializers, s.CacheSerializer) == "json"
}

// cacheBackend returns the dotted path of the cache's class.
func (s SessionSettings) cacheBackend() string {
	name := s.CacheBackend
	switch {
	case s.CacheURL == "":
	case name == "" && s.Memcached():
		name = "memcached"
	case name == "":
		name = "redis"
	}
	return cmp.Or(cacheBackends[name], name)
}

// withCacheDefaults returns the settings with the defaults for a configured cache.
func (s SessionSettings) withCacheDefaults() SessionSettings {
	if s.CacheURL == "" {
		return s
	}
	one := 1
	s.CacheBackend, s.CacheKeyFunction, s.CacheVersion = s.cacheBackend(), s.KeyFunction(), cmp.Or(s.CacheVersion, &one)
	if s.Memcached() {
		return s
	}
	if s.CacheSerializer == "" && s.CacheBackend == cacheBackends["redis"] {
		s.CacheSerializer = djangoSerializer
	}
	s.CacheSerializer = cmp.Or(cacheSerializers[cmp.Or(s.CacheSerializer, "pickle")], s.CacheSerializer)
	s.CacheCompressor = cmp.Or(cacheCompressors[cmp.Or(s.CacheCompressor, "identity")], s.CacheCompressor)
	return s
}

// validateCache returns a [CodeConfigInvalid] error for a cache that tokenctl cannot use.
func (s SessionSettings) validateCache() error {
	invalid := func(key, format string, args ...any) error {
		return &Error{Code: CodeConfigInvalid, Message: "session." + key + " " + fmt.Sprintf(format, args...)}
	}
	named := func(names map[string]string) string { return strings.Join(slices.Sorted(maps.Keys(names)), ", ") }
	scheme, _, _ := strings.Cut(string(s.CacheURL), ":")
	redis := shortName(cacheBackends, s.cacheBackend())
	switch {
	case s.CacheURL != "" && !slices.Contains([]string{"redis", "rediss", "unix", "memcached"}, scheme):
		return invalid("cache_url", "must begin with redis://, rediss://, unix:// or memcached://")
	case s.CacheURL != "" && (redis == "redis" || redis == "django_redis") == s.Memcached() && redis != "":
		return invalid("cache_backend", "does not fit cache_url, whose scheme is %s", scheme)
	case !visibleWord(s.CacheBackend):
		return invalid("cache_backend", "must be the dotted path of a Python class, or one of %s", named(cacheBackends))
	case s.CacheKeyFunction != "" && strings.Count(s.CacheKeyFunction, "{key}") != 1:
		return invalid("cache_key_function", "must have {key} in it once, such as %q", "{prefix}/v{version}/{key}")
	case s.CacheSerializer != "" && s.CacheSerializer != djangoSerializer && shortName(cacheSerializers, s.CacheSerializer) == "":
		return invalid("cache_serializer", "must be one that tokenctl can read: %s, or the class of django-redis or Django", named(cacheSerializers))
	case s.CacheCompressor != "" && shortName(cacheCompressors, s.CacheCompressor) == "":
		return invalid("cache_compressor", "must be one that tokenctl can read: %s, or the class of django-redis", named(cacheCompressors))
	}
	return nil
}
