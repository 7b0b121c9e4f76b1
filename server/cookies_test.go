package server

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/django/djangotest"
)

// oddCookies are values and headers that cookies are made of in the wild, and
// random ones.
func oddCookies() []string {
	list := []string{"", "a", "a=b", `"`, `""`, `"a`, `a"`, `"a b"`, `"a\"b"`, `"\\"`, `"\101"`, `"\400"`, `"\18"`, `"\1"`, `"a\`, "\"\\\n\"", "é", "a=\xff", "a;b", "a,b", " a ", "\u00a0a\u2003",
		"\x1ca", "a=b=c", "=b", "=", ";", "a=1;a=2", `a="b;c"`, "a\x00b", "ÿ", "Ā", "☃", strings.Repeat("x", 300), "../../etc", "{a}", "a@b", "$Version=1", "__Host-a=b"}
	const letters = "aZ09=; \"\\01374,\xc3\xa9\xff\t\n()"
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		text := make([]byte, random.IntN(14))
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		list = append(list, string(text), `"`+string(text)+`"`)
	}
	return list
}

func TestParseCookies(t *testing.T) {
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, _ tokenctl.Peers) {
		headers := oddCookies()
		latin := make([]string, len(headers))
		for i, h := range headers {
			latin[i] = latin1(h)
		}
		var want []map[string]string
		pr.Eval(`
import io
from django.core.handlers.wsgi import WSGIRequest
result = [WSGIRequest({"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(), "HTTP_COOKIE": h}).COOKIES for h in headers]`, &want, djangotest.Vars{"headers": latin})
		for i, h := range headers {
			if got := parseCookies(h); !maps.Equal(got, want[i]) {
				t.Errorf("%q: %q, Django has %q", h, got, want[i])
			}
		}
	})
}

func TestSetCookie(t *testing.T) {
	now := time.Unix(1700000000, 0)
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, _ tokenctl.Peers) {
		var values []string
		for _, v := range oddCookies() {
			values = append(values, charsetUTF8.replace([]byte(v)))
		}
		var want [][]string
		pr.Eval(`
import time
from django.http import HttpResponse
time.time = lambda: now
def cookies(name, value):
    r = HttpResponse()
    r.set_cookie(name, value, max_age=60, path="/", samesite="Lax")
    a = r.cookies[name].OutputString()
    r = HttpResponse()
    r.set_cookie(name, value, max_age=None, httponly=True, path="/", samesite="Lax")
    b = r.cookies[name].OutputString()
    r = HttpResponse()
    r.delete_cookie(name, path="/", samesite="Lax")
    return [a, b, r.cookies[name].OutputString()]
result = [cookies("name", v) for v in values] + [cookies(n, "v") for n in names]`, &want, djangotest.Vars{"values": values, "names": []string{"__Secure-a", "__Host-b", "c"}, "now": now.Unix()})
		ours := func(name, value string) []string {
			w := new(response)
			attributes := map[string]string{}
			lasting(attributes, time.Minute, now)
			w.setCookie(name, value, attributes)
			w.setCookie(name, value, map[string]string{"httponly": ""})
			w.deleteCookie(name)
			return w.cookies
		}
		var got [][]string
		for _, v := range values {
			got = append(got, ours("name", v))
		}
		for _, name := range []string{"__Secure-a", "__Host-b", "c"} {
			got = append(got, ours(name, "v"))
		}
		for i := range want {
			if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
				t.Errorf("%q\nDjango has %q", got[i], want[i])
			}
		}
	})
}

// TestPlainCookiesPassNetHTTP makes sure that what is set reaches a client of Go's.
func TestPlainCookiesPassNetHTTP(t *testing.T) {
	w := new(response)
	attributes := map[string]string{"httponly": ""}
	lasting(attributes, time.Hour, time.Unix(1700000000, 0))
	w.setCookie("sessionid", "abc", attributes)
	c, err := http.ParseSetCookie(w.cookies[0])
	if err != nil || c.Value != "abc" || c.MaxAge != 3600 || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("%+v, %v", c, err)
	}
}
