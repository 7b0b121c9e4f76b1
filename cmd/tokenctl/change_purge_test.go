package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// expirable are the kinds that purge deletes, with the columns of their expiries.
var expirable = map[string]string{"knox": "expiry", "jwt": "expires_at", "session": "expire_date"}

// expire makes the credentials of a user expire at a time.
func (s *stock) expire(user int, at string) {
	s.t.Helper()
	for kind, column := range expirable {
		table, _, where := s.row(kind, user)
		s.do("update " + table + " set " + column + " = '" + at + "' where " + where)
	}
}

// blacklisted blacklists the JWT of a user.
func (s *stock) blacklisted(user int) {
	s.t.Helper()
	s.do("insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) select '2026-01-01 00:00:00', id from token_blacklist_outstandingtoken where user_id = " + strconv.Itoa(user))
}

const (
	past   = "2020-01-01 00:00:00"
	future = "2099-01-01 00:00:00"
)

// A database without the tables that can be purged is an error, not one with nothing to
// purge.
func TestChangePurgeNoTables(t *testing.T) {
	engines(t, func(w *world) {
		empty := dbtest.SQLite(w.t)
		if w.engine == "postgres" {
			empty = dbtest.Postgres(w.t)
			for _, args := range [][]string{{"purge", "--yes", "-q"}, {"purge", "--dry-run"}, {"purge", "--kind", "knox", "--yes"}} {
				w.is("purge --schema", w.run(w.command(append(args, "--schema", "nosuch", "-o", "json")...)), 1, `"code":"table_missing"`, "nosuch")
			}
		} else {
			if err := os.WriteFile(strings.TrimPrefix(empty, "sqlite:///"), nil, 0o600); err != nil {
				w.t.Fatal(err)
			}
			if got := dbtest.Query(empty, "create table other (n integer)"); got != "" {
				w.t.Fatal(got)
			}
		}
		w.env = append(w.env, "DATABASE_URL="+empty)
		for _, args := range [][]string{{"purge"}, {"purge", "--yes", "-q"}, {"purge", "--dry-run"}, {"purge", "--confirm", "0"}, {"purge", "--kind", "session", "--yes"}} {
			r := w.run(w.command(append(args, "-o", "json")...))
			w.is(strings.Join(args, " "), r, 1, `"code":"table_missing"`)
			if r.stdout != "" {
				w.t.Errorf("%s wrote %s", strings.Join(args, " "), r.stdout)
			}
		}
	})
}

// What was renewed since it was counted stays, what is gone is no fault, and what expired
// since stays, too. What is said is what happened.
func TestChangePurgeWhileAsked(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 10)
		for _, flags := range [][]string{nil, {"--batch-size", "1"}} {
			renewed, gone := s.take()
			expired, later := s.take()
			for _, user := range []int{renewed, gone, expired} {
				s.expire(user, past)
				s.blacklisted(user)
			}
			p, status := s.asked(func() {
				s.expire(renewed, future)
				s.expire(later, past)
				s.do("delete from token_blacklist_blacklistedtoken where token_id in (select id from token_blacklist_outstandingtoken where user_id = " + strconv.Itoa(gone) + ")")
				for kind := range expirable {
					table, _, where := s.row(kind, gone)
					s.do("delete from " + table + " where " + where)
				}
			}, append([]string{"purge"}, flags...)...)
			if status != 0 {
				w.t.Errorf("purge %v: status %d:\n%s", flags, status, p.screen())
			}
			p.said("purge", "Purge 9 expired rows in "+dbtest.Name(s.url)+"?", "purged 1 knox token, 1 jwt token, 1 session in "+dbtest.Name(s.url)+"\n", "meanwhile")
			for kind := range expirable {
				for user, want := range map[int]string{renewed: "1", gone: "0", expired: "0", later: "1"} {
					table, _, where := s.row(kind, user)
					if got := s.sql("select count(*) from " + table + " where " + where); got != want {
						w.t.Errorf("purge %v left %s rows of a %s credential of user %d, want %s", flags, got, kind, user-renewed, want)
					}
				}
			}
			if got := s.sql("select o.user_id from token_blacklist_blacklistedtoken b left join token_blacklist_outstandingtoken o on o.id = b.token_id"); got != strconv.Itoa(renewed) {
				w.t.Errorf("purge %v: the JWTs of these users are blacklisted: %q, want %d", flags, got, renewed)
			}
			s.ok("purge", "--yes", "-q", "--user", userName(later))
			s.do("delete from token_blacklist_blacklistedtoken")
		}
	})
}

