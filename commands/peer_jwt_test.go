package commands_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/django/djangotest"
)

// pair is what mint and rotate make.
type pair struct{ ID, Refresh, Access string }

func (c cli) pair(stdin string, args ...string) (p pair) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.must(stdin, append(args, "-o", "json")...)), &p); err != nil {
		c.t.Fatal(err)
	}
	return p
}

// post sends a token to one of simplejwt's views.
func post(t testing.TB, pr *djangotest.Project, path, field, token string) (int, string) {
	t.Helper()
	r := pr.Request("POST", path, map[string]string{"Content-Type": "application/json"}, fmt.Sprintf(`{%q:%q}`, field, token))
	return r.Status, r.Body
}

func refreshes(t testing.TB, pr *djangotest.Project, token string, want int) {
	t.Helper()
	if status, body := post(t, pr, "/api/token/refresh/", "refresh", token); status != want {
		t.Errorf("Django answers a refresh with %d %s, want %d", status, body, want)
	}
}

func greets(t testing.TB, pr *djangotest.Project, access string, want int) {
	t.Helper()
	r := pr.Request("GET", "/test_jwt/", map[string]string{"Authorization": "Bearer " + access}, "")
	if r.Status != want {
		t.Errorf("Django answers an access token with %d %s, want %d", r.Status, r.Body, want)
	}
}

// jwtKeys are an algorithm's settings for tokenctl, in files, and for Django.
func jwtKeys(t testing.TB, algorithm string) (config, settings string) {
	t.Helper()
	if algorithm == "HS256" {
		return privateFile(t, ""), ""
	}
	var key crypto.Signer
	var err error
	if algorithm == "RS256" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	signing := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	verifying := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	config = privateFile(t, fmt.Sprintf("[simplejwt]\nalgorithm = %q\nsigning_key_file = \"signing.pem\"\nverifying_key_file = \"verifying.pem\"\n", algorithm))
	for name, text := range map[string][]byte{"signing.pem": signing, "verifying.pem": verifying} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(config), name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config, fmt.Sprintf("SIMPLE_JWT = {'ALGORITHM': %q, 'SIGNING_KEY': '''%s''', 'VERIFYING_KEY': '''%s'''}\n", algorithm, signing, verifying)
}

