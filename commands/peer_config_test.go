package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// imported runs config import for a live project and returns tokenctl with the
// settings it wrote, and nothing else to know the database by.
func imported(t *testing.T, pr *djangotest.Project) (c cli, with func(args ...string) []string, settings *tokenctl.Settings) {
	t.Helper()
	var path string
	pr.Eval(`
import os
result = os.environ["PYTHONPATH"]`, &path)
	dir := t.TempDir()
	python, toml := filepath.Join(dir, "python"), filepath.Join(dir, "tokenctl.toml")
	script := fmt.Sprintf("#!/bin/sh\nNOISE=1 PYTHONNOUSERSITE=1 PYTHONPATH='%s' exec %s \"$@\"\n", path, pr.Peer.Python)
	if err := os.WriteFile(python, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c = cli{t: t}
	with = func(args ...string) []string { return append(args, "--config", toml) }
	c.must("", with("config", "import", filepath.Join(pr.Dir, "manage.py"), "--python", python, "--with-password")...)
	text, err := os.ReadFile(toml)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), djangotest.SecretKey) {
		t.Error("tokenctl.toml holds SECRET_KEY")
	}
	if settings, err = tokenctl.ParseSettings(text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c, with, settings
}

const shopSettings = `
import datetime, os, sys
if os.environ.get("NOISE"):
    print('{"noise": 1}')
    print("noise", file=sys.stderr)
    os.write(1, b"more noise")
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": datetime.timedelta(minutes=15), "SIGNING_KEY": "a-signing-key-of-its-own-0123456789-0123456789",
    "ISSUER": "shop", "AUDIENCE": ["a", "b"], "ROTATE_REFRESH_TOKENS": True, "LEEWAY": datetime.timedelta(seconds=3)}
SESSION_COOKIE_AGE = 3600
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
PASSWORD_HASHERS = ["django.contrib.auth.hashers." + name for name in ("Argon2PasswordHasher", "PBKDF2PasswordHasher")]
`

func TestPeerConfigImport(t *testing.T) {
	peers(t, djangotest.Options{Settings: shopSettings}, func(t *testing.T, pr *djangotest.Project, _ cli) {
		c, with, s := imported(t, pr)
		for _, test := range []struct{ what, got, want string }{
			{"django", string(s.Peers.Django), pr.Peer.Django}, {"drf", string(s.Peers.DRF), pr.Peer.DjangoRESTFramework},
			{"simplejwt", string(s.Peers.SimpleJWT), pr.Peer.SimpleJWT}, {"pyjwt", string(s.Peers.PyJWT), pr.Peer.PyJWT},
			{"access_token_lifetime", s.SimpleJWT.AccessTokenLifetime.String(), "15m0s"}, {"refresh_token_lifetime", s.SimpleJWT.RefreshTokenLifetime.String(), "0s"},
			{"leeway", s.SimpleJWT.Leeway.String(), "3s"}, {"issuer", s.SimpleJWT.Issuer, "shop"}, {"audience", fmt.Sprint(s.SimpleJWT.Audience), "[a b]"},
			{"rotate_refresh_tokens", fmt.Sprint(s.SimpleJWT.RotateRefreshTokens), "true"}, {"algorithm", s.SimpleJWT.Algorithm, ""},
			{"engine", s.Session.Engine, "django.contrib.sessions.backends.cached_db"}, {"cookie_age", s.Session.CookieAge.String(), "1h0m0s"},
			{"password_hasher", s.Auth.PasswordHasher, "argon2"}, {"pbkdf2_iterations", fmt.Sprint(s.Auth.PBKDF2Iterations), "0"},
			{"user_table", s.Auth.UserTable, ""}, {"username_field", s.Auth.UsernameField, ""},
			{"token_table", s.DRF.TokenTable, ""}, {"session_table", s.Session.SessionTable, ""}, {"time_zone", s.Time.TimeZone, ""},
		} {
			if test.got != test.want {
				t.Errorf("%s is %q, want %q", test.what, test.got, test.want)
			}
		}
		// The hash is the application's: a login leaves it alone.
		key := c.must("pässwörd 42-xyz\n", with("user", "create", "zoë", "--password-stdin", "--with-token", "drf")...)
		accepts(t, pr, key, 200, `"Hello zoë!"`)
		var stored struct {
			Hash          string
			Right, Update bool
		}
		pr.Eval(`
from django.contrib.auth.hashers import get_hasher
u = User.objects.get(username="zoë")
result = dict(Hash=u.password, Right=u.check_password("pässwörd 42-xyz"), Update=get_hasher("default").must_update(u.password))`, &stored)
		if !stored.Right || stored.Update || !strings.HasPrefix(stored.Hash, "argon2$argon2id$") {
			t.Errorf("Django thinks of %.30s…: %+v", stored.Hash, stored)
		}
		if id := c.must("", with("list", "--user", "zoë", "--kind", "drf", "-o", "id")...); !strings.HasPrefix(id, "drf:1@") {
			t.Errorf("list shows %s", id)
		}
		// The signing key is the application's.
		access := c.must("", with("mint", "zoë", "--kind", "jwt", "--type", "access")...)
		access = access[strings.LastIndexAny(access, " \t")+1:]
		if r := pr.Request("GET", "/test_jwt/", map[string]string{"Authorization": "Bearer " + access}, ""); r.Status != 200 {
			t.Errorf("Django answers %d %s to an access token", r.Status, r.Body)
		}
		out := c.must("", with("config", "show", "-o", "tsv")...)
		for _, secret := range []string{djangotest.SecretKey, "a-signing-key-of-its-own"} {
			if strings.Contains(out, secret) {
				t.Errorf("config show tells %s", secret)
			}
		}
	})
}