// A purge for one user deletes nothing of others, also where only a session's data tells
// whose it is.
func TestChangePurgeUser(t *testing.T) {
	engines(t, func(w *world) {
		s := newStock(w, 4)
		a, b := s.take()
		for _, user := range []int{a, b} {
			s.expire(user, past)
			s.blacklisted(user)
		}
		names := map[string]string{}
		for kind := range expirable {
			names[kind] = s.name(kind, b)
		}
		r := w.run(w.command("purge", "--user", userName(a), "--confirm", "3", "-o", "json"))
		w.is("purge --user", r, 0)
		if strings.Count(r.stdout, `"expired":1,"deleted":1`) != 3 {
			w.t.Errorf("purge --user: %s", r.stdout)
		}
		for kind, name := range names {
			if table, _, where := s.row(kind, a); s.sql("select count(*) from "+table+" where "+where) != "0" {
				w.t.Errorf("the %s row is there", kind)
			}
			if s.name(kind, b) != name {
				w.t.Errorf("the %s row of another user is gone", kind)
			}
		}
		r = w.run(w.command("purge", "--user", userName(a), "--yes", "-o", "json"))
		w.is("purge --user again", r, 0)
		if strings.Count(r.stdout, `"expired":0,"deleted":0`) != 3 {
			w.t.Errorf("purge --user again: %s", r.stdout)
		}
	})
}

// What the database keeps ends a purge with an error; batches before it stand, and that
// is said.
func TestChangePurgeKept(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		s := newStock(w, 2)
		a, b := s.take()
		for _, user := range []int{a, b} {
			s.expire(user, past)
			s.blacklisted(user)
		}
		before := w.everyRow()
		for _, k := range dbtest.Keepers(w.engine) {
			if k.Whole {
				continue
			}
			for _, c := range []kept{
				{"knox", "purge", "delete", "knox_authtoken", nil},
				{"session", "purge", "delete", "django_session", nil},
				{"jwt", "purge", "delete", "token_blacklist_outstandingtoken", nil},
				{"jwt", "purge", "delete", "token_blacklist_blacklistedtoken", nil},
			} {
				w.script(k.Create(c.event, c.table, c.condition(s, a)))
				for _, flags := range [][]string{{"-o", "json"}, {"-o", "json", "-q"}} {
					r := w.run(w.command(append([]string{"purge", "--kind", c.kind, "--yes"}, flags...)...))
					if i := strings.Index(r.stderr, `{"error"`); i >= 0 {
						r.stderr = r.stderr[i:]
					}
					s.keeps("a "+k.Name+" of "+c.table+", purge", before, c.kind, r)
				}
				w.script(k.Drop(c.table))
			}
		}
		// A batch of one at a time: one of the two is deleted, whichever comes first, or
		// the other is reached first.
		k := dbtest.Keepers(w.engine)[0]
		w.script(k.Create("delete", "knox_authtoken", "old.user_id in ("+strconv.Itoa(a)+")"))
		r := w.run(w.command("purge", "--kind", "knox", "--yes", "--batch-size", "1", "-q", "-o", "json"))
		w.is("purge --batch-size 1", r, 1, `"code":"rows_kept"`)
		left := s.sql("select count(*) from knox_authtoken")
		if says := strings.Contains(r.stderr, "purged so far, which stands: 1 knox token"); says != (left == "1") || left == "0" {
			w.t.Errorf("%s rows are left, and it says %s", left, r.stderr)
		}
	})
}
