package commands_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// cacheBackends are the Redis backends of an age of Django: that of django-redis and, from 4.0
// on, Django's own.
func cacheBackends(t *testing.T, p djangotest.Peer) []string {
	t.Helper()
	if p.Source(t, "django_redis/cache.py") == "" {
		djangotest.Missing(t, "python3-django-redis")
	}
	backends := []string{"django_redis.cache.RedisCache"}
	if p.Source(t, "django/core/cache/backends/redis.py") != "" {
		backends = append(backends, "django.core.cache.backends.redis.RedisCache")
	}
	return backends
}

func TestPeerConfigCache(t *testing.T) {
	dbtest.Slow(t)
	const zlib = "django_redis.compressors.zlib.ZlibCompressor"
	one, two := 1, 2
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, backend := range cacheBackends(t, p) {
			for name, test := range map[string]struct {
				cache    string // of settings.py
				want     tokenctl.SessionSettings
				password string
			}{
				"plain": {`{"LOCATION": "redis://127.0.0.1:6379/1"}`, tokenctl.SessionSettings{CacheURL: "redis://127.0.0.1:6379/1"}, ""},
				"password": {`{"LOCATION": ["rediss://shop:hush%2Fhush@h:6380/3", "redis://replica"], "KEY_PREFIX": "a*[b", "VERSION": 2}`,
					tokenctl.SessionSettings{CacheURL: "rediss://shop@h:6380/3", CacheKeyPrefix: "a*[b", CacheVersion: &two, CachePasswordFile: "cache_password"}, "hush/hush\n"},
				"socket": {`{"LOCATION": "unix:///run/redis.sock?db=2", "KEY_FUNCTION": lambda key, prefix, version: "%s/v%s/%s" % (prefix, version, key)}`,
					tokenctl.SessionSettings{CacheURL: "unix:///run/redis.sock?db=2", CacheKeyFunction: "{prefix}/v{version}/{key}"}, ""},
				"hashed": {`{"LOCATION": "redis://h", "KEY_FUNCTION": lambda key, prefix, version: str(len(key))}`, tokenctl.SessionSettings{CacheVersion: &one}, ""},
				"memory": {`{"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "x"}`, tokenctl.SessionSettings{CacheVersion: &one}, ""},
				"form": {`{"LOCATION": "redis://h/0", "OPTIONS": {"PASSWORD": "hush", "SERIALIZER": "django_redis.serializers.json.JSONSerializer", "COMPRESSOR": "` + zlib + `", "SOCKET_TIMEOUT": 5} if "django_redis" in "` + backend + `" else {"password": "hush"}}`,
					tokenctl.SessionSettings{CacheURL: "redis://h/0", CachePasswordFile: "cache_password", CacheSerializer: "django_redis.serializers.json.JSONSerializer", CacheCompressor: zlib}, "hush\n"},
				"sentinels": {`{"LOCATION": "redis://shop/0", "OPTIONS": {"CLIENT_CLASS": "django_redis.client.SentinelClient", "SENTINELS": [("s1", 26379), ("s2", 26380)]} if "django_redis" in "` + backend + `" else {}}`,
					tokenctl.SessionSettings{CacheURL: "redis://s1:26379/0?addr=s2%3A26380&master_name=shop"}, ""},
			} {
				t.Run(backend+"/"+name, func(t *testing.T) {
					settings := "SESSION_ENGINE = 'django.contrib.sessions.backends.cache'\nSESSION_CACHE_ALIAS = 'sessions'\n" +
						"CACHES = {'default': {'BACKEND': 'django.core.cache.backends.dummy.DummyCache'}, 'sessions': dict({'BACKEND': '" + backend + "'}, **" + test.cache + ")}\n"
					pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{Settings: settings})
					_, with, got := imported(t, pr)
					want := test.want
					want.Engine = "django.contrib.sessions.backends.cache"
					if want.CacheVersion == &one {
						want.CacheVersion = nil
					} else {
						want.CacheBackend = backend
					}
					if !strings.Contains(backend, "django_redis") && name == "form" {
						want.CacheSerializer, want.CacheCompressor = "", ""
					}
					if !strings.Contains(backend, "django_redis") && name == "sentinels" {
						want.CacheURL = "redis://shop/0"
					}
					if !reflect.DeepEqual(got.Session, want) {
						t.Errorf("imported %+v, want %+v", got.Session, want)
					}
					toml := with()[1]
					text, err := os.ReadFile(toml)
					if err != nil || strings.Contains(string(text), "hush") {
						t.Errorf("%v: %s", err, text)
					}
					file := filepath.Join(filepath.Dir(toml), "cache_password")
					password, _ := os.ReadFile(file) //nolint:errcheck // it may not be there
					if info, err := os.Stat(file); string(password) != test.password || err == nil && info.Mode().Perm() != 0o600 {
						t.Errorf("the password is %q in a file of %v", password, info)
					}
				})
			}
		}
	})
}
