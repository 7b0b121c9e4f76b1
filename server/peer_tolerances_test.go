package server_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"tokenctl/django/djangotest"
)

// tolerance is a difference between Django and tokenctl that is meant, and why.
type tolerance struct {
	reason  string
	applies func(exchange) bool
	// ease makes equal what differs for this reason, and nothing else.
	ease func(*exchange)
	// whole is in place of ease: the two sides read different requests, so nothing can be
	// said of their answers, their rows, and what follows in the sequence.
	whole bool
	// needless is where nothing is asked that would use it.
	needless bool
	used     atomic.Int64
}

type tolerances []*tolerance

// tolerated are all there are. Each must be used by what is asked of every age.
func tolerated() tolerances {
	return append(tolerances{
		browsable(),
		{
			reason: "net/http answers by itself what it cannot parse: a Host header or a percent sign in the path",
			applies: func(x exchange) bool {
				return x.ours.status == http.StatusBadRequest && x.ours.header.Get("Content-Type") == "text/plain; charset=utf-8" &&
					(x.django.status == http.StatusBadRequest || strings.Contains(x.request.target, "%"))
			},
			ease: func(x *exchange) { x.django = x.ours },
		},
		{
			reason:   "RFC 9110, 8.6 forbids Content-Length beside a 204, and net/http leaves it out",
			needless: !djangotest.HasKnox(),
			applies:  func(x exchange) bool { return x.ours.status == http.StatusNoContent },
			ease:     func(x *exchange) { x.django.drop("Content-Length") },
		},
		{
			reason: "Django's pages look for a CSRF token in the form, and one that cannot be read makes another error of them: here the page stays",
			applies: func(x exchange) bool {
				return x.request.method == http.MethodPost && slices.ContainsFunc(x.request.headers, func(h string) bool { return strings.Contains(h, "csrftoken=") }) &&
					(x.django.status == http.StatusInternalServerError || x.django.status == http.StatusBadRequest) &&
					(x.ours.status == http.StatusNotFound || x.ours.status == http.StatusBadRequest || x.ours.status == http.StatusMovedPermanently) &&
					!strings.HasPrefix(x.ours.header.Get("Content-Type"), "application/json")
			},
			ease: func(x *exchange) { x.django = x.ours },
		},
		{
			reason:   "tokenctl's list of common passwords is not Django's: django/common_passwords.md",
			needless: !djangotest.HasRestAuth(),
			applies: func(x exchange) bool {
				return strings.HasPrefix(x.request.target, "/rest-auth/password/change") && strings.Contains(x.ours.body, tooCommon) != strings.Contains(x.django.body, tooCommon)
			},
			ease: func(x *exchange) {
				for _, a := range []*answer{&x.django, &x.ours} {
					a.body = strings.NewReplacer(`,"`+tooCommon+`"`, "", `"`+tooCommon+`",`, "").Replace(a.body)
					a.drop("Content-Length")
				}
			},
		},
	}, clientTolerances()...)
}

// browsable is a tolerance that Django needs towards another age of itself, too.
func browsable() *tolerance {
	return &tolerance{
		reason: "the browsable API is not imitated: whoever prefers text/html gets the JSON",
		applies: func(x exchange) bool {
			return strings.Contains(x.django.body, "Django REST framework</title>") ||
				x.request.method == http.MethodHead && strings.HasPrefix(x.django.header.Get("Content-Type"), "text/html")
		},
		ease: func(x *exchange) {
			// A page instead of nothing is a 200: BrowsableAPIRenderer.render.
			if x.ours.status == http.StatusNoContent && x.django.status == http.StatusOK {
				x.ours.status = http.StatusOK
			}
			for _, a := range []*answer{&x.django, &x.ours} {
				a.body = ""
				// The page has a form with a CSRF token in it, and tells who is logged in.
				a.drop("Content-Type", "Content-Length", "Set-Cookie")
				a.header.Set("Vary", strings.Replace(a.header.Get("Vary"), ", Cookie", "", 1))
			}
		},
	}
}

const tooCommon = "This password is too common."

// drop takes headers away.
func (a *answer) drop(names ...string) {
	a.header = a.header.Clone()
	for _, name := range names {
		a.header.Del(name)
	}
}
