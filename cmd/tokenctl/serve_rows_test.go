package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

const serveSecretKey = "canary-secret-key-of-more-than-thirty-two-bytes"

// everyRow is what the tables hold that a server might write to.
func (w *world) everyRow() string {
	w.t.Helper()
	var b strings.Builder
	for _, table := range []string{"auth_user", "authtoken_token", "knox_authtoken", "django_session", "token_blacklist_outstandingtoken", "token_blacklist_blacklistedtoken"} {
		b.WriteString(table + "\n" + w.sql("select * from "+table+" order by 1") + "\n")
	}
	return b.String()
}

// secretOf mints a credential and returns its secret: of a JWT the access token.
func (w *world) secretOf(user string, args ...string) string {
	w.t.Helper()
	words := strings.Fields(w.ok(append([]string{"mint", user, "-q"}, args...)...))
	return words[len(words)-1]
}

// Under --read-only no request writes a row: not those that ask for it, and not
// those where the peer would clean up or take notes.
func TestServeReadOnly(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.env = append(w.env, "TOKENCTL_SECRET_KEY="+serveSecretKey)
		w.user("alice", pagePassword)
		drf, knox, expired := w.secretOf("alice"), w.secretOf("alice", "--kind", "knox"), w.secretOf("alice", "--kind", "knox")
		w.sql("update knox_authtoken set expiry = '2026-01-01 00:00:00' where token_key = '" + expired[:len(w.sql("select max(token_key) from knox_authtoken"))] + "'")
		session := w.secretOf("alice", "--kind", "session")
		pair := strings.Fields(w.ok("mint", "alice", "--kind", "jwt", "-q"))
		refresh, access := pair[1], pair[3] // "refresh: …", "access: …"
		before := w.everyRow()

		s := w.serve("--read-only", "--knox-auto-refresh", "--simplejwt-update-last-login", "--simplejwt-rotate-refresh-tokens", "--simplejwt-blacklist-after-rotation",
			"--session-save-every-request")
		s.logged("read-only: no row is written")
		login := `{"username":"alice","password":"` + pagePassword + `"}`
		token := "Authorization: Token "
		for _, test := range []struct {
			status             int
			part               string
			method, path, body string
			header             string
		}{
			{200, "Hello alice!", "GET", "/test_auth/", "", token + drf},
			{200, "Hello alice!", "GET", "/test_auth/knox/", "", token + knox},
			{200, "Hello alice!", "GET", "/test_auth/jwt/", "", "Authorization: Bearer " + access},
			{200, "Hello alice!", "GET", "/test_auth/session/", "", "Cookie: sessionid=" + session},
			{401, "Invalid token.", "GET", "/test_auth/knox/", "", token + expired},
			{200, "{}", "POST", "/api/token/verify/", `{"token":"` + access + `"}`, ""},
			{200, drf, "POST", "/api-token-auth/", login, ""}, // it is there already
			{503, "This server is read-only.", "POST", "/api/token/", login, ""},
			{503, "This server is read-only.", "POST", "/api/token/refresh/", `{"refresh":"` + refresh + `"}`, ""},
			{503, "This server is read-only.", "POST", "/api/token/blacklist/", `{"refresh":"` + refresh + `"}`, ""},
			{503, "This server is read-only.", "POST", "/rest-auth/login/", login, ""},
			{503, "This server is read-only.", "POST", "/rest-auth/logout/", "{}", token + drf},
			{503, "This server is read-only.", "PATCH", "/rest-auth/user/", `{"first_name":"Al"}`, token + drf},
			{503, "This server is read-only.", "POST", "/rest-auth/password/change/", `{"new_password1":"another Good 7","new_password2":"another Good 7"}`, token + drf},
			{503, "This server is read-only.", "POST", "/knox/logout/", "{}", token + knox},
			{503, "This server is read-only.", "POST", "/knox/logoutall/", "{}", token + knox},
			{503, "This server is read-only.", "POST", "/revoke", "token=" + drf, token + drf},
		} {
			headers := []string{"Accept: application/json"}
			if test.header != "" {
				headers = append(headers, test.header)
			}
			if strings.HasPrefix(test.body, "token=") {
				headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
			}
			s.wants(test.status, test.part, test.method, test.path, test.body, headers...)
		}
		s.stops()
		if after := w.everyRow(); after != before {
			w.t.Errorf("the rows were\n%s\nand are\n%s", before, after)
		}
	})
}

// By another clock tokens live and die at other times, and nothing is written,
// but where nobody else uses the database.
func TestServeClock(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.env = append(w.env, "TOKENCTL_SECRET_KEY="+serveSecretKey)
		w.user("alice", pagePassword)
		access := w.secretOf("alice", "--kind", "jwt")
		knox := w.secretOf("alice", "--kind", "knox", "--ttl", "1h")
		login := `{"username":"alice","password":"` + pagePassword + `"}`
		before := w.everyRow()
		past := time.Now().Add(-90 * 24 * time.Hour).UTC().Format(time.RFC3339)
		for _, test := range []struct {
			clock        string
			access, knox int
		}{
			{"+1s", 200, 200}, {"+10m", 401, 200}, {"+2h", 401, 401}, {"-2h", 401, 200}, {past, 401, 200}, // a JWT of the future is none
		} {
			s := w.serve("--clock", test.clock)
			s.logged("read-only: no row is written")
			s.wants(test.access, "", "GET", "/test_auth/jwt/", "", "Authorization: Bearer "+access)
			s.wants(test.knox, "", "GET", "/test_auth/knox/", "", "Authorization: Token "+knox)
			s.wants(503, "This server is read-only.", "POST", "/api-token-auth/", login)
			s.stops()
		}
		if after := w.everyRow(); after != before {
			w.t.Errorf("the rows were\n%s\nand are\n%s", before, after)
		}
		s := w.serve("--clock", "+2h", "--scratch", "--simplejwt-access-token-lifetime", "10m")
		var pair struct{ Access string }
		if err := json.Unmarshal([]byte(s.wants(200, "", "POST", "/api/token/", login)), &pair); err != nil {
			w.t.Fatal(err)
		}
		s.wants(200, "Hello alice!", "GET", "/test_auth/jwt/", "", "Authorization: Bearer "+pair.Access)
		s.wants(401, "Invalid token.", "GET", "/test_auth/knox/", "", "Authorization: Token "+knox)
		s.stops()
		if got := w.sql("select count(*) from knox_authtoken"); got != "0" {
			w.t.Error("the knox token that is over by that clock is still there")
		}
	})
}

