package server

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl/django"
)

const (
	csrfCookie  = "csrftoken"           // CSRF_COOKIE_NAME
	csrfHeader  = "X-Csrftoken"         // CSRF_HEADER_NAME
	csrfField   = "csrfmiddlewaretoken" // of a form
	csrfAge     = 31449600              // CSRF_COOKIE_AGE
	csrfSecret  = 32                    // CSRF_SECRET_LENGTH
	csrfToken   = 2 * csrfSecret        // CSRF_TOKEN_LENGTH: a mask and the masked secret
	csrfLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// csrfState has the values of CsrfViewMiddleware in request.META.
type csrfState struct {
	cookie string // CSRF_COOKIE
	update bool   // CSRF_COOKIE_NEEDS_UPDATE, up to 3.2 CSRF_COOKIE_USED
}

// processCSRF is CsrfViewMiddleware.process_request of django/middleware/csrf.py
// (3.2, 4.0, 4.2). It rejects nothing: the views of DRF are exempt, and
// SessionAuthentication checks later.
func (r *request) processCSRF() {
	token, ok := r.cookie(csrfCookie)
	v := r.server.peers.Django
	switch {
	case !ok || csrfFault(token) != "" && !v.AtLeast("4.0"):
		// Up to 3.2 a bad cookie is replaced at its first use.
	case csrfFault(token) != "":
		r.rotateCSRF()
	case v.AtLeast("4.1"):
		r.csrf.cookie = csrfSecretOf(token)
	case len(token) == csrfSecret:
		// Older releases did not mask cookies. 4.0 masks such a cookie at once.
		r.csrf.cookie, r.csrf.update = r.maskCSRF(token), v.AtLeast("4.0")
	default:
		r.csrf.cookie = token
	}
}

// rotateCSRF is rotate_token: a new token, at every login.
func (r *request) rotateCSRF() {
	r.csrf.cookie, r.csrf.update = r.newCSRF(), true
	if !r.server.peers.Django.AtLeast("4.1") {
		r.csrf.cookie = r.maskCSRF(r.csrf.cookie)
	}
}

// newCSRF is _get_new_csrf_string.
func (r *request) newCSRF() string {
	secret, err := django.RandomString(r.server.Env.Random, csrfSecret, csrfLetters)
	if err != nil {
		panic(err) // without randomness no token is safe
	}
	return secret
}

// maskCSRF is _mask_cipher_secret.
func (r *request) maskCSRF(secret string) string {
	mask := r.newCSRF()
	return mask + shiftCSRF(secret, mask, 1)
}

// csrfSecretOf is _unmask_cipher_token. A token without a mask is the secret itself.
func csrfSecretOf(token string) string {
	if len(token) != csrfToken {
		return token
	}
	return shiftCSRF(token[csrfSecret:], token[:csrfSecret], -1)
}

// shiftCSRF shifts each letter by the letter of the mask: forward if direction is 1, back if it is -1.
func shiftCSRF(text, mask string, direction int) string {
	n := len(csrfLetters)
	out := []byte(text)
	for i := range out {
		at := strings.IndexByte(csrfLetters, text[i]) + direction*strings.IndexByte(csrfLetters, mask[i])
		out[i] = csrfLetters[(at+n)%n]
	}
	return string(out)
}

// csrfFault is _check_token_format. It returns what is wrong with a token's form, or "".
func csrfFault(token string) string {
	switch n := utf8.RuneCountInString(token); {
	case n != csrfSecret && n != csrfToken:
		return "has incorrect length"
	case strings.Trim(token, csrfLetters) != "" || len(token) != n:
		return "has invalid characters"
	}
	return ""
}

// addCSRFCookie is CsrfViewMiddleware.process_response.
func (r *request) addCSRFCookie(w *response) {
	if !r.csrf.update {
		return
	}
	w.setCookie(lasting(csrfCookie, r.csrf.cookie, csrfAge*time.Second, r.server.Now()))
	w.varyOn("Cookie")
}

// checkCSRF is CsrfViewMiddleware.process_view, for SessionAuthentication.
func (r *request) checkCSRF() error {
	switch r.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return nil
	}
	origins, fault := r.Header["Origin"], ""
	switch {
	case origins != nil && r.server.peers.Django.AtLeast("4.0"):
		if origin := r.header("Origin"); origin != r.scheme()+"://"+r.Host {
			fault = "Origin checking failed - " + latin1(origin) + " does not match any trusted origins."
		}
	case r.secure():
		fault = r.refererFault()
	}
	if fault == "" {
		var err error
		if fault, err = r.csrfTokenFault(); err != nil {
			return err
		}
	}
	if fault != "" {
		return detailed(http.StatusForbidden, "the CSRF check failed", "CSRF Failed: "+fault)
	}
	return nil
}

// refererFault is CsrfViewMiddleware._check_referer, for requests over TLS. It returns what is wrong with
// the Referer, or "".
func (r *request) refererFault() string {
	const failed = "Referer checking failed - "
	referer := r.header("Referer")
	u, err := url.Parse(referer)
	switch {
	case r.Header["Referer"] == nil:
		return failed + "no Referer."
	case err != nil || u.Scheme == "" || u.Host == "":
		return failed + "Referer is malformed."
	case u.Scheme != "https":
		return failed + "Referer is insecure while host is secure."
	case u.User != nil || u.Host != strings.ToLower(r.Host): // is_same_domain
		return failed + latin1(referer) + " does not match any trusted origins."
	}
	return ""
}

// csrfTokenFault is CsrfViewMiddleware._check_token. It returns what is wrong with the tokens, or "".
func (r *request) csrfTokenFault() (string, error) {
	cookie, ok := r.cookie(csrfCookie)
	precise := r.server.peers.Django.AtLeast("4.0")
	switch fault := csrfFault(cookie); {
	case !ok:
		return "CSRF cookie not set.", nil
	case fault != "" && precise:
		return "CSRF cookie " + fault + ".", nil
	}
	token, source := "", "POST"
	if r.method == http.MethodPost {
		values, err := r.formValues()
		if err != nil {
			return "", err
		}
		token = values.Text(csrfField)
	}
	if token == "" {
		header, sent := r.Header[csrfHeader]
		if !sent && precise {
			return "CSRF token missing.", nil
		}
		token, source = latin1(strings.Join(header, ",")), "the '"+csrfHeader+"' HTTP header"
	}
	fault := csrfFault(token)
	if fault == "" && (csrfFault(cookie) != "" || subtle.ConstantTimeCompare([]byte(csrfSecretOf(token)), []byte(csrfSecretOf(cookie))) == 0) {
		fault = "incorrect"
	}
	switch {
	case fault == "":
		return "", nil
	case !precise:
		return "CSRF token missing or incorrect.", nil
	}
	return "CSRF token from " + source + " " + fault + ".", nil
}

// scheme is HttpRequest.scheme.
func (r *request) scheme() string {
	if r.secure() {
		return "https"
	}
	return "http"
}
