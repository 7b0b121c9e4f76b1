package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
	"tokenctl/server"
)

// oneDatabase asks Django and tokenctl on the same database, for what TestPeer's
// worlds cannot vary: the apps, the user model and serializers of the project's own.
type oneDatabase struct {
	*bench
	pr *djangotest.Project
}

func newOneDatabase(t *testing.T, p djangotest.Peer, o djangotest.Options, toml string, change func(*server.Config)) *oneDatabase {
	t.Helper()
	o.Served, o.Settings = true, o.Settings+"\nALLOWED_HOSTS = ['*']\n"
	pr, url := dbtest.Migrated(t, p, "sqlite", o)
	b := benchAt(t, url, fmt.Sprintf("[peers]\ndjango = %q\ndrf = %q\nsimplejwt = %q\npyjwt = %q\n",
		p.Django, p.DjangoRESTFramework, p.SimpleJWT, p.PyJWT)+toml, djangotest.SecretKey, func(b *bench) {
		b.config.Env.Settings.Auth.PBKDF2Iterations = djangotest.ServedIterations // fewer than a file may say
		if change != nil {
			change(&b.config)
		}
	})
	return &oneDatabase{bench: b, pr: pr}
}

// compare asks both and returns tokenctl's answer.
func (d *oneDatabase) compare(path, body string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	sent := map[string]string{"Content-Type": "application/json"}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		sent[name] = value
	}
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	theirs := d.pr.Request(method, path, sent, body)
	d.now = time.Now()
	ours := d.do(method, path, "application/json", body, headers...)
	want, got := fmt.Sprint(theirs.Status, " ", withoutTime(theirs.Body)), fmt.Sprint(ours.Code, " ", withoutTime(ours.Body.String()))
	if got != want {
		d.t.Errorf("%s %s:\n got %s\nwant %s", path, withoutTime(body), got, want)
	}
	return ours
}

var (
	compactJWT = regexp.MustCompile(`[\w-]+\.([\w-]+)\.[\w-]+`)
	ownJTI     = regexp.MustCompile(`[0-9a-f]{32}`)
	ownTime    = regexp.MustCompile(`\b1[0-9]{9}\b`)
)

// withoutTime shows the claims of the tokens in a text, without what is new in each.
func withoutTime(text string) string {
	text = compactJWT.ReplaceAllStringFunc(text, func(token string) string {
		payload, err := base64.RawURLEncoding.DecodeString(compactJWT.FindStringSubmatch(token)[1])
		if err != nil || !json.Valid(payload) {
			return token
		}
		return string(payload)
	})
	text = ownTime.ReplaceAllStringFunc(text, func(seconds string) string {
		var n int64
		fmt.Sscan(seconds, &n)
		return "now+" + time.Until(time.Unix(n, 0)).Round(time.Minute).String()
	})
	return ownJTI.ReplaceAllString(text, "<jti>")
}

// TestPeerWithoutBlacklist: a project without the token_blacklist app, with UUIDs for
// users.
func TestPeerWithoutBlacklist(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		d := newOneDatabase(t, p, djangotest.Options{UserModel: "uuid", Settings: `
INSTALLED_APPS.remove("rest_framework_simplejwt.token_blacklist")
SIMPLE_JWT = {"BLACKLIST_AFTER_ROTATION": True}
`}, "[simplejwt]\nblacklist_after_rotation = true", nil)
		var tokens map[string]string
		d.pr.Eval(`
from rest_framework_simplejwt.tokens import RefreshToken, AccessToken, SlidingToken
user = User.objects.create_user(email="a@example.com", password="correct horse")
def make(kind, claim):
    token = kind.for_user(user)
    if claim is not None:
        token["user_id"] = claim
    return str(token)
result = {}
for name, claim in {"good": None, "hex": user.pk.hex, "urn": user.pk.urn, "braces": "{%s}" % user.pk, "word": "abc", "number": 7, "negative": -1, "vast": 2 ** 128,
        "float": 1.5, "true": True, "null": None, "list": ["a", None], "other": "12345678123456781234567812345678", "empty": "", "zero": 0}.items():
    result[name] = make(RefreshToken, claim)
    result["access " + name] = make(AccessToken, claim)
token = RefreshToken.for_user(user)
token["user_id"] = None
result["null"] = str(token)
token = AccessToken.for_user(user)
token["user_id"] = None
result["access null"] = str(token)
result["sliding"] = str(SlidingToken.for_user(user))
`, &tokens)
		d.compare("/api/token/", `{"email":"a@example.com","password":"correct horse"}`)
		d.compare("/api/token/", `{"email":"a@example.com","password":"x"}`)
		d.compare("/api/token/", `{"username":"a@example.com"}`)
		d.compare("/api/token/sliding/", `{"email":"a@example.com","password":"correct horse"}`)
		for name, token := range tokens {
			switch {
			case strings.HasPrefix(name, "access "):
				d.compare("/test_auth/jwt/", "", "Authorization: Bearer "+token)
			case name == "sliding":
				d.compare("/api/token/sliding/refresh/", `{"token":"`+token+`"}`)
			default:
				d.compare("/api/token/refresh/", `{"refresh":"`+token+`"}`)
				d.compare("/api/token/verify/", `{"token":"`+token+`"}`)
				d.compare("/api/token/blacklist/", `{"refresh":"`+token+`"}`)
			}
		}
	})
}