// Settings are flags too.
func TestServeSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.env = append(w.env, "TOKENCTL_SECRET_KEY="+serveSecretKey)
	w.user("alice", pagePassword)
	basic := "Authorization: Basic YWxpY2U6YSBHb29kLXBhc3N3b3JkIDc="
	s := w.serve("--knox-token-ttl", "1h", "--knox-token-limit-per-user", "1", "--knox-auth-header-prefix", "Knox", "--drf-keyword", "Key", "--claim", `role="ops"`, "--compat", "simplejwt=5.2,drf=3.14")
	var made struct{ Expiry, Token string }
	if err := json.Unmarshal([]byte(s.wants(200, "", "POST", "/knox/login/", "", basic)), &made); err != nil {
		t.Fatal(err)
	}
	expiry, err := time.Parse(time.RFC3339, made.Expiry)
	if left := time.Until(expiry); err != nil || left < 50*time.Minute || left > time.Hour {
		t.Errorf("--knox-token-ttl 1h: %s", made.Expiry)
	}
	s.wants(403, "Maximum amount of tokens allowed per user exceeded.", "POST", "/knox/login/", "", basic)
	s.wants(200, "Hello alice!", "GET", "/test_auth/knox/", "", "Authorization: Knox "+made.Token)
	s.wants(200, "Hello alice!", "GET", "/test_auth/", "", "Authorization: Key "+w.secretOf("alice"))
	s.wants(200, "Key", "GET", "/", "")
	// As simplejwt 5.2 says it.
	s.wants(401, "Token is invalid or expired", "POST", "/api/token/verify/", `{"token":"x"}`)
}

// metricLine is a sample in the text format.
var metricLine = regexp.MustCompile(`^([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? ([0-9.e+-]+)$`)

// readMetrics parses the text format of Prometheus: every sample belongs to the
// family whose HELP and TYPE stand above it.
func readMetrics(t *testing.T, text string) map[string]float64 {
	t.Helper()
	samples := map[string]float64{}
	family := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if words := strings.Fields(line); words[0] == "#" {
			if words[1] == "HELP" {
				family = words[2]
			} else if words[1] != "TYPE" || words[2] != family || !slices.Contains([]string{"counter", "histogram"}, words[3]) {
				t.Errorf("%q below HELP of %s", line, family)
			}
			continue
		}
		m := metricLine.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[1], family) {
			t.Fatalf("%q is no sample of %s", line, family)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if _, twice := samples[m[1]+m[2]]; err != nil || twice {
			t.Errorf("%q: %v", line, err)
		}
		samples[m[1]+m[2]] = value
	}
	return samples
}

func TestServeMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	s := w.serve()
	key := w.secretOf("alice", "--create")
	read := func() map[string]float64 { return readMetrics(t, s.wants(200, "", "GET", "/metrics", "")) }
	before := read()
	for range 3 {
		s.wants(200, "", "GET", "/test_auth/", "", "Authorization: Token "+key)
	}
	s.wants(401, "", "GET", "/test_auth/", "", "Authorization: Token nobodys")
	for _, stranger := range []string{"/a", "/b", "/c"} {
		s.wants(404, "", "GET", stranger, "")
	}
	s.wants(405, "", "BREW", "/test_auth/", "", "Authorization: Token "+key)
	after := read()
	for name, want := range map[string]float64{
		`tokenctl_http_requests_totalpath="/test_auth/",method="GET",status="200"`:   3,
		`tokenctl_http_requests_totalpath="/test_auth/",method="GET",status="401"`:   1,
		`tokenctl_http_requests_totalpath="/test_auth/",method="other",status="405"`: 1,
		`tokenctl_http_requests_totalpath="other",method="GET",status="404"`:         3,
		`tokenctl_http_requests_totalpath="/metrics",method="GET",status="200"`:      1,
		`tokenctl_authentications_totalkind="drf",outcome="ok"`:                      3,
		`tokenctl_authentications_totalkind="drf",outcome="refused"`:                 1,
		`tokenctl_http_request_duration_seconds_countpath="/test_auth/"`:             5,
		`tokenctl_http_request_duration_seconds_bucketpath="/test_auth/",le="+Inf"`:  5,
	} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s moved by %v, want %v", name, got, want)
		}
	}
	last := 0.0
	for _, bound := range []string{"0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"} {
		n, ok := after[`tokenctl_http_request_duration_seconds_bucketpath="/test_auth/",le="`+bound+`"`]
		if !ok || n < last {
			t.Errorf("bucket %s: %v after %v", bound, n, last)
		}
		last = n
	}
}
