package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// servedAt starts serve at a terminal and returns what it shows before the first request.
func (w *world) servedAt(args ...string) (*terminal, *served, string) {
	w.t.Helper()
	p := w.terminal(w.command(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...))
	ready := regexp.MustCompile(`(?m)^http://127\.0\.0\.1:[0-9]+\n`)
	within(w.t, testLimit, "the URL of the server", func() bool { return ready.MatchString(p.screen()) })
	before, _, _ := strings.Cut(p.screen(), "http://127")
	return p, &served{running: p.running, url: strings.TrimSpace(ready.FindString(p.screen())), client: &http.Client{Timeout: testLimit}}, before
}

// TestServeTerminal: at a terminal serve says where it writes, what it answers and how it
// ends, and logs a short line in colour for each request.
func TestServeTerminal(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "alice", "--create", "-q")
		id := strings.TrimSpace(w.ok("list", "-o", "id"))
		p, s, before := w.servedAt()
		for _, said := range []string{
			"  GET              / /.well-known/jwks.json /api/secure-data/ /healthz /metrics\n",
			"  GET, POST        /rest-auth/logout/ /test_auth/ ",
			"/test_auth/token/\n  GET, PUT, PATCH  /rest-auth/user/\n",
			"  POST             /api-token-auth/ ",
			"test server on " + dbtest.Name(w.url) + "\n",
			"what requests change is changed in this database\nCtrl-C ends the server\n",
		} {
			if !strings.Contains(before, said) {
				w.t.Errorf("serve does not say %q:\n%s", said, before)
			}
		}
		s.wants(200, "Hello alice!", "GET", "/test_auth/", "", "Authorization: Token "+w.key())
		s.wants(401, "", "POST", "/test_auth/", "{}", "Authorization: Token 0123456789012345678901234567890123456789")
		s.wants(404, "", "GET", "/"+w.key(), "")
		p.shows("other")
		const stamp, took = `\x1b\[2m[0-9]{2}:[0-9]{2}:[0-9]{2}Z\x1b\[0m `, ` [0-9]+(\.[0-9])?m?s`
		_, log, _ := strings.Cut(p.screen(), s.url+"\n")
		want := "^" + stamp + `\x1b\[32m200\x1b\[0m GET  /test_auth/` + took + ` alice ` + id + "\n" +
			stamp + `\x1b\[33m401\x1b\[0m POST /test_auth/` + took + " Invalid token\\.\n" +
			stamp + `\x1b\[33m404\x1b\[0m GET  other` + took + " no such path\n$"
		if !regexp.MustCompile(want).MatchString(log) {
			w.t.Errorf("the log is\n%q\nnot\n%s", log, want)
		}
		for range 4 {
			s.wants(401, "", "GET", "/test_auth/", "", "Authorization: Token nobodys")
		}
		p.shows("\x1b[33mwarning\x1b[0m suspicious remote=127.0.0.1 failures=5 window=1m0s\n")
		p.keys.Write([]byte("\x03")) //nolint:errcheck // the end shows it
		w.want(p.ends(testLimit), 0)
		if screen := p.screen(); strings.Contains(screen, w.key()) || strings.Contains(screen, "nobodys") {
			w.t.Errorf("a secret is on the screen:\n%s", screen)
		}

		// Without colour, in other forms, and quietly.
		p, s, _ = w.servedAt("--color", "never", "--read-only", "--fail", "/api/token/=503")
		p.shows("read-only: no row is written\nCtrl-C ends the server\n")
		s.wants(503, "", "POST", "/api/token/", "{}")
		p.shows(" asked for\n")
		if _, log, _ := strings.Cut(p.screen(), s.url+"\n"); !regexp.MustCompile(`^[0-9:]{8}Z 503 POST /api/token/` + took + " asked for\n$").MatchString(log) {
			w.t.Errorf("the log is %q", log)
		}
		s.stops()
		for form, line := range map[string]string{"logfmt": " level=INFO msg=request method=GET path=/healthz status=200 ", "json": `"msg":"request","method":"GET","path":"/healthz","status":200,`} {
			p, s, _ = w.servedAt("--log-format", form)
			s.wants(200, "ok\n", "GET", "/healthz", "")
			p.shows(line)
			s.stops()
		}
		p, s, before = w.servedAt("-q", "--fail", "/api/token/=500")
		s.wants(200, "ok\n", "GET", "/healthz", "")
		s.wants(500, "", "POST", "/api/token/", "{}")
		p.shows(" asked for\n")
		if strings.Contains(p.screen(), "/healthz") || before != "" {
			w.t.Errorf("-q says\n%s", p.screen())
		}
		s.stops()
	})
}
