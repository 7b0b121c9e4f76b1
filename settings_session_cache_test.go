package tokenctl

import (
	"strings"
	"testing"
)

func TestSessionCacheChecked(t *testing.T) {
	const url = "[session]\ncache_url = 'redis://h'\n"
	for text, want := range map[string]string{
		`session.cache_url = "redis://h:6379/1"`:      "",
		`session.cache_url = "rediss://u:p@h/1"`:      "",
		`session.cache_url = "unix:///run/s?db=1"`:    "",
		`session.cache_url = "memcached://h:11211,i"`: "",
		`session.cache_url = "http://h"`:              "session.cache_url must begin with",
		`session.cache_url = "h:6379"`:                "session.cache_url must begin with",
		`session.cache_url = ""`:                      "session.cache_url is empty",
		`session.cache_backend = "shop.Cache"`:        "",
		url + `cache_backend = "django_redis"`:        "",
		url + `cache_backend = "memcached"`:           "session.cache_backend does not fit cache_url",
		url + `cache_backend = "a b"`:                 "session.cache_backend must be",
		"[session]\ncache_url = 'memcached://h'\ncache_backend = 'django.core.cache.backends.redis.RedisCache'": "session.cache_backend does not fit",
		url + `cache_key_prefix = "a*[b"`:                                               "",
		url + `cache_version = 0`:                                                       "",
		url + `cache_version = "a"`:                                                     "session.cache_version",
		url + `cache_key_function = "{prefix}/{key}"`:                                   "",
		url + `cache_key_function = "{prefix}"`:                                         "session.cache_key_function must have {key}",
		url + `cache_key_function = "{key}{key}"`:                                       "session.cache_key_function must have {key}",
		url + `cache_serializer = "json"`:                                               "",
		url + `cache_serializer = "` + djangoSerializer + `"`:                           "",
		url + `cache_serializer = "django_redis.serializers.msgpack.MSGPackSerializer"`: "session.cache_serializer must be one",
		url + `cache_compressor = "django_redis.compressors.zstd.ZStdCompressor"`:       "",
		url + `cache_compressor = "bzip2"`:                                              "session.cache_compressor must be one",
	} {
		wantSetting(t, text, want)
	}
}

func TestSessionCache(t *testing.T) {
	for text, want := range map[string]struct{ cached, only, rows bool }{
		"engine = 'cache'":                                  {},
		"engine = 'cache'\ncache_url = 'redis://h'":         {cached: true, only: true},
		"engine = 'cached_db'\ncache_url = 'redis://h'":     {cached: true, rows: true},
		"engine = 'cached_db'":                              {rows: true},
		"engine = 'cache'\ncache_url = 'memcached://h'":     {cached: true, only: true},
		"engine = 'db'\ncache_url = 'redis://h'":            {rows: true},
		"engine = 'cached_db'\ncache_url = 'memcached://h'": {cached: true, rows: true},
	} {
		s, err := ParseSettings([]byte("[session]\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		ends, why := s.Session.DeletingLogsOut()
		if s.Session.Cached() != want.cached || s.Session.CacheOnly() != want.only || s.Session.InDatabase() != want.rows {
			t.Errorf("%s: %+v", text, s.Session)
		}
		if listless := want.only && s.Session.Memcached(); listless {
			if ends || !strings.Contains(why, "cannot list them") {
				t.Errorf("%s: %s", text, why)
			}
			continue
		}
		if unreached := !want.cached && !strings.Contains(text, "'db'"); ends == unreached || strings.Contains(why, "cache_url under [session]") != unreached {
			t.Errorf("%s: %s", text, why)
		}
	}
	s, err := ParseSettings([]byte("[session]\nengine = 'cached_db'\ncache_url = 'redis://h'\ncache_serializer = 'json'"))
	if err != nil {
		t.Fatal(err)
	}
	if keys := s.Session.CacheKeys(); keys != "django.contrib.sessions.cached_db" {
		t.Error(keys)
	}
	if s := s.WithDefaults().Session; s.CacheBackend != "django.core.cache.backends.redis.RedisCache" || *s.CacheVersion != 1 || s.CacheKeyFunction != "{prefix}:{version}:{key}" ||
		s.CacheSerializer != "django_redis.serializers.json.JSONSerializer" || !s.WritesJSON() {
		t.Errorf("%+v", s)
	}
}

func TestServerURL(t *testing.T) {
	for text, want := range map[ServerURL]string{
		"":                      "",
		"redis://h:6379/1":      "redis://h:6379/1",
		"redis://u:hush@h/1":    "redis://u@h/1",
		"redis://:hush@h/1":     "redis://@h/1",
		"unix://u:hush@/s?db=1": "unix://u@/s?db=1",
		"redis://h\x7f:hush":    Redacted,
		"redis://h/0?sentinel_password=hush&master_name=m": "redis://h/0?master_name=m",
	} {
		if got := text.String(); got != want {
			t.Errorf("%q: %s, want %s", string(text), got, want)
		}
	}
}
