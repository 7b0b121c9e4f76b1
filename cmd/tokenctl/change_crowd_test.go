package main

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"tokenctl/db/dbtest"
)

// together runs commands at the same time and returns how each ended.
func (w *world) together(commands [][]string) []result {
	w.t.Helper()
	results := make([]result, len(commands))
	var all sync.WaitGroup
	for i, args := range commands {
		cmd := w.command(args...)
		all.Go(func() { results[i] = w.run(cmd) })
	}
	all.Wait()
	return results
}

// internals are words of a database that nobody should have to read.
var internals = regexp.MustCompile(`(?i)deadlock|SQLSTATE|serializ|the database ended|duplicate|unique`)

// winner checks that one of them succeeded, and that the others were told that there was
// nothing left for them; truth is what they may be told.
func (w *world) winner(what string, results []result, truth *regexp.Regexp) (won result) {
	w.t.Helper()
	winners := 0
	for _, r := range results {
		code := ""
		if m := regexp.MustCompile(`"code":"(\w+)"`).FindStringSubmatch(r.stderr); m != nil {
			code = m[1]
		}
		switch {
		case r.status == 0:
			winners++
			won = r
		case !slices.Contains([]string{"3 not_found", "5 changed", "5 already_exists"}, string(rune('0'+r.status))+" "+code),
			r.stdout != "", internals.MatchString(r.stderr), !truth.MatchString(r.stderr):
			w.t.Errorf("%s: status %d, %q: %s", what, r.status, r.stdout, r.stderr)
		}
	}
	if winners != 1 {
		w.t.Errorf("%s: %d were told that they did it", what, winners)
	}
	return won
}

// deadlocks checks that the server had to end no transaction because of another.
func (w *world) deadlocks() {
	w.t.Helper()
	if w.engine == "postgres" {
		// A backend reports its deadlocks at the latest when it ends.
		within(w.t, testLimit, "the end of the backends", func() bool {
			return w.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'tokenctl/%'") == ""
		})
		if n := w.sql("select deadlocks from pg_stat_database where datname = current_database()"); n != "0" {
			w.t.Errorf("there were %s deadlocks", n)
		}
	}
}

// Many operators change one credential at once: one of them does, and the others are told
// the truth.
func TestChangeCrowd(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 18)
		truth := map[string]*regexp.Regexp{
			"blacklist":   regexp.MustCompile(`there is no |was deleted meanwhile|was replaced: it is |is blacklisted already|was blacklisted meanwhile`),
			"rotate":      regexp.MustCompile(`there is no |was deleted meanwhile|was replaced: it is |was changed meanwhile|is blacklisted: there is nothing|was blacklisted meanwhile`),
			"unblacklist": regexp.MustCompile(`is not blacklisted`),
		}
		crowd := func(verb, kind string, user int) (won result, id string) {
			id = s.id(kind, user)
			commands := make([][]string, 20)
			for i := range commands {
				commands[i] = []string{verb, id, "-o", "json"}
			}
			return s.winner(verb+" "+kind, s.together(commands), truth[verb]), id
		}
		for _, kind := range stocked {
			a, b := s.take()
			_, id := crowd("blacklist", kind, a)
			if kind == "jwt" {
				crowd("unblacklist", kind, a)
				w.ok("verify", id)
			} else {
				w.want(w.run(w.command("show", id)), 3, "there is no "+id)
			}
			won, id := crowd("rotate", kind, b)
			if !hasSecret(kind, won.stdout) || !strings.Contains(won.stdout, `"replaces": "`+id+`"`) {
				w.t.Errorf("rotate %s: the winner got %q", kind, won.stdout)
			}
			live := w.ok("list", "--kind", kind, "--user", userName(b), "--status", "active", "-o", "id")
			if strings.Count(live, "\n") != 1 || !strings.Contains(won.stdout, `"id": "`+strings.TrimSpace(live)+`"`) {
				w.t.Errorf("rotate %s: live are %q, and the winner got %q", kind, live, won.stdout)
			}
		}
		w.deadlocks()
	})
}

// Operators name the same credentials of every kind, in opposite orders and by selectors:
// one of them changes all, and nobody meets a deadlock.
func TestChangeCrowdInOppositeOrders(t *testing.T) {
	t.Parallel()
	s := newStock(newWorld(t, "postgres"), 32)
	for _, verb := range []string{"blacklist", "rotate"} {
		var ids, users []string
		for range 4 {
			a, b := s.take()
			users = append(users, "--user", userName(a), "--user", userName(b))
		}
		ids = strings.Fields(s.ok(append([]string{"list", "-o", "id"}, users...)...))
		if len(ids) != 32 {
			t.Fatalf("there are %d ids", len(ids))
		}
		back := slices.Clone(ids)
		slices.Reverse(back)
		var commands [][]string
		for range 5 {
			commands = append(commands, append([]string{verb, "-o", "json"}, ids...), append([]string{verb, "-o", "json"}, back...))
		}
		won := s.winner(verb, s.together(commands), regexp.MustCompile(`not there, or replaced meanwhile|there is no |was deleted meanwhile|was replaced: it is |was changed meanwhile|was blacklisted meanwhile|is blacklisted`))
		n := len(strings.Fields(s.ok(append([]string{"list", "--status", "active", "-o", "id"}, users...)...)))
		if want := map[string]int{"blacklist": 0, "rotate": 32}[verb]; n != want {
			t.Errorf("%s: %d are active, want %d", verb, n, want)
		}
		if verb == "rotate" && strings.Count(won.stdout, `"replaces"`) != 32 {
			t.Errorf("the winner got %s", won.stdout)
		}
	}
	s.deadlocks()

	// Who selects and who names: all is done, once.
	var users, ids []string
	for range 8 {
		a, b := s.take()
		users = append(users, "--user", userName(a), "--user", userName(b))
	}
	ids = strings.Fields(s.ok(append([]string{"list", "-o", "id"}, users...)...))
	slices.Reverse(ids)
	commands := [][]string{}
	for range 4 {
		commands = append(commands, append([]string{"blacklist", "--yes"}, users...), append([]string{"blacklist", "--yes", "-q"}, users...),
			append([]string{"blacklist", "--ignore-missing"}, ids...))
	}
	for i, r := range s.together(commands) {
		// An id that is gone when it is read is not there for --ignore-missing either.
		if r.status != 0 || internals.MatchString(r.stderr) {
			t.Errorf("command %d: status %d: %s", i, r.status, r.stderr)
		}
	}
	if left := s.ok(append([]string{"list", "--status", "active", "-o", "id"}, users...)...); left != "" {
		t.Errorf("these are active: %s", left)
	}
}
