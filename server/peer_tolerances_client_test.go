package server_test

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// clientTolerances are about bytes that no client library and no browser sends: the
// standard library reads them, where Python has its own way.
func clientTolerances() tolerances {
	both := func(ease func(*answer)) func(*exchange) {
		return func(x *exchange) {
			ease(&x.django)
			ease(&x.ours)
		}
	}
	return tolerances{
		{
			reason:  "net/http writes the attributes of Set-Cookie in another order, and no quotes around nothing",
			applies: func(x exchange) bool { return x.django.header["Set-Cookie"] != nil },
			ease:    both((*answer).orderCookies),
		},
		{
			reason: "an Origin is compared as browsers write it (RFC 6454, 6.2); django-cors-headers parses it as a URL",
			applies: func(x exchange) bool {
				origin := strings.Join(x.request.values("Origin"), ",")
				u, err := url.Parse(origin)
				return err != nil || origin != u.Scheme+"://"+u.Host
			},
			ease: both(func(a *answer) {
				a.drop("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Max-Age")
			}),
		},
		{
			reason: "the query of a redirect to the path with a slash is as the client wrote it; Django escapes what a URL may not have",
			applies: func(x exchange) bool {
				return x.ours.status == http.StatusMovedPermanently && strings.ContainsFunc(x.request.target, func(c rune) bool { return c > '~' || strings.ContainsRune("\"<>\\^`{|}", c) })
			},
			ease: both(func(a *answer) { a.drop("Location") }),
		},
		{
			reason:  "net/http passes over what is no cookie by RFC 6265, 4.2.1; Python unquotes it, or names it \"\"",
			whole:   true,
			applies: func(x exchange) bool { return !x.request.hasPlainCookies() },
		},
		{
			reason:  "every body and query is read as UTF-8, which is what clients send; Django also knows other charsets",
			whole:   true,
			applies: func(x exchange) bool { return !x.request.isUTF8() },
		},
		{
			reason: "mime reads a media type as RFC 9110 and RFC 2231 have it; Python takes others for right, and DRF 3.18.3 passes over what is longer than 256 characters or behind 64 types",
			whole:  true,
			applies: func(x exchange) bool {
				accepted := strings.Split(strings.Join(x.request.values("Accept"), ","), ",")
				return len(accepted) > 64 || slices.ContainsFunc(slices.Concat(x.request.values("Content-Type"), accepted), isOddMediaType)
			},
		},
		{
			reason:  "mime/multipart refuses a form that is cut off, or is none; Django takes what there is",
			whole:   true,
			applies: func(x exchange) bool { return x.request.isOddMultipart() },
		},
	}
}

// values are the lines of a header.
func (r request) values(name string) (list []string) {
	for _, h := range r.headers {
		if key, value, _ := strings.Cut(h, ":"); strings.EqualFold(key, name) {
			list = append(list, strings.Trim(value, " \t"))
		}
	}
	return list
}

// orderCookies writes the cookies again.
func (a *answer) orderCookies() {
	a.header = a.header.Clone()
	for i, line := range a.header["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil {
			c.Quoted = false
			a.header["Set-Cookie"][i] = strings.Replace(c.String(), "Expires=", "expires=", 1)
		}
	}
}

var plainCookies = regexp.MustCompile(`^(?:[!#-'*+.0-9A-Z^-z|~-]+=[!#-:<-[\]-~]*(?:; ?|$))*$`)

func (r request) hasPlainCookies() bool {
	return plainCookies.MatchString(placeholder.ReplaceAllString(strings.Join(r.values("Cookie"), ","), "x"))
}

// isUTF8 reports whether a request has no text in another charset.
func (r request) isUTF8() bool {
	contentType := strings.ToLower(strings.Join(r.values("Content-Type"), ","))
	_, charset, given := strings.Cut(contentType, "charset")
	if given && !strings.Contains(charset, "utf-8") && !strings.Contains(charset, "utf8") {
		return false
	}
	texts := []string{r.target, r.body}
	for _, text := range texts {
		if !utf8.ValidString(text) && !strings.Contains(contentType, "json") || !utf8.ValidString(unescaped(text)) {
			return false
		}
	}
	// What may be half a surrogate is cut off in Python.
	return !strings.HasSuffix(r.body, "\xed\xa0")
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

func unescaped(text string) string {
	return escape.ReplaceAllStringFunc(strings.ToValidUTF8(text, "?"), func(found string) string {
		c, err := url.PathUnescape(found)
		if err != nil {
			return found
		}
		return c
	})
}

// isOddMediaType reports a media type that Python may read in another way than mime.
func isOddMediaType(text string) bool {
	if text == "" {
		return false
	}
	_, params, err := mime.ParseMediaType(text)
	for name, value := range params {
		if value == "" || strings.ContainsAny(name+value, "*\\\"'%; ") {
			return true
		}
	}
	return err != nil || len(text) > 256 || strings.ContainsAny(text, "*\\") && strings.ContainsAny(text, "=") || strings.ContainsFunc(text, func(c rune) bool { return c > '~' || c < ' ' })
}

// isOddMultipart reports a multipart body that no client writes.
func (r request) isOddMultipart() bool {
	contentType := strings.Join(r.values("Content-Type"), ",")
	_, params, _ := mime.ParseMediaType(contentType) //nolint:errcheck // it has no boundary then
	boundary := params["boundary"]
	switch {
	case !strings.Contains(strings.ToLower(contentType), "/form-data"):
		return false
	case !strings.HasPrefix(contentType, multipartPrefix) || !strings.HasPrefix(r.body, "--"+boundary+"\r\n") || !strings.Contains(r.body, "\r\n--"+boundary+"--"):
		return true
	}
	for reader := multipart.NewReader(strings.NewReader(r.body), boundary); ; {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return false
		}
		if err != nil || part.FormName() == "" || strings.TrimSpace(part.FormName()) != part.FormName() || strings.Contains(part.FileName(), "\\") {
			return true
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return true
		}
		if part.Header.Get("Content-Transfer-Encoding") != "" {
			if _, err := base64.StdEncoding.DecodeString(string(content)); err != nil {
				return true
			}
		}
	}
}

const multipartPrefix = "multipart/form-data"
