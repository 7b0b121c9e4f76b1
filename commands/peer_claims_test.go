package commands_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// applySettings makes simplejwt go by other settings, as its own tests do.
const applySettings = `
import importlib
import rest_framework_simplejwt.state as state
from rest_framework_simplejwt.settings import DEFAULTS, api_settings
for name in ("ISSUER", "AUDIENCE", "USER_ID_CLAIM", "USER_ID_FIELD", "JTI_CLAIM", "TOKEN_TYPE_CLAIM"):
    setattr(api_settings, name, conf.get(name, DEFAULTS[name]))
importlib.reload(state)
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
# A project has the settings from its start; this class reads them only then.
RefreshToken.no_copy_claims = {"exp", "jti", api_settings.JTI_CLAIM, api_settings.TOKEN_TYPE_CLAIM} | ({"iat"} & set(RefreshToken.no_copy_claims))
`

// logIn makes a refresh token in Django, after all others are gone.
const logIn = applySettings + `
OutstandingToken.objects.all().delete()
RefreshToken.for_user(User.objects.get(username="bob"))
result = str(RefreshToken.for_user(User.objects.get(username="ann")))`

// acceptPair tells what Django says of a refresh and an access token.
const acceptPair = applySettings + `
try:
    RefreshToken(refresh).check_blacklist()
    token = access or str(RefreshToken(refresh).access_token)
    result = JWTAuthentication().get_user(AccessToken(token)).username
except Exception as e:
    result = "refused: %s %s" % (type(e).__name__, e)`

// claimSettings are what the application and tokenctl.toml say alike, or not.
var claimSettings = []struct {
	app    map[string]any
	toml   string
	differ string // the setting that differs; empty: none does
}{
	{nil, "", ""},
	{map[string]any{"ISSUER": "https://app.example"}, "", "issuer"},
	{map[string]any{"ISSUER": "https://app.example"}, `issuer = "https://app.example"`, ""},
	{map[string]any{"ISSUER": "https://app.example"}, `issuer = "https://other.example"`, "issuer"},
	{nil, `issuer = "https://app.example"`, "issuer"},
	{map[string]any{"AUDIENCE": "api"}, "", "audience"},
	{map[string]any{"AUDIENCE": "api"}, `audience = "api"`, ""},
	{map[string]any{"AUDIENCE": []string{"api", "web"}}, `audience = ["web", "api"]`, ""},
	{map[string]any{"AUDIENCE": []string{"api", "web"}}, `audience = "mobile"`, "audience"},
	{map[string]any{"USER_ID_CLAIM": "sub"}, "", "user_id_claim"},
	{map[string]any{"USER_ID_CLAIM": "sub"}, `user_id_claim = "sub"`, ""},
	{map[string]any{"USER_ID_FIELD": "username"}, "", "user_id_field"},
	{map[string]any{"USER_ID_FIELD": "username"}, `user_id_field = "username"`, ""},
	{nil, `user_id_field = "username"`, "user_id_field"},
	{map[string]any{"USER_ID_FIELD": "email", "USER_ID_CLAIM": "email"}, "user_id_field = \"email\"\nuser_id_claim = \"email\"", ""},
	{map[string]any{"USER_ID_FIELD": "email", "USER_ID_CLAIM": "email"}, `user_id_claim = "email"`, "user_id_field"},
	{map[string]any{"JTI_CLAIM": "token_id"}, "", "jti_claim"},
	{map[string]any{"JTI_CLAIM": "token_id"}, `jti_claim = "token_id"`, ""},
	{map[string]any{"TOKEN_TYPE_CLAIM": "kind"}, "", "token_type_claim"},
	{map[string]any{"TOKEN_TYPE_CLAIM": "kind"}, `token_type_claim = "kind"`, ""},
	{map[string]any{"ISSUER": "x", "AUDIENCE": "y", "USER_ID_CLAIM": "sub", "JTI_CLAIM": "id", "TOKEN_TYPE_CLAIM": "use"},
		"issuer = \"x\"\naudience = \"y\"\nuser_id_claim = \"sub\"\njti_claim = \"id\"\ntoken_type_claim = \"use\"", ""},
	{map[string]any{"ISSUER": "x", "AUDIENCE": "y", "USER_ID_CLAIM": "sub", "JTI_CLAIM": "id", "TOKEN_TYPE_CLAIM": "use"},
		"issuer = \"x\"\nuser_id_claim = \"sub\"\njti_claim = \"id\"\ntoken_type_claim = \"use\"", "audience"},
}