// TestPeerRotatesWithoutBlacklist: simplejwt 5.5.0 fails where it has no table to
// record the new token in.
func TestPeerRotatesWithoutBlacklist(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		d := newOneDatabase(t, p, djangotest.Options{Settings: `
INSTALLED_APPS.remove("rest_framework_simplejwt.token_blacklist")
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
`}, "[simplejwt]\nrotate_refresh_tokens = true\nblacklist_after_rotation = true", nil)
		d.pr.Eval(`User.objects.create_user("alice", password="correct horse"); result = None`, new(any))
		w := d.compare("/api/token/", alicesLogin)
		_, token, _ := strings.Cut(w.Body.String(), `"refresh":"`)
		token, _, _ = strings.Cut(token, `"`)
		for range 2 {
			d.compare("/api/token/refresh/", `{"refresh":"`+token+`"}`)
		}
	})
}

// TestPeerClaims: a project whose serializer adds claims, and which does not ask
// whether users are active. What is recorded is the token without them.
func TestPeerClaims(t *testing.T) {
	t.Parallel()
	claims := []django.JWTClaim{}
	for _, c := range []struct{ name, value string }{{"name", `"Zoë ☃"`}, {"roles", `["a",1.5,null]`}} {
		claim, err := django.NewJWTClaim(c.name, []byte(c.value))
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, claim)
	}
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		d := newOneDatabase(t, p, djangotest.Options{Files: map[string]string{"obtain.py": `
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenObtainSlidingSerializer

class Claims:
    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["name"] = "Zoë ☃"
        token["roles"] = ["a", 1.5, None]
        return token

class Pair(Claims, TokenObtainPairSerializer):
    pass

class Sliding(Claims, TokenObtainSlidingSerializer):
    pass
`}, Settings: `
SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "obtain.Pair", "SLIDING_TOKEN_OBTAIN_SERIALIZER": "obtain.Sliding", "CHECK_USER_IS_ACTIVE": False, "UPDATE_LAST_LOGIN": True}
`}, "[simplejwt]\ncheck_user_is_active = false\nupdate_last_login = true", func(c *server.Config) { c.Claims = claims })
		d.pr.Eval(`User.objects.create_user("alice", password="correct horse"); result = None`, new(any))
		var tokens []string
		for _, path := range []string{"/api/token/", "/api/token/sliding/"} {
			w := d.compare(path, alicesLogin)
			tokens = append(tokens, w.Body.String())
		}
		recorded := strings.Split(strings.TrimSpace(dbtest.Query(d.url, "select token from token_blacklist_outstandingtoken order by id")), "\n")
		if len(recorded) != 4 || withoutTime(recorded[0]) != withoutTime(recorded[1]) || withoutTime(recorded[2]) != withoutTime(recorded[3]) || strings.Contains(withoutTime(recorded[1]), "roles") {
			t.Errorf("recorded: %q", recorded)
		}
		if d.rows("select count(*) from auth_user where last_login is null") != "0" {
			t.Error("last_login was not set")
		}
		dbtest.Query(d.url, "update auth_user set is_active = false")
		_, refresh, _ := strings.Cut(tokens[0], `"refresh":"`)
		refresh, access, _ := strings.Cut(refresh, `","access":"`)
		d.compare("/api/token/", alicesLogin)
		d.compare("/api/token/refresh/", `{"refresh":"`+refresh+`"}`)
		d.compare("/test_auth/jwt/", "", "Authorization: Bearer "+strings.TrimSuffix(access, `"}`))
	})
}
