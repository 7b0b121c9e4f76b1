package server

import (
	"net/http"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/django/djangotest"
)

// TestSetCookie asks Django for its cookies: net/http writes the same attributes, in
// another order.
func TestSetCookie(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, _ tokenctl.Peers) {
		var want []string
		pr.Eval(`
import time
from django.http import HttpResponse
time.time = lambda: now
def cookie(call, **attributes):
    r = HttpResponse()
    getattr(r, call)(path="/", samesite="Lax", **attributes)
    return r.cookies[attributes["key"]].OutputString()
result = [
    cookie("set_cookie", key="sessionid", value="abc", max_age=60, httponly=True),
    cookie("set_cookie", key="sessionid", value="abc", max_age=None, httponly=True),
    cookie("set_cookie", key="csrftoken", value="abc", max_age=60),
    cookie("delete_cookie", key="sessionid"), cookie("delete_cookie", key="__Secure-a"), cookie("delete_cookie", key="__Host-b")]`, &want, djangotest.Vars{"now": now.Unix()})
		w := new(response)
		for _, c := range []http.Cookie{lasting("sessionid", "abc", time.Minute, now), {Name: "sessionid", Value: "abc"}} {
			c.HttpOnly = true
			w.setCookie(c)
		}
		w.setCookie(lasting("csrftoken", "abc", time.Minute, now))
		for _, name := range []string{"sessionid", "__Secure-a", "__Host-b"} {
			w.deleteCookie(name)
		}
		for i := range want {
			theirs, err := http.ParseSetCookie(want[i])
			if err != nil {
				t.Fatal(err)
			}
			theirs.Quoted = false // Django quotes an empty value
			if theirs.String() != w.cookies[i] {
				t.Errorf("%q\nDjango has %q", w.cookies[i], want[i])
			}
		}
	})
}
