package commands_test

import (
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// Doctor advises an index where a table is large and none begins with the
// column; that is no problem, so it does not end with status 4 for it.
func TestDoctorAdvisesIndexes(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		c := cli{t: t, url: url}
		c.must("", "init", "-q")
		advice := func() (list []string) {
			t.Helper()
			out, errs, status := c.run("", "doctor", "-o", "tsv", "--no-headers")
			for line := range strings.Lines(out) {
				fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
				if fields[0] == "indexes" {
					list = append(list, fields[1]+" "+fields[3])
				}
			}
			if status != 0 && !strings.Contains(out, "warning") && !strings.Contains(out, "problem") {
				t.Errorf("status %d: %s", status, errs)
			}
			return list
		}
		want := func(wanted ...string) {
			t.Helper()
			if got := advice(); strings.Join(got, "\n") != strings.Join(wanted, "\n") {
				t.Errorf("advises %q, want %q", got, wanted)
			}
		}
		fill := func(from, to string) {
			t.Helper()
			numbers := "generate_series(" + from + ", " + to + ") as g(n)"
			if engine == "sqlite" {
				numbers = "(with recursive g(n) as (select " + from + " union all select n + 1 from g where n < " + to + ") select n from g)"
			}
			dbtest.Query(url, "insert into knox_authtoken (digest, token_key, created, expiry, user_id) select 'd' || n, 'k', '2024-01-01 00:00:00+00', null, 1 from "+numbers)
			dbtest.Query(url, "insert into token_blacklist_outstandingtoken (jti, token, created_at, expires_at, user_id) select 'j' || n, '', null, '2024-01-01 00:00:00+00', null from "+numbers)
			dbtest.Query(url, "analyze")
		}
		c.must("", "user", "create", "alice", "-q")
		fill("1", "99000")
		want()
		fill("99001", "101000")
		knox := `info as its owner: create index "knox_authtoken_expiry" on "knox_authtoken" ("expiry")`
		jwt := `info as its owner: create index "token_blacklist_outstandingtoken_expires_at" on "token_blacklist_outstandingtoken" ("expires_at")`
		if engine == "postgres" {
			knox = `info as its owner: create index concurrently on "public"."knox_authtoken" ("expiry")`
			jwt = `info as its owner: create index concurrently on "public"."token_blacklist_outstandingtoken" ("expires_at")`
		}
		want(knox, jwt)
		// One for a part of the rows, or that begins with another column, is none.
		dbtest.Query(url, "create index half on knox_authtoken (expiry) where user_id > 1")
		dbtest.Query(url, "create index second on knox_authtoken (user_id, expiry)")
		want(knox, jwt)
		dbtest.Query(url, strings.TrimPrefix(knox, "info as its owner: "))
		want(jwt)
		dbtest.Query(url, "create index other on token_blacklist_outstandingtoken (expires_at, jti)")
		want()
	})
}
