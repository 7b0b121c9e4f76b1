package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseCookies is parse_cookie of django/http/cookie.py (4.2): the last of two
// cookies of one name counts, and what has no name is named "".
func parseCookies(header string) map[string]string {
	cookies := map[string]string{}
	// get_str_from_wsgi of django/core/handlers/wsgi.py (4.2)
	for chunk := range strings.SplitSeq(charsetUTF8.replace([]byte(header)), ";") {
		name, value, ok := strings.Cut(chunk, "=")
		if !ok {
			name, value = "", chunk
		}
		if name, value = strip(name), strip(value); name != "" || value != "" {
			cookies[name] = unquoteCookie(value)
		}
	}
	return cookies
}

// unquoteCookie is _unquote of Python's http/cookies.py (3.11).
func unquoteCookie(value string) string {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	value = value[1 : len(value)-1]
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c != '\\' || i == len(value)-1 || value[i+1] == '\n': // a dot of re stands for no line's end
			b.WriteByte(c)
		case isOctal(value[i+1:]):
			n, _ := strconv.ParseUint(value[i+1:i+4], 8, 8) // as isOctal says
			b.WriteRune(rune(n))
			i += 3
		default:
			i++
			b.WriteByte(value[i])
		}
	}
	return b.String()
}

// isOctal reports whether s starts as [0-3][0-7][0-7] does.
func isOctal(s string) bool {
	return len(s) >= 3 && '0' <= s[0] && s[0] <= '3' && '0' <= s[1] && s[1] <= '7' && '0' <= s[2] && s[2] <= '7'
}

// quoteCookie is _quote of Python's http/cookies.py (3.11).
func quoteCookie(value string) string {
	const legal = "!#$%&'*+-.^_`|~:"
	const unescaped = legal + " ()/<=>?@[]{}"
	plain := func(c rune, among string) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune(among, c)
	}
	if value != "" && !strings.ContainsFunc(value, func(c rune) bool { return !plain(c, legal) }) {
		return value
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range value {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c > 0xFF || plain(c, unescaped):
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// httpDate is http_date of django/utils/http.py (4.2).
func httpDate(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

// setCookie is HttpResponse.set_cookie of django/http/response.py (4.2) with Django's
// default path and SameSite: attributes beyond those are by their name in lower
// case, and true or the empty text is a flag. They are written in the order of
// their names, as Morsel.OutputString of http/cookies.py does.
func (w *response) setCookie(name, value string, attributes map[string]string) {
	spelling := map[string]string{"expires": "expires", "httponly": "HttpOnly", "max-age": "Max-Age", "path": "Path", "samesite": "SameSite", "secure": "Secure"}
	all := map[string]string{"path": "/", "samesite": "Lax"}
	maps.Copy(all, attributes)
	var b strings.Builder
	b.WriteString(name + "=" + quoteCookie(value))
	for _, attribute := range slices.Sorted(maps.Keys(all)) {
		b.WriteString("; " + spelling[attribute])
		if v := all[attribute]; v != "" {
			b.WriteString("=" + v)
		}
	}
	w.cookies = append(w.cookies, b.String())
}

// deleteCookie is HttpResponse.delete_cookie.
func (w *response) deleteCookie(name string) {
	attributes := map[string]string{"max-age": "0", "expires": "Thu, 01 Jan 1970 00:00:00 GMT"}
	if strings.HasPrefix(name, "__Secure-") || strings.HasPrefix(name, "__Host-") {
		attributes["secure"] = ""
	}
	w.setCookie(name, "", attributes)
}

// lasting adds the attributes of a cookie that lives as long as d from now.
func lasting(attributes map[string]string, d time.Duration, now time.Time) {
	attributes["max-age"] = strconv.FormatInt(int64(d/time.Second), 10)
	attributes["expires"] = httpDate(now.Add(d))
}
