package commands_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// incidentSettings are the settings that decide what survives, each alone and all together.
// tells are what leaked where the setting matters.
var incidentSettings = []struct {
	rotate, revoke, ignoreInactive, cached bool
	tells                                  string
	levers                                 []string
}{
	{tells: "drf knox refresh access session user", levers: incidentLevers},
	{rotate: true, tells: "refresh user", levers: decisiveLevers},
	{revoke: true, tells: "refresh access user", levers: decisiveLevers},
	{ignoreInactive: true, tells: "refresh access user", levers: decisiveLevers},
	{cached: true, tells: "session user", levers: decisiveLevers},
	{rotate: true, revoke: true, ignoreInactive: true, cached: true, tells: "refresh access session user", levers: incidentLevers},
}

var (
	incidentLevers = []string{"", "--all", "--deactivate", "--reset-password", "--all --deactivate", "--all --reset-password"}
	decisiveLevers = []string{"", "--deactivate", "--reset-password", "--all --deactivate"}
)

// incidentSetUp makes a user for each case, who holds one of everything.
const incidentSetUp = `
import datetime
from importlib import import_module
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
for name in ("ROTATE_REFRESH_TOKENS", "CHECK_REVOKE_TOKEN", "CHECK_USER_IS_ACTIVE"):
    if hasattr(api_settings, name):
        setattr(api_settings, name, conf[name])
settings.SESSION_ENGINE = "django.contrib.sessions.backends." + conf["engine"]
result = []
for name in names:
    user = User.objects.create_user(name, email=name + "@example.org", password="correct horse battery")
    client = Client()
    client.force_login(user)
    user.refresh_from_db()
    refresh = RefreshToken.for_user(user)
    held = dict(pk=str(user.pk), drf=Token.objects.create(user=user).key, refresh=str(refresh), refresh_id="jwt:" + refresh["jti"],
        access=str(refresh.access_token),
        session=client.session.session_key, link=default_token_generator.make_token(user))
    held["access_id"] = "jwt:" + AccessToken(held["access"])["jti"]
    if conf["ROTATE_REFRESH_TOKENS"]:
        s = TokenRefreshSerializer(data={"refresh": held["refresh"]})
        s.is_valid(raise_exception=True)
        held["rotated"] = s.validated_data["refresh"]
        held["rotated_id"] = "jwt:" + RefreshToken(held["rotated"])["jti"]
    if "knox" in settings.INSTALLED_APPS:
        from knox.models import AuthToken
        old, held["knox2"] = AuthToken.objects.create(user)
        held["knox2_id"] = "knox:" + old.digest[:16]
        AuthToken.objects.filter(pk=old.pk).update(created=old.created - datetime.timedelta(hours=1), expiry=old.created + datetime.timedelta(hours=1))
        new, held["knox"] = AuthToken.objects.create(user)
        held["knox_id"] = "knox:" + new.digest[:16]
    result.append(held)`

// incidentCheck tells what Django still accepts of what each user held.
const incidentCheck = `
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from rest_framework.test import APIRequestFactory
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
def stateless(token):
    try:
        return JWTStatelessUserAuthentication().authenticate(APIRequestFactory().get("/", HTTP_AUTHORIZATION="Bearer " + token)) is not None
    except Exception:
        return False
result = []
for held in all_held:
    client = Client()
    get = lambda path, **header: client.get(path, **header).status_code == 200
    post = lambda path, **data: client.post(path, data).status_code == 200
    works = dict(drf=get("/test_auth/", HTTP_AUTHORIZATION="Token " + held["drf"]), access=get("/test_jwt/", HTTP_AUTHORIZATION="Bearer " + held["access"]),
        stateless=stateless(held["access"]), session=get("/test_session/", HTTP_COOKIE="sessionid=" + held["session"]))
    for name in ("knox", "knox2"):
        if name in held:
            works[name] = get("/test_knox/", HTTP_AUTHORIZATION="Token " + held[name])
    for name in ("refresh", "rotated"):
        if name in held:
            works[name] = post("/api/token/refresh/", refresh=held[name])
    user = User.objects.get(pk=held["pk"])
    works["link"] = default_token_generator.check_token(user, held["link"])
    works["login"] = post("/api-token-auth/", username=user.username, password="correct horse battery")
    result.append(sorted(name for name in works if works[name]))`

// incidentCase is one run of incident.
type incidentCase struct {
	leaked, levers string
	held           map[string]string // the secrets, and their ids behind _id
	predicted      map[string]bool
	overlap        bool
	out            string
}

