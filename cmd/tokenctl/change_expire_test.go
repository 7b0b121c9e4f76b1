package main

import (
	"slices"
	"testing"

	"tokenctl/db/dbtest"
)

// An end that somebody else moved is not moved again: AUTO_REFRESH or a save has given the
// credential another one than was shown.
func TestExpireWhileAsked(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 40)
		for _, kind := range []string{"knox", "session"} {
			for _, r := range races {
				if !slices.Contains(r.kinds, kind) || r.name == "is saved with other data" {
					continue
				}
				want := r.rotate.says
				if r.name == "gets a later expiry" {
					want = "was changed meanwhile"
				}
				what := "expire of a " + kind + " that " + r.name
				a, b := s.take()
				var before string
				p, status := s.asked(func() {
					s.do(r.do(s, kind, a)...)
					before = s.everyRow()
				}, "expire", "--kind", kind, "--user", userName(a), "--user", userName(b), "--ttl", "90d", "-o", "json")
				if status != 5 {
					w.t.Errorf("%s: status %d:\n%s", what, status, p.screen())
					continue
				}
				p.said(what, want, `"code":"changed"`)
				s.same(what, before)
			}
		}
	})
}
