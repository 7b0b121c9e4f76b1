package server

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"tokenctl"
	"tokenctl/django/djangotest"
	"tokenctl/tokens"
)

// csrfCase is an unsafe request of somebody logged in.
type csrfCase struct {
	Method, Host, Cookie string
	Secure               bool
	Headers              map[string]string
}

const csrfGood = "abcdefghijklmnopqrstuvwxyzABCDEF"

// csrfCases are what the differential test of whole requests cannot ask over its
// plain connections: requests over TLS, which are judged by their Referer.
func csrfCases() []csrfCase {
	var list []csrfCase
	referers := []string{"https://localhost/", "https://LOCALHOST/", "https://localhost:8000/x", "https://localhost", "http://localhost/", "https://evil.example/a?b=c#d", "https://localhost.evil.example/", "//localhost/",
		"localhost", "", "https:", "https:///x", "https://user@localhost/", "https://[::1]/",
		"https://evil.example?x", "https://evil.example#x", "https://evil.example/a;b", "https://é.example/é", "https://ｅvil／.example/", "1https://localhost/", "ht!tps://localhost/", "null", "ftp://localhost/"}
	for _, host := range []string{"localhost", "localhost:8000", "LOCALHOST"} {
		for _, referer := range referers {
			list = append(list, csrfCase{"POST", host, "csrftoken=" + csrfGood, true, map[string]string{"Referer": referer, "X-Csrftoken": csrfGood}})
		}
		for _, origin := range []string{"https://localhost", "http://localhost", "https://localhost:8000", "https://LOCALHOST", "null", ""} {
			for _, secure := range []bool{false, true} {
				list = append(list, csrfCase{"PUT", host, "csrftoken=" + csrfGood, secure, map[string]string{"Origin": origin, "X-Csrftoken": csrfGood, "Referer": "https://localhost/"}})
			}
		}
	}
	return append(list,
		csrfCase{"DELETE", "localhost", "csrftoken=" + csrfGood, true, map[string]string{"X-Csrftoken": csrfGood}},
		csrfCase{"PATCH", "localhost", "", false, map[string]string{"X-Csrftoken": csrfGood}},
		csrfCase{"GET", "localhost", "", true, nil},
	)
}

func TestCSRFOverTLS(t *testing.T) {
	t.Parallel()
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, peers tokenctl.Peers) {
		cases := csrfCases()
		sent := csrfCases()
		for _, c := range sent {
			for name, value := range c.Headers {
				c.Headers[name] = latin1(value)
			}
		}
		var want []string
		pr.Eval(`
import io
from django.core.handlers.wsgi import WSGIRequest
from rest_framework.authentication import CSRFCheck
settings.ALLOWED_HOSTS = ["*"]
def check(c):
    environ = {"REQUEST_METHOD": c["Method"], "HTTP_HOST": c["Host"], "HTTP_COOKIE": c["Cookie"], "SERVER_NAME": "x", "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "https" if c["Secure"] else "http"}
    for name, value in (c["Headers"] or {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    try:
        request = WSGIRequest(environ)
        check = CSRFCheck(lambda request: None)
        check.process_request(request)
        reason = check.process_view(request, None, (), {})
    except Exception:
        return "500"
    return "CSRF Failed: " + reason if reason else ""
result = [check(c) for c in cases]`, &want, djangotest.Vars{"cases": sent})
		s := &Server{peers: peers, Config: Config{Env: tokens.Env{Random: rand.Reader}}}
		for i, c := range cases {
			r := &request{server: s, method: c.Method, Request: &http.Request{Host: c.Host, URL: &url.URL{}, Header: http.Header{"Cookie": {c.Cookie}}}}
			for name, value := range c.Headers {
				r.Header.Set(name, value)
			}
			if c.Secure {
				r.TLS = new(tls.ConnectionState)
			}
			r.processCSRF()
			got := ""
			if err := r.checkCSRF(); err != nil {
				got = err.Error()
				var page *djangoError
				if errors.As(err, &page) {
					got = "500"
				}
			}
			if got != want[i] {
				t.Errorf("%+v: %q, Django has %q", c, got, want[i])
			}
		}
	})
}

// TestCSRFTokens lets Django unmask what was masked here, and the other way round.
func TestCSRFTokens(t *testing.T) {
	t.Parallel()
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, peers tokenctl.Peers) {
		s := &Server{peers: peers, Config: Config{Env: tokens.Env{Random: rand.Reader}}}
		r := &request{server: s}
		var masked []string
		for range 50 {
			masked = append(masked, r.maskCSRF(csrfGood))
		}
		var theirs struct{ Secrets, Masked []string }
		pr.Eval(`
from django.middleware import csrf
unmask = csrf._unmask_cipher_token
result = {"Secrets": [unmask(m) for m in masked], "Masked": [csrf._mask_cipher_secret(good) for _ in masked]}`, &theirs, djangotest.Vars{"masked": masked, "good": csrfGood})
		for i := range masked {
			if theirs.Secrets[i] != csrfGood || csrfSecretOf(theirs.Masked[i]) != csrfGood {
				t.Fatalf("masked here %s, there %s", masked[i], theirs.Masked[i])
			}
		}
	})
}
