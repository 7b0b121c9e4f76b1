package main

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// kept is a change that the database may swallow.
type kept struct {
	kind, verb   string
	event, table string
	flags        []string
}

var keptChanges = []kept{
	{"drf", "blacklist", "delete", "authtoken_token", nil},
	{"knox", "blacklist", "delete", "knox_authtoken", nil},
	{"session", "blacklist", "delete", "django_session", nil},
	{"jwt", "blacklist", "insert", "token_blacklist_blacklistedtoken", nil},
	{"drf", "rotate", "update", "authtoken_token", nil},
	{"knox", "rotate", "update", "knox_authtoken", nil},
	{"knox", "rotate", "insert", "knox_authtoken", []string{"--overlap", "1h"}},
	{"knox", "rotate", "update", "knox_authtoken", []string{"--overlap", "1h"}},
	{"session", "rotate", "update", "django_session", nil},
	{"session", "rotate", "update", "django_session", []string{"--ttl", "1h"}},
	{"jwt", "rotate", "insert", "token_blacklist_blacklistedtoken", nil},
	{"jwt", "rotate", "insert", "token_blacklist_outstandingtoken", nil},
}

// condition is true of the row of one user's credential, and of the one that takes its
// place.
func (k kept) condition(s *stock, user int) string {
	row := map[string]string{"delete": "old.", "update": "old.", "insert": "new."}[k.event]
	switch _, _, where := s.row(k.kind, user); k.table {
	case "token_blacklist_blacklistedtoken":
		return row + "token_id = " + s.sql("select id from token_blacklist_outstandingtoken where user_id = "+strconv.Itoa(user))
	default:
		return row + where
	}
}

// pair is two users whose credentials the database keeps.
type pair struct {
	a, b   int
	named  map[string][]string // the ids of a kind, b's first
	secret map[string]string   // lines of them
	before string              // the rows
}

func (s *stock) pair() *pair {
	s.t.Helper()
	p := &pair{named: map[string][]string{}, secret: map[string]string{}}
	p.a, p.b = s.take()
	for _, user := range []int{p.b, p.a} {
		p.secret["drf"] += s.name("drf", user) + "\n"
		p.secret["knox"] += s.ok("rotate", s.id("knox", user), "-q")
		p.secret["jwt"] += s.sql("select token from token_blacklist_outstandingtoken where user_id = "+strconv.Itoa(user)) + "\n"
		p.secret["session"] += s.sessions[user] + "\n"
		for _, kind := range stocked {
			p.named[kind] = append(p.named[kind], s.id(kind, user))
		}
	}
	p.before = s.everyRow()
	return p
}

// keeps checks what a command said whose change did not happen.
func (s *stock) keeps(what, before, kind string, r result) {
	s.t.Helper()
	s.is(what, r, 1, `"code":"rows_kept"`)
	if strings.Contains(r.stderr, "already") || strings.Contains(r.stderr, "meanwhile") || strings.Contains(r.stderr, "blacklisted ") {
		s.t.Errorf("%s: %s", what, r.stderr)
	}
	if r.stdout != "" || hasSecret(kind, r.stderr) {
		s.t.Errorf("%s wrote %q", what, r.stdout)
	}
	s.same(what, before)
}

// A row that the database keeps is an error, however it was chosen, and nothing is changed:
// not the other rows either.
func TestChangeKept(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 2)
		p := s.pair()
		for _, k := range dbtest.Keepers(w.engine) {
			if k.Whole {
				continue
			}
			for _, c := range keptChanges {
				w.script(k.Create(c.event, c.table, c.condition(s, p.a)))
				s.tryAll(c, "a "+k.Name, p)
				w.script(k.Drop(c.table))
			}

			s.ok(append([]string{"blacklist", "-q"}, p.named["jwt"]...)...)
			blacklisted := w.everyRow()
			c := kept{"jwt", "unblacklist", "delete", "token_blacklist_blacklistedtoken", nil}
			w.script(k.Create(c.event, c.table, c.condition(s, p.a)))
			s.keeps("a "+k.Name+", unblacklist", blacklisted, "jwt", w.run(w.command(append([]string{"unblacklist", "-o", "json"}, p.named["jwt"]...)...)))
			w.script(k.Drop(c.table))
			s.ok(append([]string{"unblacklist", "-q"}, p.named["jwt"]...)...)
		}
	})
}

