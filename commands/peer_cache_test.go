package commands_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// cacheForms are settings of CACHES by name, {} being the server's URL.
var cacheForms = map[string]string{
	"django": `{"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "{}/1", "KEY_PREFIX": "sh*p[1]?"}`,
	"pickle": `{"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "{}/2", "VERSION": 3}`,
	"json": `{"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "{}/3", "KEY_FUNCTION": lambda key, prefix, version: "%s/v%s/%s" % (prefix, version, key),
    "OPTIONS": {"SERIALIZER": "django_redis.serializers.json.JSONSerializer", "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}}`,
}

// cacheSites runs f with projects whose sessions are in Redis, for every session engine and
// form of values. c has the settings that config import wrote.
func cacheSites(t *testing.T, forms []string, f func(t *testing.T, pr *djangotest.Project, c cli, s *redistest.Server, engine string)) {
	t.Helper()
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, database string) {
		for _, form := range forms {
			if form == "django" && len(cacheBackends(t, p)) == 1 {
				continue // Django 3.2 has no Redis backend
			}
			for _, engine := range []string{"cache", "cached_db"} {
				t.Run(form+"_"+engine, func(t *testing.T) {
					t.Parallel()
					s := redistest.Start(t)
					settings := fmt.Sprintf("SESSION_ENGINE = 'django.contrib.sessions.backends.%s'\nCACHES = {'default': %s}\n", engine, strings.ReplaceAll(cacheForms[form], "{}", s.URL("")))
					pr, _ := dbtest.Migrated(t, p, database, djangotest.Options{Settings: settings})
					c, with, _ := imported(t, pr)
					c.more = with()
					f(t, pr, c, s, engine)
				})
			}
		}
	})
}

// enter logs a user in, as Django's login does, and returns the session's key.
func enter(pr *djangotest.Project, user string) (key string) {
	pr.Eval(`
from django.test import Client
client = Client()
client.force_login(User.objects.get_or_create(username=name)[0])
result = client.session.session_key`, &key, djangotest.Vars{"name": user})
	return key
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func TestPeerCacheSessions(t *testing.T) {
	dbtest.Slow(t)
	cacheSites(t, []string{"django", "pickle", "json"}, func(t *testing.T, pr *djangotest.Project, c cli, s *redistest.Server, engine string) {
		first, second, theirs := enter(pr, "alice"), enter(pr, "alice"), enter(pr, "bob")
		pr.Eval(`
from importlib import import_module
from django.conf import settings
s = import_module(settings.SESSION_ENGINE).SessionStore()
s["cart"] = ["x"]
s.save()
result = s.session_key`, new(string))
		if got := c.must("", "list", "--kind", "session", "--sort", "user", "--columns", "user,status"); got != "alice\tactive\nalice\tactive\nbob\tactive\n\tactive" {
			t.Errorf("list shows %q", got)
		}
		ids := lines(c.must("", "list", "--kind", "session", "--user", "alice", "-o", "id"))
		if len(ids) != 2 {
			t.Fatalf("alice has %q", ids)
		}
		for _, key := range []string{first, second, theirs} {
			if v := c.verdict(key); v != "active" {
				t.Errorf("a session is %s", v)
			}
		}
		var shown struct{ ID, User, Status, Expires string }
		if err := json.Unmarshal([]byte(c.must(first, "show", "-", "-o", "json")), &shown); err != nil || shown.User != "alice" || shown.Status != "active" || shown.Expires == "" {
			t.Errorf("%v: %+v", err, shown)
		}
		if got := c.must("", "show", shown.ID, "--field", "user"); got != "alice" {
			t.Errorf("show %s says %q", shown.ID, got)
		}

		c.must("", "blacklist", shown.ID)
		if loggedIn(t, pr, first) != "" || loggedIn(t, pr, second) != "alice" {
			t.Error("blacklisting by id went wrong")
		}
		if out, _, status := c.run(first, "verify", "-", "--field", "reason"); status != 4 || out != "unknown\n" {
			t.Errorf("a blacklisted session: %d %q", status, out)
		}
		_, errs, status := c.run("", "blacklist", "--user", "alice", "--kind", "session", "--yes")
		if status != 0 || strings.Contains(errs, "cache first") || strings.Contains(errs, " may ") {
			t.Errorf("blacklist: %d %s", status, errs)
		}
		if loggedIn(t, pr, second) != "" || loggedIn(t, pr, theirs) != "bob" {
			t.Error("blacklisting alice's sessions went wrong")
		}
		// tokenctl writes, Django accepts.
		minted := c.must("", "mint", "--kind", "session", "bob")
		if loggedIn(t, pr, minted) != "bob" || c.verdict(minted) != "active" {
			t.Error("a minted session is not accepted")
		}
		rotated := c.must(minted, "rotate", "-")
		if loggedIn(t, pr, minted) != "" || loggedIn(t, pr, rotated) != "bob" {
			t.Error("rotating went wrong")
		}
		short := c.must(rotated, "rotate", "-", "--ttl", "1h")
		c.must(short, "expire", "-", "--ttl", "2h")
		var seconds int
		pr.Eval(`
from importlib import import_module
from django.conf import settings
s = import_module(settings.SESSION_ENGINE).SessionStore(session_key=key)
s["seen"] = True
s.save()
result = s.get_expiry_age()`, &seconds, djangotest.Vars{"key": short})
		if loggedIn(t, pr, rotated) != "" || loggedIn(t, pr, short) != "bob" || seconds < 7190 || seconds > 7200 {
			t.Errorf("with another lifetime Django lets %q in for %d seconds", loggedIn(t, pr, short), seconds)
		}
		var end time.Time
		if err := json.Unmarshal([]byte(c.must(short, "show", "-", "-o", "json", "--columns", "expires")), &struct{ Expires *time.Time }{&end}); err != nil || time.Until(end) < 119*time.Minute || time.Until(end) > 2*time.Hour {
			t.Errorf("it ends at %s, %v", end, err)
		}
		c.must(short, "blacklist", "-")

		// A new password kills what is there. Only another session proves the key where rows do not.
		live := enter(pr, "carol")
		c.must("another good one 7", "user", "password", "bob", "--password-stdin")
		if v := c.verdict(theirs); v != "dead" {
			t.Errorf("after a change of password: %s", v)
		}
		if got := c.must("", "list", "--kind", "session", "--status", "dead", "--columns", "user"); got != "bob" {
			t.Errorf("dead are those of %q", got)
		}
		c.must(live, "blacklist", "-")
		if engine == "cache" {
			if _, errs, status := c.run(theirs, "verify", "-"); status != 1 || !strings.Contains(errs, "or the configured SECRET_KEY is not the application's") {
				t.Errorf("without a proof of the key: %d %s", status, errs)
			}
		}
		c.must(theirs, "blacklist", "-")
		if left := s.Do("INFO", "keyspace"); strings.Count(left, "keys=1,") != 1 {
			t.Errorf("besides the anonymous session Redis has %s", left)
		}
	})
}
