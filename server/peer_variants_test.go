package server_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl/django/djangotest"
	"tokenctl/server"
)

// variant is one way to configure the imitated project, said twice: to Django and
// to tokenctl.
type variant struct {
	name     string
	settings string // Python, at the end of settings.py
	toml     string // tokenctl.toml
	config   func(*server.Config)
	change   func(t *testing.T, url string) // of the filled database
	asks     []sequence
}

// plain is the imitated project as it is, asked everything.
func plain() variant {
	v := variant{name: "plain", asks: slices.Concat(tokenSequences(), jwtSequences(), sessionSequences(), wireSequences())}
	if djangotest.HasRestAuth() {
		v.asks = append(v.asks, restAuthSequences()...)
	}
	if djangotest.HasKnox() {
		v.asks = append(v.asks, knoxSequences()...)
	}
	return v
}

// onPostgres is what PostgreSQL is asked: all that looks at rows.
func onPostgres() variant {
	v := plain()
	v.asks = only(v.asks, "token", "custom", "obtain", "jwt", "pair", "sliding", "/api", "unrecorded", "stored", "claims", "user", "unicode", "rehash", "basic", "session", "csrf", "rest", "knox")
	return v
}

// only are the sequences whose names begin so.
func only(list []sequence, prefixes ...string) []sequence {
	return slices.Clip(slices.DeleteFunc(slices.Clone(list), func(seq sequence) bool {
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(seq.name, prefix) })
	}))
}

// variants are all that is asked on SQLite at the age p, which is one of peers.
func variants(peers []djangotest.Peer, p djangotest.Peer) []variant {
	all := plain()
	age := slices.Index(peers, p)
	inTurn := func(n int, list []sequence) []sequence {
		if djangotest.Long() || n%len(peers) == age {
			return list
		}
		return nil
	}
	list := slices.Concat([]variant{all}, jwtSettingVariants(all.asks, inTurn), otherVariants(all.asks))
	if djangotest.HasKnox() {
		list = append(list, knoxVariants(all.asks)...)
	}
	return list
}

// jwtSettingVariants change settings of simplejwt. The plain project is asked about all bodies at every age. Three
// variants are asked about them at one age each: inTurn returns the n-th variant's sequences at its age, else nil.
func jwtSettingVariants(all []sequence, inTurn func(n int, list []sequence) []sequence) []variant {
	stories := only(all, "pair-", "sliding-", "unrecorded-", "stored-", "claims-", "user-", "unicode-", "rehash")
	bodies := only(all, "/api/token/")
	header := only(all, "jwt", "secure")
	return []variant{
		{
			name:     "rotate",
			settings: `SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True}`,
			toml:     "[simplejwt]\nrotate_refresh_tokens = true",
			asks:     append(only(bodies, "/api/token/refresh/"), append(stories, rotation()...)...),
		},
		{
			name:     "rotate and blacklist",
			settings: `SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True, "UPDATE_LAST_LOGIN": True}`,
			toml:     "[simplejwt]\nrotate_refresh_tokens = true\nblacklist_after_rotation = true\nupdate_last_login = true",
			asks:     append(only(bodies, "/api/token/refresh/", "/api/token/verify/"), append(stories, rotation()...)...),
		},
		{
			name: "issuer and audience",
			settings: `SIMPLE_JWT = {"ISSUER": "us", "AUDIENCE": "us", "LEEWAY": 3700, "AUTH_HEADER_TYPES": ("Bearer", "JWT"),
				"REFRESH_TOKEN_LIFETIME": __import__("datetime").timedelta(days=90)}`,
			toml: "[simplejwt]\nissuer = 'us'\naudience = 'us'\nleeway = 3700\nauth_header_types = ['Bearer', 'JWT']\nrefresh_token_lifetime = '90d'",
			asks: slices.Concat(header, stories, inTurn(0, bodies)),
		},
		{
			name:     "audiences and names of claims",
			settings: `SIMPLE_JWT = {"AUDIENCE": ["us", "them"], "TOKEN_TYPE_CLAIM": "kind", "JTI_CLAIM": "id", "USER_ID_CLAIM": "uid", "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "until", "AUTH_HEADER_NAME": "HTTP_X_ACCESS_TOKEN"}`,
			toml:     "[simplejwt]\naudience = ['us', 'them']\ntoken_type_claim = 'kind'\njti_claim = 'id'\nuser_id_claim = 'uid'\nsliding_token_refresh_exp_claim = 'until'\nauth_header_name = 'HTTP_X_ACCESS_TOKEN'",
			asks:     slices.Concat(header, stories),
		},
		{
			name:     "by username",
			settings: `SIMPLE_JWT = {"USER_ID_FIELD": "username", "USER_ID_CLAIM": "sub"}`,
			toml:     "[simplejwt]\nuser_id_field = 'username'\nuser_id_claim = 'sub'",
			asks:     slices.Concat(header, stories, inTurn(1, bodies)),
		},
		{
			name:     "revoke by password",
			settings: `SIMPLE_JWT = {"CHECK_REVOKE_TOKEN": True, "ALGORITHM": "HS512"}`,
			toml:     "[simplejwt]\ncheck_revoke_token = true\nalgorithm = 'HS512'",
			asks:     slices.Concat(header, stories, inTurn(2, bodies)),
		},
	}
}

