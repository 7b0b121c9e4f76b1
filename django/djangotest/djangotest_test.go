package djangotest_test

import (
	"net/http"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

func TestToken(t *testing.T) {
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		url := dbtest.Fresh(t, engine)
		pr := p.Project(t, url, djangotest.Options{})
		pr.Migrate()
		var key string
		pr.Eval(`
user = User.objects.create_user(name, password="correct horse battery")
result = Token.objects.create(user=user).key`, &key, djangotest.Vars{"name": "zoë"})
		for _, test := range []struct {
			method, key string
			status      int
			body        string
		}{
			{"GET", key, 200, `"Hello zoë!"`},
			{"POST", key, 200, `"Hello zoë! Posted!"`},
			{"GET", "no" + key, 401, `{"detail":"Invalid token."}`},
		} {
			r := pr.Request(test.method, "/test_auth/", map[string]string{"Authorization": "Token " + test.key}, "")
			if r.Status != test.status || r.Body != test.body {
				t.Errorf("%s: %d %s, want %d %s", test.method, r.Status, r.Body, test.status, test.body)
			}
		}
		r := pr.Request("POST", "/api-token-auth/", map[string]string{"Content-Type": "application/json"},
			`{"username": "zoë", "password": "correct horse battery"}`)
		if r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("api-token-auth: %+v", r)
		}
	})
}

func TestUserModels(t *testing.T) {
	dbtest.Slow(t)
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, model := range []string{"uuid", "both", "extra", "mti"} {
			t.Run(model, func(t *testing.T) {
				t.Parallel()
				pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{UserModel: model})
				var name string
				pr.Eval(`
user = User.objects.create_user(**{"email": "ann@example.com", User.USERNAME_FIELD: "ann@example.com"})
Token.objects.create(user=user)
result = Token.objects.get().user.get_username()`, &name)
				if name != "ann@example.com" {
					t.Errorf("the token's user is %q", name)
				}
			})
		}
	})
}

func TestManage(t *testing.T) {
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{Settings: "LANGUAGE_CODE = 'en-us'"})
		pr.Manage("migrate", "--verbosity=0")
		if out, exit := pr.TryManage("drf_create_token", "nobody"); exit == 0 {
			t.Errorf("a token for nobody: %s", out)
		}
	})
}

func TestUse(t *testing.T) {
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{})
		for _, engine := range []string{"sqlite", "postgres"} {
			url, secrets := dbtest.Fixture(t, engine)
			pr.Use(url)
			if r := pr.Request("GET", "/test_auth/", map[string]string{"Authorization": "Token " + secrets.DRF["alice"]}, ""); r.Body != `"Hello alice!"` {
				t.Errorf("%s: %+v", engine, r)
			}
		}
	})
}

// The compiled parts come from another suite than the rest: they fit together.
func TestHashers(t *testing.T) {
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{})
		var ok bool
		pr.Eval(`
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptSHA256PasswordHasher
result = all(h.verify("pässword", h.encode("pässword", h.salt())) for h in (Argon2PasswordHasher(), BCryptSHA256PasswordHasher()))`, &ok)
		if !ok {
			t.Error("argon2 or bcrypt does not verify")
		}
	})
}
