package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// open runs statements in a transaction that lasts until end, which is a commit or a
// rollback. On SQLite the transaction holds the lock from its beginning.
func (w *world) open(end string, statements ...string) (ends func()) {
	w.t.Helper()
	db, err := dbtest.Open(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	begin := "begin"
	if w.engine == "sqlite" {
		begin = "begin immediate"
	}
	for _, statement := range append([]string{begin}, statements...) {
		if _, err := conn.ExecContext(context.Background(), statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), end); err != nil {
			w.t.Error(err)
		}
		conn.Close()
		db.Close()
	}
}

// held runs a command that finds a row as it was, and waits for who changes it.
func (w *world) held(statements []string, args ...string) (r result, before string) {
	w.t.Helper()
	commit := w.open("commit", statements...)
	p := w.start(w.command(append(args, "-o", "json")...))
	dbtest.AwaitLock(w.t, w.url, 1)
	commit()
	before = w.everyRow()
	return p.ends(testLimit), before
}

// Somebody else is changing what a command was told to change, by its id. The command
// waits, and says what has become of it.
func TestChangeNamedWhileHeld(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	s := newStock(newWorld(t, "postgres"), 80)
	for _, kind := range stocked {
		for _, r := range races {
			if !slices.Contains(r.kinds, kind) || r.name == "gets another jti" {
				continue
			}
			for _, verb := range []string{"blacklist", "rotate"} {
				a, b := s.take()
				name, what := s.name(kind, a), verb+" of a "+kind+" that "+r.name
				want, code := r.blacklist.status, "changed"
				switch {
				case verb == "rotate":
					want = r.rotate.status
				case r.name == "is deleted":
					want, code = 3, "not_found"
				case r.name == "is blacklisted":
					want, code = 5, "already_exists"
				}
				other := s.id("drf", b)
				got, before := s.held(r.do(s, kind, a), verb, other, s.id(kind, a))
				if want == 0 {
					s.is(what, got, 0)
					if s.works(kind, name) {
						t.Errorf("%s: it still works", what)
					}
					continue
				}
				s.is(what, got, want, `"code":"`+code+`"`, kind+":")
				if internals.MatchString(got.stderr) {
					t.Errorf("%s: %s", what, got.stderr)
				}
				s.same(what, before)
			}
		}
	}

	// What a selector picked and somebody deletes is as the operator wants it.
	for _, kind := range stocked {
		a, b := s.take()
		table, _, where := s.row(kind, a)
		name := s.name(kind, b)
		got, _ := s.held([]string{"delete from " + table + " where " + where}, "blacklist", "--kind", kind, "--user", userName(a), "--user", userName(b), "--yes")
		s.is("blacklist --user of a "+kind+" that is deleted", got, 0)
		if s.works(kind, name) {
			t.Errorf("blacklist --user of a %s that is deleted: the other one still works", kind)
		}
	}

	// unblacklist
	for _, test := range []struct {
		table  string
		status int
		code   string
	}{{"token_blacklist_blacklistedtoken", 3, "not_found"}, {"token_blacklist_outstandingtoken", 5, "changed"}} {
		a, b := s.take()
		ids := []string{s.id("jwt", b), s.id("jwt", a)}
		s.ok(append([]string{"blacklist", "-q"}, ids...)...)
		of := " in (select id from token_blacklist_outstandingtoken where user_id = " + strconv.Itoa(a) + ")"
		statements := []string{"delete from token_blacklist_blacklistedtoken where token_id" + of}
		if strings.HasSuffix(test.table, "outstandingtoken") {
			statements = append(statements, "delete from token_blacklist_outstandingtoken where id"+of)
		}
		got, before := s.held(statements, append([]string{"unblacklist"}, ids...)...)
		s.is("unblacklist, delete of "+test.table, got, test.status, `"code":"`+test.code+`"`, ids[1])
		s.same("unblacklist", before)
	}
}
