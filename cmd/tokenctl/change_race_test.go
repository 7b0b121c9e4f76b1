package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
)

// race is what somebody else does to a credential of a user while the question whether
// to change it waits for its answer.
type race struct {
	name      string
	kinds     []string
	do        func(s *stock, kind string, user int) []string
	blacklist ending
	rotate    ending
}

// ending is how the command must end, and what it must say.
type ending struct {
	status int
	says   string
}

// changes is an update of the row of a user's credential.
func changes(set string) func(*stock, string, int) []string {
	return func(s *stock, kind string, user int) []string {
		table, _, where := s.row(kind, user)
		return []string{"update " + table + " set " + strings.ReplaceAll(set, "SPARE", strconv.Itoa(s.spare(user))) + " where " + where}
	}
}

// saves is another session's data under the same key, of a user.
func saves(owner func(*stock, int) int) func(*stock, string, int) []string {
	return func(s *stock, _ string, user int) []string {
		cart := []django.SessionItem{{Name: "cart", Value: []byte("[1]")}}
		data, err := django.EncodeSession(append(django.LoginSession(strconv.Itoa(owner(s, user)), "", "hash"), cart...), tokenctl.NewSecret(serveSecretKey), time.Unix(1e9, 0))
		if err != nil {
			s.t.Fatal(err)
		}
		table, _, where := s.row("session", user)
		return []string{"update " + table + " set session_data = '" + data + "' where " + where}
	}
}

var races = []race{
	{"is deleted", stocked, func(s *stock, kind string, user int) []string {
		table, _, where := s.row(kind, user)
		return []string{"delete from " + table + " where " + where}
	}, ending{0, "1 credential had been deleted meanwhile"}, ending{5, "was deleted meanwhile"}},
	{"gets another key", []string{"drf"}, changes("key = 'another key ' || user_id"), ending{5, "was changed meanwhile"}, ending{5, "was changed meanwhile"}},
	{"gets another owner", []string{"drf", "knox"}, changes("user_id = SPARE"), ending{5, "was changed meanwhile"}, ending{5, "was changed meanwhile"}},
	{"gets another jti", []string{"jwt"}, changes("jti = 'another ' || id"), ending{5, "was changed meanwhile"}, ending{5, "was changed meanwhile"}},
	{"is of another user now", []string{"session"}, saves((*stock).spare), ending{5, "was changed meanwhile"}, ending{5, "was changed meanwhile"}},
	{"is of nobody now", []string{"session"}, func(s *stock, kind string, user int) []string {
		table, _, where := s.row(kind, user)
		return []string{"update " + table + " set session_data = 'no session' where " + where}
	}, ending{5, "was changed meanwhile"}, ending{5, "was changed meanwhile"}},
	{"is saved with other data", []string{"session"}, saves(func(_ *stock, user int) int { return user }), ending{0, ""}, ending{0, ""}},
	{"is refreshed", []string{"knox"}, changes("expiry = '2099-01-02 03:04:05.678901'"), ending{0, ""}, ending{5, "was changed meanwhile"}},
	{"gets no expiry", []string{"knox"}, changes("expiry = null"), ending{0, ""}, ending{5, "was changed meanwhile"}},
	{"gets a later expiry", []string{"session"}, changes("expire_date = '2099-01-02 03:04:05.678901'"), ending{0, ""}, ending{0, ""}},
	{"is blacklisted", []string{"jwt"}, func(s *stock, kind string, user int) []string {
		return []string{"insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) select '2026-01-01 00:00:00', id from token_blacklist_outstandingtoken where user_id = " + strconv.Itoa(user)}
	}, ending{0, "1 credential had been blacklisted meanwhile"}, ending{5, "was blacklisted meanwhile"}},
}

// What was shown is what is changed: a row that became another one ends the command
// before it has changed any, and with --keep-going it alone is left out.
func TestChangeWhileAsked(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 120)
		for _, kind := range stocked {
			for _, verb := range []string{"blacklist", "rotate"} {
				for _, r := range races {
					if !slices.Contains(r.kinds, kind) {
						continue
					}
					want := r.blacklist
					if verb == "rotate" {
						want = r.rotate
					}
					s.race(r, kind, verb, want)
					if want.status == 5 {
						s.race(r, kind, verb, ending{6, want.says}, "--keep-going")
					}
				}
			}
		}
	})
}

func (s *stock) race(r race, kind, verb string, want ending, flags ...string) {
	s.t.Helper()
	what := strings.Join(append([]string{verb, "of a", kind, "that", r.name}, flags...), " ")
	a, b := s.take()
	nameA, nameB := s.name(kind, a), s.name(kind, b)
	var before, rowA string
	one := func() string {
		table, column, _ := s.row(kind, a)
		return s.sql("select * from " + table + " where " + column + " = '" + nameA + "'")
	}
	p, status := s.asked(func() {
		s.do(r.do(s, kind, a)...)
		before, rowA = s.everyRow(), one()
	}, append([]string{verb, "--kind", kind, "--user", userName(a), "--user", userName(b), "-o", "json"}, flags...)...)
	if status != want.status {
		s.t.Errorf("%s: status %d, want %d:\n%s", what, status, want.status, p.screen())
		return
	}
	p.said(what, want.says)
	switch status {
	case 5:
		p.said(what, `"code":"changed"`)
		s.same(what, before)
		if hasSecret(kind, p.screen()) {
			s.t.Errorf("%s: a secret was printed:\n%s", what, p.screen())
		}
		return
	case 6:
		p.said(what, `"code":"partly_done"`, "1 of 2 were done")
		if one() != rowA {
			s.t.Errorf("%s: the row that had changed is %q, and was %q", what, one(), rowA)
		}
	case 0:
		if s.works(kind, nameA) {
			s.t.Errorf("%s: it still works", what)
		}
	}
	if s.works(kind, nameB) {
		s.t.Errorf("%s: the other credential still works", what)
	}
	if verb == "rotate" && !hasSecret(kind, p.screen()) {
		s.t.Errorf("%s: there is no secret:\n%s", what, p.screen())
	}
}

// What appears after the question was asked stays as it is, and its number is said.
func TestChangeAppeared(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 20)
		var last *terminal
		for _, kind := range stocked {
			for _, verb := range []string{"blacklist", "rotate"} {
				a, b := s.take()
				name := s.name(kind, a)
				p, status := s.asked(func() { s.ok("mint", "--kind", kind, userName(s.spare(a)), userName(s.spare(b)), "-q") },
					verb, "--kind", kind, "--user", userName(a), "--user", userName(s.spare(a)), "--user", userName(s.spare(b)))
				if status != 0 || s.works(kind, name) {
					w.t.Errorf("%s %s: status %d:\n%s", verb, kind, status, p.screen())
				}
				p.said(verb+" "+kind, "note: 2 credentials appeared since you were asked, and stay")
				last = p
				if got := len(strings.Fields(s.ok("list", "--kind", kind, "--status", "active", "--user", userName(s.spare(a)), "--user", userName(s.spare(b)), "-o", "id"))); got != 2 {
					w.t.Errorf("%s %s: of the two that appeared there are %d", verb, kind, got)
				}
			}
		}
		last.said("the last one", "and stay as they are")
	})
}
