package commands_test

import (
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// What cannot be read is null with a note, and keeps nothing else from being read or
// changed. No selector of dates matches it, and no purge takes it.
func TestUnreadableValues(t *testing.T) {
	t.Parallel()
	dbtest.LayoutNamed(t, "values that cannot be read").Engines(t, func(t *testing.T, engine, url string, secrets dbtest.Secrets) {
		t.Parallel()
		c := withKey(cli{t: t, url: url}, secrets.SecretKey)
		session := secrets.Sessions["alice-web"]
		total := func(table string) string { return dbtest.Query(url, "select count(*) from "+table) }
		knox, sessions, jwts := total("knox_authtoken"), total("django_session"), total("token_blacklist_outstandingtoken")
		for _, test := range []struct {
			stdin, args string
			out, errs   string // are in the streams
			not         string // is not in stdout
		}{
			{"", "list", "", "note: authtoken_token.created could not be read in 2 rows: tokenctl doctor names them", ""},
			{"", "list", "", "note: knox_authtoken.expiry could not be read in 3 rows", ""},
			{"", "list", "", "note: django_session.expire_date could not be read in 5 rows", ""},
			{"", "user list", "alice", "note: auth_user.last_login could not be read in 1 row", ""},
			{"", "user show alice --field date_joined", "", "note: user 1: auth_user.date_joined holds no date that Django can read: it is unknown", ""},
			{"", "user list --sort -last_login --field username", "alice", "", ""},
			{"", "user show alice --field is_staff", "false", "", "true"},
			{secrets.DRF["alice"], "show - -o json", `"authtoken_token.created holds no date that Django can read: it is unknown"`, "", ""},
			{secrets.DRF["alice"], "show - -o json", `"auth_user.last_login holds no date that Django can read: it is unknown"`, "", ""},
			{secrets.DRF["alice"], "show - --field created", "", "", "20"},
			{secrets.DRF["alice"], "verify -", "active", "authtoken_token.created holds no date", ""},
			{secrets.Knox["alice-1"], "verify -", "active", "knox_authtoken.expiry holds no date", ""},
			{secrets.JWT["alice-live"].Refresh, "verify -", "active", "token_blacklist_outstandingtoken.created_at holds no date", ""},
			{session, "verify -", "active", "django_session.expire_date holds no date", ""},
			{"", "list --kind drf --created-before 0d --field user", "carol", "", "alice"},
			{"", "list --kind drf --created-after 1900-01-01 --field user", "carol", "", "bob"},
			{"", "list --kind knox --expires-before 9998-01-01 --field user", "carol", "", "alice"},
			{"", "list --kind knox --expires-after 1900-01-01 --field user", "carol", "", "alice"},
			{"", "list --kind knox --status active --field user", "alice", "", "zoë"},
			{"", "list --kind knox --status expired --field user", "zoë", "", "alice"},
			{"", "list --kind session --status active --field user", "alice", "", "carol"},
			{"", "list --kind session --expires-after 1900-01-01 --field user", "", "", "bob"},
			{"", "list --kind session --expires-before 9998-01-01 --field user", "alice", "", "bob"},
			{"", "list --kind knox,jwt,session --sort expires --field user", "zoë", "", ""},
			{"", "mint --all-users --without knox --dry-run --kind drf --field username", "root", "", "alice"},
			{"", "blacklist --kind drf --created-before 9998-01-01 --yes -q", "", "", ""},
			{"", "list --kind drf --field user", "alice", "", "carol"},
			{"", "purge --yes", "", "", ""},
			{"", "rotate --user bob --kind drf --yes --out " + t.TempDir() + "/secrets", "", "note: authtoken_token.created could not be read in 1 row", ""},
			{secrets.Knox["alice-1"], "rotate -", "", "", ""},
			{session, "rotate -", "", "", ""},
			{"", "blacklist --user alice --yes", "", "note: authtoken_token.created could not be read in 1 row", ""},
		} {
			out, errs, status := c.run(test.stdin, strings.Fields(test.args)...)
			if status != 0 || !strings.Contains(out, test.out) || !strings.Contains(errs, test.errs) || test.not != "" && strings.Contains(out, test.not) {
				t.Errorf("%s: status %d, want %q %q without %q:\n%s%s", test.args, status, test.out, test.errs, test.not, out, errs)
			}
			if strings.HasPrefix(test.args, "purge") {
				// One of each kind had expired, and its date can be read.
				for table, before := range map[string]string{"knox_authtoken": knox, "django_session": sessions} {
					if now := total(table); len(now) == len(before) && now[0] != before[0]-1 {
						t.Errorf("%s has %s rows after a purge, and had %s", table, now, before)
					}
				}
				if now := total("token_blacklist_outstandingtoken"); now != jwts {
					t.Errorf("%s JWTs are left of %s", now, jwts)
				}
			}
		}
		for _, q := range []string{"select count(*) from authtoken_token where user_id = 1", "select count(*) from knox_authtoken where user_id = 1"} {
			if n := dbtest.Query(url, q); n != "0\n" {
				t.Errorf("%s: %s", q, n)
			}
		}
	})
}

// A row without a primary key stops nothing, and is left.
func TestRowsWithoutKey(t *testing.T) {
	t.Parallel()
	dbtest.LayoutNamed(t, "rows without a key").Engines(t, func(t *testing.T, engine, url string, secrets dbtest.Secrets) {
		c := cli{t: t, url: url}
		for _, args := range []string{"list", "show drf:1", "verify drf:1", "blacklist --kind drf --user alice --user dave --yes", "purge --yes"} {
			if out, errs, status := c.run("", strings.Fields(args)...); status != 0 {
				t.Errorf("%s: status %d %s%s", args, status, out, errs)
			} else if strings.HasPrefix(args, "blacklist") && !strings.Contains(errs, "1 row with an empty primary key") {
				t.Errorf("%s: %s", args, errs)
			}
		}
		if n := dbtest.Query(url, "select count(*) from authtoken_token where user_id in (1, 5)"); n != "1\n" {
			t.Errorf("%s tokens are left", n)
		}
	})
}

// Two tokens of one user: a whole id is one of them, and the short form is neither.
func TestTwoTokensOfAUser(t *testing.T) {
	t.Parallel()
	dbtest.LayoutNamed(t, "two tokens a user").Engines(t, func(t *testing.T, engine, url string, secrets dbtest.Secrets) {
		c := cli{t: t, url: url}
		ids := strings.Fields(c.must("", "list", "--user", "alice", "--kind", "drf", "-o", "id"))
		if len(ids) != 2 {
			t.Fatal(ids)
		}
		for _, verb := range []string{"show", "verify", "rotate", "blacklist"} {
			out, errs, status := c.run("", verb, "drf:1", "-o", "json")
			if status != 2 || out != "" || !strings.Contains(errs, `"code":"ambiguous_id"`) || !strings.Contains(errs, ids[0]) || !strings.Contains(errs, ids[1]) {
				t.Errorf("%s: status %d, %s%s", verb, status, out, errs)
			}
		}
		if got := c.must("", "show", ids[0], "--field", "id"); got != ids[0] {
			t.Errorf("%s is shown as %s", ids[0], got)
		}
		if _, errs, status := c.run("", "show", "drf:1@00000000"); status != 3 {
			t.Errorf("a fingerprint that none has: status %d %s", status, errs)
		}
		c.must("", "rotate", ids[0])
		if left := c.must("", "list", "--user", "alice", "--kind", "drf", "-o", "id"); !strings.Contains(left, ids[1]) || strings.Contains(left, ids[0]) {
			t.Errorf("after the rotation of %s there are %s", ids[0], left)
		}
		if out, _, status := c.run("", "doctor"); status != 4 || !strings.Contains(out, "authtoken_token.user_id has no unique constraint") {
			t.Errorf("doctor: status %d %s", status, out)
		}
		c.must(c.must("", "list", "--user", "alice", "--kind", "drf", "-o", "id"), "blacklist", "-")
		if n := dbtest.Query(url, "select count(*) from authtoken_token where user_id = 1"); n != "0\n" {
			t.Errorf("%s tokens are left", n)
		}
	})
}

// JWTs whose owner is gone are listed and can be blacklisted: simplejwt before 5.4 refreshes
// them. The application accepts no other token without an owner.
func TestRowsWithoutOwners(t *testing.T) {
	t.Parallel()
	dbtest.LayoutNamed(t, "rows without owners").Engines(t, func(t *testing.T, engine, url string, secrets dbtest.Secrets) {
		c := withKey(cli{t: t, url: url}, secrets.SecretKey)
		bob := secrets.JWT["bob-live"]
		if out := c.must("", "list", "--kind", "jwt", "-o", "id"); !strings.Contains(out, bob.JTI) {
			t.Errorf("the list lacks %s: %s", bob.JTI, out)
		}
		c.must("", "blacklist", "jwt:"+bob.JTI)
		if v := c.verdict(bob.Refresh); v != "blacklisted" {
			t.Errorf("it is %s", v)
		}
		for _, secret := range []string{secrets.DRF["bob"], secrets.Knox["bob-never"]} {
			if v := c.verdict(secret); v != "unknown" {
				t.Errorf("a token without an owner is %s", v)
			}
		}
		out, _, status := c.run("", "doctor")
		if text := map[string]string{"sqlite": "broken references from authtoken_token to auth_user: 1", "postgres": "simplejwt before 5.4 still refreshes them"}[engine]; status != 4 || !strings.Contains(out, text) {
			t.Errorf("doctor: status %d, without %q: %s", status, text, out)
		}
	})
}