// TestPeerIncident: what incident predicts to survive is what Django then still accepts, and
// nothing else.
func TestPeerIncident(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{Settings: cheapHashes}, func(t *testing.T, pr *djangotest.Project, c cli) {
		c = withKey(c, djangotest.SecretKey)
		for i, s := range incidentSettings {
			if s.revoke && !tokenctl.Version(pr.Peer.SimpleJWT).AtLeast("5.3.0") && !s.rotate || s.ignoreInactive && !tokenctl.Version(pr.Peer.SimpleJWT).AtLeast("5.4.0") && !s.rotate {
				continue // simplejwt does not know the setting
			}
			var cases []*incidentCase
			var names []string
			for leaked := range strings.FieldsSeq(s.tells) {
				for _, levers := range s.levers {
					if leaked != "knox" || djangotest.HasKnox() {
						cases = append(cases, &incidentCase{leaked: leaked, levers: levers})
						names = append(names, fmt.Sprintf("user%d-%d", i, len(cases)))
					}
				}
			}
			engine := "db"
			if s.cached {
				engine = "cached_db"
			}
			conf := map[string]any{"ROTATE_REFRESH_TOKENS": s.rotate, "CHECK_REVOKE_TOKEN": s.revoke, "CHECK_USER_IS_ACTIVE": !s.ignoreInactive, "engine": engine}
			var held []map[string]string
			pr.Eval(incidentSetUp, &held, djangotest.Vars{"conf": conf, "names": names})
			config := filepath.Join(t.TempDir(), "tokenctl.toml")
			text := fmt.Sprintf("[peers]\ndjango = %q\nsimplejwt = %q\n[simplejwt]\naccess_token_lifetime = \"5m\"\nrotate_refresh_tokens = %t\ncheck_revoke_token = %t\ncheck_user_is_active = %t\n[session]\nengine = %q\n[knox]\ntoken_ttl = \"10h\"\n",
				pr.Peer.Django, pr.Peer.SimpleJWT, s.rotate, s.revoke, !s.ignoreInactive, engine)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for j, one := range cases {
				one.held = held[j]
				one.run(c, config)
			}
			var accepted [][]string
			pr.Eval(incidentCheck, &accepted, djangotest.Vars{"all_held": held})
			for j, one := range cases {
				one.compare(t, fmt.Sprintf("%+v", s), accepted[j])
			}
		}
	})
}

// run runs incident and keeps what it predicts.
func (c *incidentCase) run(run cli, config string) {
	run.t.Helper()
	c.held["drf_id"] = fmt.Sprintf("drf:%s@%x", c.held["pk"], sha256.Sum256([]byte(c.held["drf"])))[:len("drf:@")+len(c.held["pk"])+8]
	c.held["session_id"] = fmt.Sprintf("session:%s-%x", c.held["session"][:8], sha256.Sum256([]byte(c.held["session"])))[:len("session:")+8+1+8]
	args, stdin := []string{"incident", "-"}, c.held[c.leaked]
	if c.leaked == "user" {
		args, stdin = []string{"incident", "--user-id", c.held["pk"]}, ""
	}
	out, errs, status := run.run(stdin, append(append(args, strings.Fields(c.levers)...), "--yes", "-o", "json", "--config", config)...)
	c.out = out
	var result struct {
		Residual []struct {
			What string
			ID   string
		}
		Proof []struct {
			ID   string
			Dead bool
		}
		Contained bool
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		run.t.Fatalf("%s %s: %v\n%s%s", c.leaked, c.levers, err, out, errs)
	}
	if want := map[bool]int{true: 4, false: 0}[len(result.Residual) > 0]; status != want || !result.Contained && (c.leaked != "user" || c.levers != "") {
		run.t.Errorf("%s %s: status %d\n%s%s", c.leaked, c.levers, status, out, errs)
	}
	c.predicted = map[string]bool{}
	for _, x := range result.Residual {
		switch x.What {
		case "other_credential", "overlap":
			named := ""
			for name, id := range c.held {
				if id == x.ID && strings.HasSuffix(name, "_id") {
					named = strings.TrimSuffix(name, "_id")
				}
			}
			c.predicted[named] = true
			c.overlap = c.overlap || x.What == "overlap"
		case "access_token":
			c.predicted["access"], c.predicted["stateless"] = true, true
		case "stateless_application":
			c.predicted["stateless"] = true
		case "refresh_unrecorded":
			c.predicted["rotated"] = true
		case "cached_session":
			c.predicted["session"] = true
		case "password_login":
			c.predicted["login"] = true
		case "reset_link":
			c.predicted["link"] = true
		}
	}
}

// compare compares the prediction with what Django accepts. What can only be made of JWTs
// that did not leak is no exposure of its own: the refresh token that makes it is one.
func (c *incidentCase) compare(t *testing.T, settings string, accepted []string) {
	t.Helper()
	whole := c.leaked == "user" || strings.Contains(c.levers, "--all")
	got := slices.DeleteFunc(slices.Clone(accepted), func(name string) bool {
		switch name {
		case "access", "stateless":
			return !whole && c.leaked != "refresh" && c.leaked != "access"
		case "rotated":
			return !whole && c.leaked != "refresh" && !c.predicted[name]
		}
		return false
	})
	if want := slices.Sorted(maps.Keys(c.predicted)); !slices.Equal(got, want) {
		t.Errorf("%s leaked, %s, %s: incident predicts %v, Django accepts %v\n%s", c.leaked, c.levers, settings, want, got, c.out)
	}
	if _, knox := c.held["knox"]; knox && c.predicted["knox2"] != c.overlap {
		t.Errorf("%s leaked, %s: the predecessor is no overlap\n%s", c.leaked, c.levers, c.out)
	}
}
