package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// Several at once are all or nothing: each that is in the way is named, with what is true
// of it.
func TestChangeOffenders(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 12)
		a, b := s.take()
		c, d := s.take()
		gone, over := []string{s.id("drf", a), s.id("drf", b)}, []string{s.id("jwt", a), s.id("jwt", b)}
		good := []string{s.id("jwt", c), s.id("drf", c), s.id("session", c)}
		live := []string{s.id("jwt", c), s.id("jwt", d)}
		w.ok(append([]string{"blacklist", "-q"}, append(gone, over...)...)...)
		before := w.everyRow()
		check := func(args []string, status int, code string, named ...string) {
			what := strings.Join(args, " ")
			r := w.run(w.command(append(args, "-o", "json")...))
			w.is(what, r, status, append(named, `"code":"`+code+`"`)...)
			if strings.Contains(r.stderr, "not there") && !strings.Contains(what, gone[0]) {
				w.t.Errorf("%s says that something is not there: %s", what, r.stderr)
			}
			if r.stdout != "" {
				w.t.Errorf("%s wrote %s", what, r.stdout)
			}
			s.same(what, before)
		}
		check(append([]string{"blacklist"}, append(good, gone...)...), 3, "not_found", gone...)
		check(append([]string{"rotate"}, append(good, gone...)...), 3, "not_found", gone...)
		check(append([]string{"blacklist"}, append(good, over...)...), 5, "already_exists", over...)
		check(append([]string{"rotate"}, append(good, over...)...), 5, "changed", over...)
		check(append([]string{"unblacklist"}, append(over, live...)...), 3, "not_found", live...)

		// What no key can check, and what no table holds.
		access := []string{w.secretOf(userName(d), "--kind", "jwt"), w.secretOf(userName(d), "--kind", "jwt")}
		before = w.everyRow()
		for _, verb := range []string{"blacklist", "rotate"} {
			cmd := w.command(verb, "-", "-o", "json")
			cmd.Stdin = strings.NewReader(strings.Join(append(access, good...), "\n"))
			r := w.run(cmd)
			w.is(verb+" of access tokens", r, 2, `"code":"kind_unsupported"`)
			if strings.Contains(r.stderr, "not there") {
				w.t.Errorf("%s of access tokens: %s", verb, r.stderr)
			}
			s.same(verb+" of access tokens", before)
		}
	})
}

// With --keep-going a kind that cannot be changed as it is asked for is left out, and the
// others are done.
func TestChangeKeepGoingAcrossKinds(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 12)
		withKey, without := w.env, append(w.env, "TOKENCTL_SECRET_KEY=")
		for _, test := range []struct {
			args    []string
			env     []string
			cannot  []string // kinds
			because string
		}{
			{[]string{"rotate", "--yes"}, without, []string{"jwt"}, "no key is configured"},
			{[]string{"rotate", "--yes", "-q"}, without, []string{"jwt"}, "no key is configured"},
			{[]string{"rotate", "--yes", "--ttl", "30d"}, withKey, []string{"drf"}, "drf tokens"},
			{[]string{"rotate", "--yes", "--overlap", "1h"}, withKey, []string{"drf", "jwt", "session"}, "overlap"},
		} {
			what := strings.Join(test.args, " ")
			a, b := s.take()
			names := map[string]string{}
			for _, kind := range stocked {
				names[kind] = s.name(kind, a)
			}
			args := append(test.args, "--user", userName(a), "--user", userName(b), "-o", "json")
			before := w.everyRow()
			w.env = test.env
			r := w.run(w.command(args...))
			if r.status == 0 || r.stdout != "" || strings.Contains(r.stderr, "partly_done") {
				w.t.Errorf("%s: status %d, %s", what, r.status, r.stderr)
			}
			s.same(what, before)
			r = w.run(w.command(append(args, "--keep-going")...))
			w.env = withKey
			w.is(what, r, 6, `"code":"partly_done"`, test.because)
			var rows []struct {
				Kind   string
				Reason *string
			}
			if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil {
				w.t.Fatalf("%s: %v: %s", what, err, r.stdout)
			}
			for _, kind := range stocked {
				cannot := strings.Contains(strings.Join(test.cannot, " "), kind)
				if kept := s.works(kind, names[kind]); kept != cannot && !strings.Contains(what, "overlap") {
					w.t.Errorf("%s: the %s credential works: %v", what, kind, kept)
				}
				var done, left int
				for _, row := range rows {
					switch {
					case row.Kind != kind:
					case row.Reason == nil:
						done++
					case strings.Contains(*row.Reason, test.because):
						left++
					}
				}
				if want := map[bool][2]int{false: {2, 0}, true: {0, 2}}[cannot]; [2]int{done, left} != want {
					w.t.Errorf("%s: the output has %d of the kind %s that were done and %d that were not, want %d", what, done, kind, left, want)
				}
				if cannot && !strings.Contains(r.stderr, "2 "+kind) {
					w.t.Errorf("%s: it is not said that 2 of the kind %s were left: %s", what, kind, r.stderr)
				}
			}
		}
	})
}

// TestChangeSkippedKind: the report file says of each credential of a kind that was skipped why
// it is not done.
func TestChangeSkippedKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	for _, kind := range []string{"drf", "knox"} {
		w.ok("mint", "alice", "--kind", kind, "--create", "-q")
	}
	limited := w.limited()
	w.script("revoke delete on knox_authtoken from " + strings.TrimPrefix(limited[:strings.Index(limited, "@")], "postgres://"))
	w.env = append(w.env, "DATABASE_URL="+limited)
	w.want(w.run(w.command("blacklist", "--user", "alice", "--yes", "--keep-going", "--report", "rows.csv")), 6, "1 of 2 were done; not done: 1 knox token: ")
	rows, err := os.ReadFile(filepath.Join(w.dir, "rows.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{`,blacklist,done,drf,drf:\S+\n`, `,blacklist,not done,knox,knox:\S+,alice,.*permission`} {
		if !regexp.MustCompile(row).Match(rows) {
			t.Errorf("no row %s in\n%s", row, rows)
		}
	}
}
