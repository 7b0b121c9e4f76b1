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

// ServerURL is the URL of a server. It may hold passwords.
type ServerURL string

// String is the URL without its passwords.
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

// The engines of django/contrib/sessions/backends that use a cache (4.2), and KEY_PREFIX in their
// files, with which every key of a session begins.
const (
	cacheEngine    = sessionBackends + "cache"
	cachedDBEngine = sessionBackends + "cached_db"
	sessionKeys    = "django.contrib.sessions."
)

// The short names of CACHES' BACKEND, SERIALIZER and COMPRESSOR: classes of Django (4.2) and of
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

// DefaultKeyFunction is default_key_func of django/core/cache/backends/base.py (4.2) as a template.
const DefaultKeyFunction = "{prefix}:{version}:{key}"

// shortName is the name of a class among those that tokenctl knows, which may be written either
// way; empty if it is none of them.
func shortName(names map[string]string, value string) string {
	for short, class := range names {
		if value == short || value == class {
			return short
		}
	}
	return ""
}

// CachePassword is the environment variable for the password of cache_url.
const CachePassword = "TOKENCTL_CACHE_PASSWORD"

// Cached reports whether the application keeps sessions in a cache that tokenctl can reach.
func (s SessionSettings) Cached() bool {
	module := s.EngineModule()
	return s.CacheURL != "" && (module == cacheEngine || module == cachedDBEngine)
}

// CacheOnly reports whether the application keeps sessions in that cache and in no table.
func (s SessionSettings) CacheOnly() bool { return s.Cached() && s.EngineModule() == cacheEngine }

// Memcached reports whether cache_url is that of memcached servers.
func (s SessionSettings) Memcached() bool { return strings.HasPrefix(string(s.CacheURL), "memcached:") }

// CacheKeys is what the application's keys of sessions begin with: cache_key_prefix of
// SessionStore in django/contrib/sessions/backends/cache.py and cached_db.py (4.2).
func (s SessionSettings) CacheKeys() string {
	return sessionKeys + strings.TrimPrefix(s.EngineModule(), sessionBackends)
}

// Version is the VERSION of the cache as its key function writes it.
func (s SessionSettings) Version() string {
	if s.CacheVersion == nil {
		return "1"
	}
	return strconv.Itoa(*s.CacheVersion)
}

// KeyFunction is the template of the cache's keys.
func (s SessionSettings) KeyFunction() string {
	return cmp.Or(s.CacheKeyFunction, DefaultKeyFunction)
}

// WritesJSON reports whether the cache's values are JSON rather than pickles.
func (s SessionSettings) WritesJSON() bool {
	return shortName(cacheSerializers, s.CacheSerializer) == "json"
}

// Compressor is the short name of the cache's compressor; empty is none.
func (s SessionSettings) Compressor() string {
	if name := shortName(cacheCompressors, s.CacheCompressor); name != "identity" {
		return name
	}
	return ""
}

// cacheBackend is the dotted path of the cache's class.
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

// withCacheDefaults fills in the defaults of a cache that is configured.
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

// validateCache returns a [CodeConfigInvalid] error for a cache that tokenctl cannot work with.
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