// TestPeerClaims: what is minted or rotated with any settings is accepted by Django, or not
// made.
func TestPeerClaims(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
		pr.Eval(`
for name in ("ann", "bob"):
    User.objects.create_user(name, name + "@example.org")
result = None`, nil)
		c.env = map[string]string{"TOKENCTL_SECRET_KEY": djangotest.SecretKey}
		for _, test := range claimSettings {
			name := fmt.Sprint(slices.Sorted(maps.Keys(test.app)), test.app, test.toml)
			vars := func(more djangotest.Vars) djangotest.Vars {
				conf := test.app
				if conf == nil {
					conf = map[string]any{}
				}
				more["conf"] = conf
				return more
			}
			accepted := func(refresh, access string) (says string) {
				pr.Eval(acceptPair, &says, vars(djangotest.Vars{"refresh": refresh, "access": access}))
				return says
			}
			config := privateFile(t, "[simplejwt]\n"+test.toml+"\n")
			count := func() string { return dbtest.Query(c.url, "select count(*) from token_blacklist_outstandingtoken") }
			for _, args := range [][]string{{"mint", "--kind", "jwt", "ann", "--dry-run"}, {"mint", "--kind", "jwt", "ann"}, {"mint", "--kind", "jwt", "--all-users", "--yes"},
				{"rotate", "-", "--dry-run"}, {"rotate", "-"}, {"rotate", "--user", "ann", "--yes"}} {
				var theirs string
				pr.Eval(logIn, &theirs, vars(djangotest.Vars{}))
				// PyJWT 2.10 refuses a sub that is a number, which simplejwt before 5.5.1 writes.
				was := accepted(theirs, "")
				before := count()
				out, errs, status := c.run(theirs, append(args, "--config", config, "-o", "json")...)
				switch {
				case test.differ != "":
					if status != 1 || out != "" || !strings.Contains(errs, `"wrong_claims"`) || !strings.Contains(errs, "[simplejwt] "+test.differ) || !strings.Contains(errs, "--force") {
						t.Errorf("%s: %q is status %d, %s", name, args, status, errs)
					}
					if says := accepted(theirs, ""); says != was || count() != before {
						t.Errorf("%s: %q made something; Django says %s of the old token", name, args, says)
					}
				case was != "ann":
					if status == 0 && !slices.Contains(args, "--dry-run") {
						t.Errorf("%s: %q made what Django refuses: %s", name, args, was)
					}
				case status != 0 && strings.Contains(errs, "under [peers]"):
					// The rows do not tell an older PyJWT, which takes a sub that is a number.
				case status != 0:
					t.Errorf("%s: %q is refused: %s", name, args, errs)
				case !slices.Contains(args, "--dry-run"):
					var made []pair
					if json.Unmarshal([]byte(out), &made) != nil {
						made = make([]pair, 1)
						if err := json.Unmarshal([]byte(out), &made[0]); err != nil {
							t.Fatal(err)
						}
					}
					if says := accepted(made[0].Refresh, made[0].Access); says != "ann" {
						t.Errorf("%s: Django says %s of what %q made", name, says, args)
					}
				}
			}
		}
	})
}

// TestPeerSessionBackend: a minted session lets its user in, or is not made.
func TestPeerSessionBackend(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	const model, all = "django.contrib.auth.backends.ModelBackend", "django.contrib.auth.backends.AllowAllUsersModelBackend"
	for _, test := range []struct {
		theirs, used, ours string
		made               bool
	}{{all, all, "", false}, {all, all, all, true}, {model, model, all, false}} {
		t.Run(test.theirs[len("django.contrib.auth.backends."):]+fmt.Sprint(test.made), func(t *testing.T) {
			peers(t, djangotest.Options{Settings: "AUTHENTICATION_BACKENDS = ['" + test.theirs + "']\n"}, func(t *testing.T, pr *djangotest.Project, plain cli) {
				c := withKey(plain, djangotest.SecretKey)
				pr.Eval(`
from django.test import Client
for name in ("ann", "bob"):
    client = Client()
    client.force_login(User.objects.create_user(name), backend)
result = None`, nil, djangotest.Vars{"backend": test.used})
				toml := ""
				if test.ours != "" {
					toml = "[auth]\nauthentication_backends = [\"" + test.ours + "\"]\n"
				}
				args := []string{"mint", "--kind", "session", "ann", "--config", privateFile(t, toml)}
				out, errs, status := c.run("", args...)
				if (status == 0) != test.made {
					t.Fatalf("Django has %s and uses %s, tokenctl %q: status %d, %s", test.theirs, test.used, test.ours, status, errs)
				}
				if status == 0 {
					if got := loggedIn(t, pr, strings.TrimSpace(out)); got != "ann" {
						t.Errorf("the session lets %q in", got)
					}
					return
				}
				if !strings.Contains(errs, "[auth] authentication_backends") {
					t.Errorf("the setting is not named: %s", errs)
				}
				forced := c.must("", append(args, "--force")...)
				if got := loggedIn(t, pr, forced); got != "" {
					t.Errorf("it was refused, but Django lets %q in", got)
				}
			})
		})
	}
}