// tryAll chooses the credentials of two users in every way. With -q and without -o
// nobody is shown anything.
func (s *stock) tryAll(c kept, by string, p *pair) {
	s.t.Helper()
	users := []string{"--kind", c.kind, "--user", userName(p.a), "--yes"}
	if c.table != "token_blacklist_outstandingtoken" {
		users = append(users, "--user", userName(p.b))
	}
	for _, choice := range [][]string{append([]string{"-o", "json"}, users...), append([]string{"-q"}, users...), {"-q", "--kind", c.kind, "--yes"},
		append([]string{"-o", "json"}, p.named[c.kind]...), {"-", "-o", "json"}} {
		args := append(append([]string{c.verb}, c.flags...), choice...)
		cmd := s.command(args...)
		if choice[0] == "-" {
			cmd.Stdin = strings.NewReader(p.secret[c.kind])
		}
		r := s.run(cmd)
		if choice[0] == "-q" && (strings.Contains(r.stderr, "did not change a row of "+c.table) || strings.Contains(r.stderr, "did not insert all new rows of "+c.table) || strings.Contains(r.stderr, "a rule of the database replaces the change of "+c.table)) {
			r.stderr += `"code":"rows_kept"`
		}
		s.keeps(by+" against "+c.event+" of "+c.table+", "+strings.Join(args, " "), p.before, c.kind, r)
	}
}

// script runs statements.
func (w *world) script(statements string) {
	w.t.Helper()
	if w.engine == "postgres" {
		dbtest.Exec(w.t, w.url, statements)
		return
	}
	w.do(statements)
}

// limited is the URL of a role that row security holds to what it may do.
func (w *world) limited() string {
	w.t.Helper()
	role := "tokenctl_" + strings.ToLower(rand.Text())
	w.script("create role " + role + " login; grant select, insert, update, delete on all tables in schema public to " + role + "; grant usage on all sequences in schema public to " + role)
	w.t.Cleanup(func() { dbtest.Exec(w.t, w.url, "drop owned by "+role+"; drop role "+role) })
	u, err := url.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String()
}

// Rows that row security shows and does not let change are there, and stay.
func TestChangeRowSecurity(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	w := newWorld(t, "postgres")
	s := newStock(w, 2)
	p := s.pair()
	w.env = append(w.env, "DATABASE_URL="+w.limited())
	for _, c := range keptChanges {
		if c.event == "insert" {
			continue // which row security refuses with an error
		}
		_, _, where := s.row(c.kind, p.a)
		w.script(fmt.Sprintf("alter table %[1]s enable row level security; create policy seen on %[1]s for select using (true); create policy added on %[1]s for insert with check (true); "+
			"create policy theirs on %[1]s for %[2]s using (not %[3]s)", c.table, c.event, where))
		s.tryAll(c, "row security", p)
		w.script(fmt.Sprintf("drop policy seen on %[1]s; drop policy added on %[1]s; drop policy theirs on %[1]s; alter table %[1]s disable row level security", c.table))
	}
	// A JWT is locked before it is blacklisted, which takes another right: then it is
	// blacklisted, or that is an error.
	w.script("alter table token_blacklist_outstandingtoken enable row level security; create policy seen on token_blacklist_outstandingtoken for select using (true); create policy added on token_blacklist_outstandingtoken for insert with check (true)")
	for i, verb := range []string{"blacklist", "rotate"} {
		user := []int{p.b, p.a}[i]
		name, before := s.name("jwt", user), w.everyRow()
		for _, args := range [][]string{{verb, p.named["jwt"][i]}, {verb, "--kind", "jwt", "--user", userName(user), "--yes"}} {
			what := "row security of outstanding tokens, " + strings.Join(args, " ")
			switch r := w.run(w.command(append(args, "-o", "json")...)); r.status {
			case 0:
				if s.works("jwt", name) {
					t.Errorf("%s: status 0, and it works: %s", what, r.stderr)
				}
			case 1:
				s.keeps(what, before, "jwt", r)
			default:
				t.Errorf("%s: status %d: %s", what, r.status, r.stderr)
			}
			if !s.works("jwt", name) {
				break
			}
		}
	}
}