// rotation uses each token of a chain again.
func rotation() []sequence {
	refresh := func(token string) request { return postJSON("/api/token/refresh/", `{"refresh":"`+token+`"}`) }
	return []sequence{{"rotation", []request{
		postJSON("/api/token/", alicesLogin), refresh("{{1.refresh}}"), refresh("{{2.refresh}}"), refresh("{{1.refresh}}"), refresh("{{2.refresh}}"),
		get("/test_auth/jwt/", "Authorization: Bearer {{2.access}}"), postJSON("/api/token/verify/", `{"token":"{{3.refresh}}"}`), postJSON("/api/token/verify/", `{"token":"{{1.refresh}}"}`),
		postJSON("/api/token/blacklist/", `{"refresh":"{{3.refresh}}"}`), refresh("{{3.refresh}}"),
	}}}
}

func otherVariants(all []sequence) []variant {
	list := []variant{
		{
			name:     "every origin",
			settings: "CORS_ALLOW_ALL_ORIGINS = True",
			config:   func(c *server.Config) { c.CORS = server.CORS{Origins: []string{"*"}} },
			asks:     only(all, "cors"),
		},
		{
			name:     "every origin with credentials",
			settings: "CORS_ALLOW_ALL_ORIGINS = True\nCORS_ALLOW_CREDENTIALS = True",
			config:   func(c *server.Config) { c.CORS = server.CORS{Origins: []string{"*"}, Credentials: true} },
			asks:     only(all, "cors"),
		},
		{
			name:     "origins with credentials",
			settings: "CORS_ALLOW_CREDENTIALS = True",
			config:   func(c *server.Config) { c.CORS.Credentials = true },
			asks:     only(all, "cors"),
		},
		{
			name:     "hosts",
			settings: `ALLOWED_HOSTS += [".evil.example", "example.com"]`,
			config:   func(c *server.Config) { c.AllowedHosts = []string{".evil.example", "example.com"} },
			asks:     only(all, "host"),
		},
		{
			name:     "sessions",
			settings: `SESSION_COOKIE_NAME, SESSION_COOKIE_AGE, SESSION_SAVE_EVERY_REQUEST = "sid", 3600, True`,
			toml:     "[session]\ncookie_name = 'sid'\ncookie_age = 3600\nsave_every_request = true",
			asks:     renamed(only(all, "session", "csrf-00", "rest-l"), "sessionid", "sid"),
		},
		{
			name:     "sessions of a browser",
			settings: `SESSION_EXPIRE_AT_BROWSER_CLOSE = True`,
			toml:     "[session]\nexpire_at_browser_close = true",
			asks:     only(all, "session", "rest-l"),
		},
		throttled(),
	}
	if djangotest.HasRestAuth() {
		list = append(list, variant{
			name:     "no session login",
			settings: `REST_AUTH = {"SESSION_LOGIN": False}`,
			config:   func(c *server.Config) { c.SessionLogin = false },
			asks:     only(all, "rest-login-0", "rest-logout", "rest-change-"),
		})
	}
	return list
}

// renamed are sequences in which a word stands for another.
func renamed(list []sequence, from, to string) []sequence {
	list = slices.Clone(list)
	for i, seq := range list {
		requests := slices.Clone(seq.requests)
		for j, r := range requests {
			requests[j].headers = slices.Clone(r.headers)
			for k, h := range r.headers {
				requests[j].headers[k] = strings.ReplaceAll(h, from, to)
			}
		}
		list[i].requests = requests
	}
	return list
}