// TestPeerConfigHashers: what tokenctl writes by password_hasher, Django verifies
// and leaves as it is.
func TestPeerConfigHashers(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for name, class := range map[string]string{"pbkdf2_sha256": "PBKDF2PasswordHasher", "pbkdf2_sha1": "PBKDF2SHA1PasswordHasher",
		"bcrypt_sha256": "BCryptSHA256PasswordHasher", "scrypt": "ScryptPasswordHasher"} {
		t.Run(name, func(t *testing.T) {
			djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
				if name == "scrypt" && p.Name == "3.2" {
					return // came with Django 4.0
				}
				t.Parallel()
				pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{Settings: `PASSWORD_HASHERS = ["django.contrib.auth.hashers.` + class + `"]`})
				c, with, _ := imported(t, pr)
				c.must("pässwörd 42-xyz\n", with("user", "create", "ann", "--password-stdin")...)
				var stored struct {
					Right, Update bool
					Hash          string
				}
				pr.Eval(`
from django.contrib.auth.hashers import get_hasher
u = User.objects.get()
result = dict(Hash=u.password, Right=u.check_password("pässwörd 42-xyz"), Update=get_hasher("default").must_update(u.password))`, &stored)
				if !stored.Right || stored.Update || !strings.HasPrefix(stored.Hash, name+"$") {
					t.Errorf("Django thinks of %.30s…: %+v", stored.Hash, stored)
				}
			})
		})
	}
}

func TestPeerConfigUserModels(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for model, want := range map[string]tokenctl.AuthSettings{
		"uuid": {UserTable: "accounts_uuiduser", UsernameField: "email"},
		"both": {UserTable: "accounts_bothuser", UsernameField: "username"},
		"mti":  {UserTable: "accounts_member"},
	} {
		t.Run(model, func(t *testing.T) {
			djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
				t.Parallel()
				pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{UserModel: model})
				pr.Eval(`User.objects.create_user(**{"email": "ann@example.com", User.USERNAME_FIELD: "ann@example.com"}); result = None`, nil)
				c, with, s := imported(t, pr)
				if !reflect.DeepEqual(s.Auth, want) {
					t.Errorf("auth is %+v, want %+v", s.Auth, want)
				}
				accepts(t, pr, c.must("", with("mint", "ann@example.com", "--kind", "drf")...), 200, `"Hello ann@example.com!"`)
			})
		})
	}
}