func TestPeerJWTLife(t *testing.T) {
	djangotest.Slow(t)
	t.Parallel()
	for _, test := range []struct{ algorithm, model, create, name string }{
		{"HS256", "", `User.objects.create_user("ann", password="correct horse battery")`, "ann"},
		{"RS256", "uuid", `User.objects.create_user(email="ann@example.org", password="correct horse battery")`, "ann@example.org"},
		{"ES256", "", `User.objects.create_user("ann", password="correct horse battery")`, "ann"},
		{"HS256", "uuid", `User.objects.create_user(email="ann@example.org", password="correct horse battery")`, "ann@example.org"},
	} {
		t.Run(test.algorithm+test.model, func(t *testing.T) {
			config, settings := jwtKeys(t, test.algorithm)
			peers(t, djangotest.Options{UserModel: test.model, Settings: settings + cheapHashes}, func(t *testing.T, pr *djangotest.Project, c cli) {
				c.env = map[string]string{"TOKENCTL_SECRET_KEY": djangotest.SecretKey}
				set := func(args ...string) []string { return append(args, "--config", config) }
				pr.Eval(test.create+"; result = None", nil)

				// tokenctl writes, Django accepts.
				first := c.pair("", set("mint", "--kind", "jwt", test.name, "--claim", `roles=["ops"]`)...)
				greets(t, pr, first.Access, 200)
				refreshes(t, pr, first.Refresh, 200)
				var row struct {
					User, Token, JTI string
					Expires, Exp     int64
					Age              float64
				}
				pr.Eval(`
from datetime import datetime, timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
o = OutstandingToken.objects.get()
result = dict(User=o.user.get_username(), Token=o.token, JTI=o.jti, Expires=int(o.expires_at.timestamp()), Exp=RefreshToken(o.token)["exp"],
    Age=(datetime.now(timezone.utc) - o.created_at).total_seconds())`, &row)
				if row.User != test.name || row.Token != first.Refresh || "jwt:"+row.JTI != first.ID || row.Expires != row.Exp || row.Age < -1 || row.Age > 60 {
					t.Errorf("Django reads the row as %+v", row)
				}

				// A refresh token that tokenctl rotates.
				second := c.pair("", set("rotate", first.ID)...)
				refreshes(t, pr, first.Refresh, 401)
				refreshes(t, pr, second.Refresh, 200)
				greets(t, pr, second.Access, 200)
				third := c.pair(second.Refresh, set("rotate", "-")...)
				refreshes(t, pr, second.Refresh, 401)
				refreshes(t, pr, third.Refresh, 200)
				var roles []string
				pr.Eval(`
from rest_framework_simplejwt.tokens import AccessToken
result = AccessToken(token)["roles"]`, &roles, djangotest.Vars{"token": third.Access})
				if len(roles) != 1 || roles[0] != "ops" {
					t.Errorf("the custom claim is %v after two rotations", roles)
				}

				// Blacklisted by id without a key, and back.
				without := c
				without.env = nil
				without.must("", "blacklist", third.ID)
				refreshes(t, pr, third.Refresh, 401)
				without.must("", "unblacklist", third.ID)
				refreshes(t, pr, third.Refresh, 200)

				// Django writes, tokenctl reads.
				field := "username"
				if test.model == "uuid" {
					field = "email"
				}
				r := pr.Request("POST", "/api/token/", map[string]string{"Content-Type": "application/json"}, fmt.Sprintf(`{%q:%q,"password":"correct horse battery"}`, field, test.name))
				var theirs pair
				if err := json.Unmarshal([]byte(r.Body), &theirs); err != nil || theirs.Refresh == "" {
					t.Fatalf("Django answers %d %s", r.Status, r.Body)
				}
				verdict := func(secret, want string) {
					t.Helper()
					out, errs, _ := c.run(secret, set("verify", "-", "-o", "ndjson")...)
					var answer struct{ Reason *string }
					if err := json.Unmarshal([]byte(out), &answer); err != nil {
						t.Fatalf("%v: %s", err, errs)
					}
					got := "active"
					if answer.Reason != nil {
						got = *answer.Reason
					}
					if got != want {
						t.Errorf("verify says %s, want %s", got, want)
					}
				}
				verdict(theirs.Refresh, "active")
				verdict(theirs.Access, "active")
				if status, body := post(t, pr, "/api/token/blacklist/", "refresh", theirs.Refresh); status != 200 {
					t.Errorf("Django's blacklist answers %d %s", status, body)
				}
				verdict(theirs.Refresh, "blacklisted")
				verdict(theirs.Access, "active")
				verdict(strings.TrimSuffix(first.Refresh, first.Refresh[len(first.Refresh)-4:])+"AAAA", "bad_signature")

				// What Django records without an owner belongs to whom the token names.
				var hand string
				pr.Eval(`
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
u = User.objects.get()
t = RefreshToken()
t["user_id"] = str(u.pk) if strings or not isinstance(u.pk, int) else u.pk
result = str(t)
OutstandingToken.objects.create(user=None, jti=t["jti"], token=result, created_at=None, expires_at="2099-01-01T00:00:00Z")`, &hand, djangotest.Vars{"strings": test.algorithm == "ES256"})
				before := c.must("", set("list", "--kind", "jwt", "--user", test.name, "--status", "active", "-o", "id")...)
				refreshes(t, pr, hand, 200)
				c.must("", set("blacklist", "--kind", "jwt", "--user", test.name, "--yes")...)
				refreshes(t, pr, hand, 401)
				refreshes(t, pr, third.Refresh, 401)
				if n := strings.Count(before, "jwt:"); n != 2 {
					t.Errorf("list shows %d active tokens of the user:\n%s", n, before)
				}

				// A refresh token that nobody recorded.
				var loose string
				pr.Eval(`
from rest_framework_simplejwt.tokens import RefreshToken
u = User.objects.get()
t = RefreshToken()
t["user_id"] = str(u.pk)
result = str(t)`, &loose)
				verdict(loose, "active")
				if _, errs, status := without.run(loose, "blacklist", "-"); status != 1 || !strings.Contains(errs, "--unverified") {
					t.Errorf("blacklisting what nobody can check: status %d, %s", status, errs)
				}
				c.must(loose, set("blacklist", "-")...)
				refreshes(t, pr, loose, 401)
				verdict(loose, "blacklisted")

				// Sliding tokens.
				slide := c.must("", set("mint", "--kind", "jwt", "--type", "sliding", test.name)...)
				var ok bool
				const sliding = `
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import SlidingToken
try:
    SlidingToken(token); result = True
except TokenError:
    result = False`
				if pr.Eval(sliding, &ok, djangotest.Vars{"token": slide}); !ok {
					t.Error("Django refuses a sliding token")
				}
				c.must(slide, set("blacklist", "-")...)
				if pr.Eval(sliding, &ok, djangotest.Vars{"token": slide}); ok {
					t.Error("Django accepts a blacklisted sliding token")
				}

				// Inactive.
				last := c.pair("", set("mint", "--kind", "jwt", test.name)...)
				c.must("", set("user", "deactivate", test.name)...)
				greets(t, pr, last.Access, 401)
				verdict(last.Access, "disabled")
				verdict(last.Refresh, "disabled")
			})
		})
	}
}
