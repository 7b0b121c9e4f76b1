package server

import (
	"net/http"
	"strings"
	"time"
)

// cookie returns a cookie's value. If several cookies have the name, the last one counts, as in
// parse_cookie of django/http/cookie.py (4.2). Django sees several lines as one: see header.
func (r *request) cookie(name string) (value string, ok bool) {
	joined := http.Request{Header: http.Header{"Cookie": {r.header("Cookie")}}}
	sent := joined.CookiesNamed(name)
	if len(sent) == 0 {
		return "", false
	}
	return sent[len(sent)-1].Value, true
}

// setCookie is HttpResponse.set_cookie of django/http/response.py (4.2) with Django's
// default path and SameSite.
func (w *response) setCookie(c http.Cookie) {
	c.Path, c.SameSite = "/", http.SameSiteLaxMode
	w.cookies = append(w.cookies, c.String())
}

// lasting returns a cookie that expires after d.
func lasting(name, value string, d time.Duration, now time.Time) http.Cookie {
	return http.Cookie{Name: name, Value: value, MaxAge: int(d / time.Second), Expires: now.Add(d)}
}

// deleteCookie is HttpResponse.delete_cookie.
func (w *response) deleteCookie(name string) {
	w.setCookie(http.Cookie{Name: name, MaxAge: -1, Expires: time.Unix(0, 0),
		Secure: strings.HasPrefix(name, "__Secure-") || strings.HasPrefix(name, "__Host-")})
}
