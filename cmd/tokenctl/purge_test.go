package main

import (
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tokenctl/db/dbtest"
)

// expiredSessions adds sessions that expired long ago.
func (w *world) expiredSessions(n int) {
	w.t.Helper()
	w.sql(`insert into django_session (session_key, session_data, expire_date)
		with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ` + strconv.Itoa(n) + `)
		select 'key' || n, 'x', '2020-01-01 00:00:00' from numbers`)
}

// A purge that is interrupted ends at once, and says which batches stand.
func TestPurgeInterrupted(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		const rows = 100_000
		w.expiredSessions(rows)
		p := w.terminal(w.command("purge", "--batch-size", "5", "--kind", "session"))
		p.shows("Purge 100000 expired rows in " + dbtest.Name(w.url) + "? [y/N] ")
		p.keys.Write([]byte("y\n"))
		p.shows("purging sessions: ")
		if !regexp.MustCompile(`purging sessions: \d+ of 100000, \d+ a second`).MatchString(p.screen()) {
			t.Errorf("the terminal shows %s", p.screen())
		}
		p.Process.Signal(syscall.SIGINT)
		if r := p.ends(testLimit); r.status != 130 {
			t.Errorf("status %d", r.status)
		}
		p.shows("purged so far, which stands: ")
		_, rest, _ := strings.Cut(p.screen(), "which stands: ")
		said, _, _ := strings.Cut(rest, " ")
		left, err := strconv.Atoi(w.sql("select count(*) from django_session"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(said)
		// The last batch may have been committed while the signal came.
		if err != nil || rows-left < n || rows-left > n+5 {
			t.Errorf("says that %s are purged; %d are left", said, left)
		}
		w.gone()
	})
}

// Without a terminal, and without -v, nothing is said about the progress.
func TestPurgeQuietly(t *testing.T) {
	engines(t, func(w *world) {
		w.expiredSessions(20_000)
		r := w.run(w.command("purge", "--yes", "-q"))
		if r.status != 0 || r.stderr != "" || r.stdout != "" {
			t.Errorf("status %d, %q, %q", r.status, r.stdout, r.stderr)
		}
		if left := w.sql("select count(*) from django_session"); left != "0" {
			t.Errorf("%s are left", left)
		}
	})
}