// TestPeerNaiveTimes: with USE_TZ=False both sides mean the same moments, which
// Django stores in two ways.
func TestPeerNaiveTimes(t *testing.T) {
	dbtest.Slow(t)
	const settings = "USE_TZ = False\nTIME_ZONE = 'Asia/Kathmandu'\n"
	peers(t, djangotest.Options{Settings: settings}, func(t *testing.T, pr *djangotest.Project, _ cli) {
		c, with, s := imported(t, pr)
		if s.Time.UseTZ == nil || *s.Time.UseTZ || s.Time.TimeZone != "Asia/Kathmandu" {
			t.Fatalf("time is %+v", s.Time)
		}
		near := func(what string, at, want time.Time) {
			t.Helper()
			if d := at.Sub(want); d < -time.Minute || d > time.Minute {
				t.Errorf("%s is %s, want %s", what, at, want)
			}
		}
		c.must("", with("user", "create", "ann", "--with-token", "drf")...)
		c.must("", with("mint", "ann", "--kind", "jwt")...)
		// What Django makes of it, and what it stores itself for the same moment.
		var django struct {
			Joined, Created                                    float64
			TheirCreated, TheirExpires, OurCreated, OurExpires string
		}
		pr.Eval(`
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
u = User.objects.get()
ours = OutstandingToken.objects.get()
RefreshToken.for_user(u)
theirs = OutstandingToken.objects.latest("id")
text = lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ")
result = dict(Joined=u.date_joined.timestamp(), Created=Token.objects.get().created.timestamp(), TheirCreated=text(theirs.created_at),
    TheirExpires=text(theirs.expires_at), OurCreated=text(ours.created_at), OurExpires=text(ours.expires_at))`, &django)
		at := func(text string) time.Time {
			got, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		now := time.Now()
		near("date_joined", time.Unix(int64(django.Joined), 0), now)
		near("created", time.Unix(int64(django.Created), 0), now)
		near("created_at", at(django.OurCreated), at(django.TheirCreated))
		near("expires_at", at(django.OurExpires), at(django.TheirExpires))

		// Back: both JWTs, Django's and ours, are read right.
		for _, line := range strings.Split(c.must("", with("list", "--kind", "jwt", "-o", "tsv", "--no-headers", "--columns", "created,expires")...), "\n") {
			created, expires, _ := strings.Cut(line, "\t")
			near("a JWT's creation", at(created), now)
			near("a JWT's expiry", at(expires), now.Add(24*time.Hour))
		}
		near("a token's creation", at(c.must("", with("list", "--kind", "drf", "--field", "created")...)), now)
		if out := c.must("", with("list", "--kind", "drf", "--created-after", "5m", "-o", "id")...); out == "" {
			t.Error("a token that was just made was not created within five minutes")
		}
		if out := c.must("", with("purge", "--dry-run", "--kind", "jwt", "--field", "expired")...); out != "0" {
			t.Errorf("%s live JWTs would be purged", out)
		}
	})
}

// TestPeerConfigKeys: what the project reads from a file of its own, or from
// DJANGO_SECRET_KEY, is not copied.
func TestPeerConfigKeys(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	const settings = `
import os
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "secret.txt")) as f:
    SECRET_KEY = f.read().strip()
SECRET_KEY_FALLBACKS = ["an-older-key"]
SIMPLE_JWT = {"ALGORITHM": "HS512", "SIGNING_KEY": open(os.path.join(here, "signing.txt")).read()}
`
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		const key, signing = "secret-key-in-a-file-0123456789-0123456789", "signing-key-in-a-file-0123456789-0123456789-0123456789-0123456789-0123456789"
		t.Parallel()
		pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{Settings: settings, Files: map[string]string{"secret.txt": key + "\n", "signing.txt": signing}})
		if err := os.Chmod(filepath.Join(pr.Dir, "secret.txt"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, with, s := imported(t, pr)
		if want := filepath.Join(pr.Dir, "secret.txt"); s.SecretKeyFile != want {
			t.Errorf("secret_key_file is %s, want %s", s.SecretKeyFile, want)
		}
		// signing.txt is open to others, so a copy is made.
		if s.SimpleJWT.SigningKeyFile != "signing_key" || s.SimpleJWT.Algorithm != "HS512" {
			t.Errorf("simplejwt has %s and %s", s.SimpleJWT.SigningKeyFile, s.SimpleJWT.Algorithm)
		}
		if len(s.SecretKeyFallbackFiles) != 1 {
			t.Errorf("fallbacks in %s", s.SecretKeyFallbackFiles)
		}
		pr.Eval(`User.objects.create_user("ann"); result = None`, nil)
		access := c.must("", with("mint", "ann", "--kind", "jwt", "--type", "access")...)
		access = access[strings.LastIndexAny(access, " \t")+1:]
		if r := pr.Request("GET", "/test_jwt/", map[string]string{"Authorization": "Bearer " + access}, ""); r.Status != 200 {
			t.Errorf("Django answers %d %s to an access token", r.Status, r.Body)
		}
	})
}
