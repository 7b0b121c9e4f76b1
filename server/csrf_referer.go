package server

import (
	"errors"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// refererFault is CsrfViewMiddleware._check_referer of django/middleware/csrf.py
// (4.2), for requests over TLS: what is wrong with where they come from; empty:
// nothing. Up to 3.2 a referer that urlparse refuses is a 500.
func (r *request) refererFault() (string, error) {
	const failed = "Referer checking failed - "
	if r.Header["Referer"] == nil {
		return failed + "no Referer.", nil
	}
	u, err := parseURL(latin1(r.header("Referer")))
	if err != nil && !r.server.peers.Django.AtLeast("4.0") {
		return "", uncaught("urlparse raises ValueError")
	}
	switch {
	case err != nil || u.scheme == "" || u.netloc == "":
		return failed + "Referer is malformed.", nil
	case u.scheme != "https":
		return failed + "Referer is insecure while host is secure.", nil
	case u.netloc != strings.ToLower(r.Host): // is_same_domain
		return failed + u.String() + " does not match any trusted origins.", nil
	}
	return "", nil
}

// parsedURL is what urlsplit of Python's urllib/parse.py (3.11) finds.
type parsedURL struct{ scheme, netloc, path, query, fragment string }

var errURL = errors.New("urlparse raises ValueError")

// parseURL is urlsplit.
func parseURL(text string) (u parsedURL, err error) {
	text = strings.TrimLeftFunc(text, func(c rune) bool { return c <= ' ' })
	text = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(text)
	if i := strings.IndexByte(text, ':'); i > 0 && isScheme(text[:i]) {
		u.scheme, text = strings.ToLower(text[:i]), text[i+1:]
	}
	if rest, ok := strings.CutPrefix(text, "//"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		u.netloc, text = rest[:end], rest[end:]
		if !isNetloc(u.netloc) {
			return u, errURL
		}
	}
	text, u.fragment, _ = strings.Cut(text, "#")
	u.path, u.query, _ = strings.Cut(text, "?")
	return u, nil
}

// isNetloc is _checknetloc, and urlsplit's check of brackets.
func isNetloc(s string) bool {
	if strings.Contains(s, "[") != strings.Contains(s, "]") {
		return false
	}
	bare := strings.NewReplacer("@", "", ":", "", "#", "", "?", "").Replace(s)
	normal := norm.NFKC.String(bare)
	return normal == bare || !strings.ContainsAny(normal, "/?#@:")
}

// String is ParseResult.geturl: an empty query or fragment loses its mark.
func (u parsedURL) String() string {
	text := u.path
	if u.netloc != "" {
		if text != "" && text[0] != '/' {
			text = "/" + text
		}
		text = "//" + u.netloc + text
	}
	if u.scheme != "" {
		text = u.scheme + ":" + text
	}
	if u.query != "" {
		text += "?" + u.query
	}
	if u.fragment != "" {
		text += "#" + u.fragment
	}
	return text
}