// throttled has limits that a few requests reach.
func throttled() variant {
	rate := func(text string) *server.Rate {
		r, err := server.ParseRate(text)
		if err != nil {
			panic(err) // these are good ones
		}
		return &r
	}
	times := func(n int, r request) (list []request) {
		for range n {
			list = append(list, r)
		}
		return list
	}
	alice := "Authorization: Token {{drf.alice}}"
	return variant{
		name: "throttles",
		settings: `REST_FRAMEWORK["DEFAULT_THROTTLE_CLASSES"] = ["rest_framework.throttling.AnonRateThrottle", "rest_framework.throttling.UserRateThrottle"]
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = {"anon": "4/min", "user": "6/h", "login": "3/day"}`,
		config: func(c *server.Config) {
			c.Throttles = server.Throttles{Anon: rate("4/min"), User: rate("6/h"), Login: rate("3/day")}
		},
		asks: []sequence{
			{"throttle-user", append(times(8, get("/test_auth/", alice)), get("/test_auth/", "Authorization: Token {{drf.bob}}"), get("/test_auth/"), get("/api/secure-data/", alice))},
			{"throttle-anonymous", times(6, does("POST", "/api/token/verify/"))},
			{"throttle-forbidden", times(6, get("/test_auth/"))},
			{"throttle-options", times(8, does("OPTIONS", "/test_auth/", alice))},
			{"throttle-method", times(6, does("PUT", "/api/token/refresh/"))},
			{"throttle-login", times(5, postJSON("/api-token-auth/", alicesLogin))},
			{"throttle-login-bad", times(5, postJSON("/api-token-auth/", `{`))},
			{"throttle-pair", times(6, postJSON("/api/token/", alicesLogin))},
			{"throttle-login-shared", []request{postJSON("/api/token/", alicesLogin), postJSON("/api-token-auth/", alicesLogin), postJSON("/api/token/sliding/", alicesLogin), postJSON("/api-token-auth/", alicesLogin), postJSON("/api/token/", alicesLogin)}},
			{"throttle-forwarded", append(times(5, does("POST", "/api/token/verify/", "X-Forwarded-For: 10.0.0.1")), does("POST", "/api/token/verify/", "X-Forwarded-For: 10.0.0.2, 10.0.0.3"), does("POST", "/api/token/verify/", "X-Forwarded-For: 10.0.0.1 "))},
			{"throttle-accept", times(7, get("/test_auth/", alice, "Accept: application/json; indent=4"))},
		},
	}
}

func knoxVariants(all []sequence) []variant {
	knox := only(all, "knox")
	limited := []sequence{{"knox-limit", []request{
		does("POST", "/knox/login/", basic("bob:bob's password")), does("POST", "/knox/login/", basic("bob:bob's password")), does("POST", "/knox/login/", basic("zoë:pässwörd ☃")),
		does("POST", "/knox/login/", basic("old:old password")), does("POST", "/knox/login/", basic("old:old password")), does("POST", "/knox/login/", basic("old:old password")),
		does("POST", "/knox/login/", basic("old:old password")), does("POST", "/knox/login/", basic("old:old password")), does("POST", "/knox/login/", basic("old:wrong")),
	}}}
	list := []variant{
		{
			name: "knox for ever", settings: `REST_KNOX = {"TOKEN_TTL": None, "TOKEN_LIMIT_PER_USER": 4, "AUTH_TOKEN_CHARACTER_LENGTH": 40}`,
			toml: "[knox]\ntoken_ttl = 'never'\ntoken_limit_per_user = 4\nauth_token_character_length = 40",
			asks: append(knox, limited...),
		},
		{
			name: "knox refreshes", settings: `REST_KNOX = {"TOKEN_TTL": __import__("datetime").timedelta(hours=48), "AUTO_REFRESH": True, "MIN_REFRESH_INTERVAL": 600, "TOKEN_LIMIT_PER_USER": 4, "AUTH_HEADER_PREFIX": "Bearer"}`,
			toml: "[knox]\ntoken_ttl = '48h'\nauto_refresh = true\nmin_refresh_interval = 600\ntoken_limit_per_user = 4\nauth_header_prefix = 'Bearer'",
			asks: append(renamed(knox, "Authorization: Token {{", "Authorization: Bearer {{"), limited...),
		},
	}
	if knoxHas("TOKEN_PREFIX") {
		list = append(list, variant{
			name: "knox elsewhere", settings: `TIME_ZONE = "America/Chicago"` + "\n" + `REST_KNOX = {"TOKEN_PREFIX": "kx_", "AUTO_REFRESH": True, "AUTO_REFRESH_MAX_TTL": __import__("datetime").timedelta(hours=12)}`,
			toml: "[time]\ntime_zone = 'America/Chicago'\n[knox]\ntoken_prefix = 'kx_'\nauto_refresh = true\nauto_refresh_max_ttl = '12h'",
			asks: knox,
		})
	}
	return list
}

// knoxHas tells whether the checkout knows a setting: 4.2 does not know all.
func knoxHas(setting string) bool {
	text, err := os.ReadFile(filepath.Join(os.Getenv("TOKENCTL_TEST_KNOX"), "knox", "settings.py"))
	return err == nil && strings.Contains(string(text), setting)
}
