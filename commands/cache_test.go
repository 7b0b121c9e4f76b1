package commands_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
)

// cacheSite is a fixture database whose application keeps its sessions in Redis.
func cacheSite(t *testing.T, database, engine, redis string) (c cli, secrets dbtest.Secrets) {
	t.Helper()
	url, secrets := dbtest.Fixture(t, database)
	c = withKey(cli{t: t, url: url}, secrets.SecretKey)
	c.more = []string{"--config", privateFile(t, fmt.Sprintf("[session]\nengine = %q\ncache_url = %q\n", engine, redis))}
	return c, secrets
}

const countSessions = "select count(*) from django_session"

func sessionKey(engine, key string) string { return ":1:django.contrib.sessions." + engine + key }

// What is no session of the application under a session's key is named, does no harm to the
// others, and can be deleted by its id.
func TestCacheHostile(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, database string) {
		s := redistest.Start(t)
		c, _ := cacheSite(t, database, "cache", s.URL(""))
		minted := c.must("", "mint", "--kind", "session", "alice")
		hostile := map[string]string{"numbernumbernumbernumbernumber12": "5", "listlistlistlistlistlistlistli12": "[1]", "callcallcallcallcallcallcallca12": "cos\nsystem\n(S'id'\ntR.",
			"emptyemptyemptyemptyemptyempty12": "", "zlibzlibzlibzlibzlibzlibzlibzl12": "x\x9cgarbage", "textextextextextextextextextex12": "plain text"}
		for key, value := range hostile {
			s.Do("SET", sessionKey("cache", key), value, "EX", 3600)
		}
		s.Do("RPUSH", sessionKey("cache", "redisredisredisredisredisredis12"), "an item")
		hostile["redisredisredisredisredisredis12"] = ""
		// These are no sessions of this engine.
		s.Do("SET", sessionKey("cached_db", "otherotherotherotherotherother12"), "5")
		s.Do("SET", sessionKey("cache", "short"), "5")
		s.Do("SET", "2"+sessionKey("cache", "prefixprefixprefixprefixprefix12"), "5")

		out, errs, status := c.run("", "list", "--kind", "session", "--columns", "user,status")
		if status != 6 || out != "alice\tactive\n" {
			t.Errorf("list ends with %d: %s%s", status, out, errs)
		}
		var ids []string
		for word := range strings.FieldsSeq(errs) {
			if strings.HasPrefix(word, "session:") {
				ids = append(ids, word)
			}
		}
		if len(ids) != len(hostile) || strings.Contains(errs, "plain text") || strings.Contains(errs, "system") {
			t.Errorf("%d are named: %s", len(ids), errs)
		}
		out, errs, status = c.run("", "list", "--user", "alice", "--kind", "session", "--sort", "expires", "-o", "json")
		if status != 6 || !strings.HasSuffix(out, "]\n") || !strings.Contains(errs, `"code":"partly_done"`) || !strings.Contains(errs, ids[0]) {
			t.Errorf("list of alice's: %d %s%s", status, out, errs)
		}
		if _, errs, status := c.run("", append([]string{"blacklist"}, ids...)...); status != 0 {
			t.Errorf("blacklist: %d %s", status, errs)
		}
		if got := c.must("", "list", "--kind", "session", "-o", "id"); strings.Contains(got, "\n") || c.verdict(minted) != "active" {
			t.Errorf("what is left is %q", got)
		}
		if left := s.Do("DBSIZE"); left != "4" {
			t.Errorf("Redis has %s keys", left)
		}
	})
}

// A row and its copy are one entry, and go together. A copy without a row is found.
func TestCacheCopies(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, database string) {
		s := redistest.Start(t)
		c, secrets := cacheSite(t, database, "cached_db", s.URL(""))
		value := func(user string) string {
			return `{"_auth_user_id": "` + user + `", "_auth_user_backend": "django.contrib.auth.backends.ModelBackend", "_auth_user_hash": "0"}`
		}
		id := func(name string) string {
			return c.must("", "list", "--kind", "session", "--user", name, "--field", "user_id", "--limit", "1")
		}
		alice, bob := id("alice"), id("bob")
		before := lines(c.must("", "list", "--kind", "session", "-o", "id"))
		web := secrets.Sessions["alice-web"]
		s.Do("SET", sessionKey("cached_db", web), value(alice), "EX", 600)
		orphan := "orphanorphanorphanorphanorphan12"
		s.Do("SET", sessionKey("cached_db", orphan), value(alice), "EX", 600)
		taken := secrets.Sessions["alice-phone"] // the row says alice, and the application lets bob in
		s.Do("SET", sessionKey("cached_db", taken), value(bob), "EX", 600)
		if after := lines(c.must("", "list", "--kind", "session", "-o", "id")); len(after) != len(before)+1 {
			t.Errorf("%d sessions with copies, %d without", len(after), len(before))
		}
		soon := c.must("", "list", "--kind", "session", "--expires-before", "2030-01-01", "--sort", "expires", "--status", "active,dead", "--columns", "user")
		if soon != "alice\nalice\nbob" && soon != "bob\nalice\nalice" && soon != "alice\nbob\nalice" {
			t.Errorf("those that end soon are of %q", soon)
		}
		c.must(web, "blacklist", "-")
		c.must(orphan, "blacklist", "-")
		out := c.must("", "blacklist", "--user", "bob", "--kind", "session", "--yes", "-o", "id")
		if !slices.Contains(lines(out), strings.TrimSpace(c.must("", "list", "--kind", "session", "--user", "bob", "-o", "id"))) && strings.Count(out, "session:") < 2 {
			t.Errorf("bob's were %q", out)
		}
		if left := s.Do("DBSIZE"); left != "0" {
			t.Errorf("Redis has %s keys", left)
		}
		for _, key := range []string{web, orphan, taken} {
			if out, _, status := c.run(key, "verify", "-", "--field", "reason"); status != 4 || out != "unknown\n" {
				t.Errorf("it is %s", out)
			}
		}
	})
}

// Without the cache, rows are listed, nothing is changed unless --keep-going says so, and what is
// no session is not concerned.
func TestCacheUnreachable(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, database string) {
		s := redistest.Start(t)
		s.Stop()
		c, secrets := cacheSite(t, database, "cache", s.URL(""))
		if out, errs, status := c.run("", "list", "--kind", "session", "-o", "json"); status != 7 || !strings.Contains(errs, `"code":"cache_unreachable"`) {
			t.Errorf("list: %d %s%s", status, out, errs)
		}
		if _, errs, status := c.run(secrets.Sessions["alice-web"], "verify", "-"); status != 7 || !strings.Contains(errs, "cannot be reached") {
			t.Errorf("verify: %d %s", status, errs)
		}
		c.must(secrets.DRF["bob"], "blacklist", "-")
		c.must("", "list", "--kind", "drf,knox")
		if _, errs, status := c.run("", "blacklist", "--user", "alice", "--yes"); status != 7 {
			t.Errorf("blacklist: %d %s", status, errs)
		}
		c.must(secrets.DRF["alice"], "verify", "-")
		if _, errs, status := c.run("", "blacklist", "--user", "alice", "--yes", "--keep-going"); status != 6 || !strings.Contains(errs, "cannot be reached") {
			t.Errorf("blacklist --keep-going: %d %s", status, errs)
		}

		c, secrets = cacheSite(t, database, "cached_db", s.URL(""))
		out, errs, status := c.run("", "list", "--kind", "session", "--user", "alice", "-o", "id")
		ids := lines(strings.TrimSpace(out))
		if status != 6 || len(ids) != 3 || !strings.Contains(errs, "cannot be reached") {
			t.Errorf("list: %d %s%s", status, out, errs)
		}
		if out, errs, status := c.run(secrets.Sessions["alice-web"], "show", "-", "--field", "status"); status != 6 || out != "active\n" {
			t.Errorf("show: %d %s%s", status, out, errs)
		}
		if _, errs, status := c.run("", "show", "session:abcdefgh-12345678"); status != 7 {
			t.Errorf("show of an unknown one: %d %s", status, errs)
		}
		if _, errs, status := c.run("", append([]string{"blacklist"}, ids...)...); status != 7 || !strings.Contains(errs, "nothing was changed") {
			t.Errorf("blacklist: %d %s", status, errs)
		}
		if n := dbtest.Query(c.url, countSessions); n != fmt.Sprintln(len(secrets.Sessions)) {
			t.Errorf("%s rows are left", n)
		}
		_, errs, status = c.run("", "blacklist", "--kind", "session", "--user", "alice", "--yes", "--keep-going")
		for _, id := range ids {
			if status != 6 || !strings.Contains(errs, id+" may live on in the cache") {
				t.Errorf("blacklist --keep-going: %d %s", status, errs)
			}
		}
		if n := dbtest.Query(c.url, countSessions); n != fmt.Sprintln(len(secrets.Sessions)-len(ids)) {
			t.Errorf("%s rows are left", n)
		}
	})
}

// A user of Redis who may not SCAN cannot list, and can do the rest.
func TestCacheDenied(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "shop", "on", ">hush", "~*", "+@all", "-scan")
	c, _ := cacheSite(t, "sqlite", "cache", strings.Replace(s.URL(""), "redis://", "redis://shop@", 1))
	c.env["TOKENCTL_CACHE_PASSWORD"] = "hush"
	if _, errs, status := c.run("", "list", "--kind", "session", "-o", "json"); status != 1 || !strings.Contains(errs, `"code":"cache_denied"`) || !strings.Contains(errs, "SCAN") {
		t.Errorf("list: %d %s", status, errs)
	}
	minted := c.must("", "mint", "--kind", "session", "alice", "--force")
	if c.verdict(minted) != "active" {
		t.Error("what was minted is not active")
	}
	c.must(minted, "blacklist", "-")
	c.env["TOKENCTL_CACHE_PASSWORD"] = "wrong"
	if _, errs, status := c.run(minted, "verify", "-"); status != 1 || !strings.Contains(errs, "refused the user or the password") || strings.Contains(errs, "wrong") {
		t.Errorf("with a wrong password: %d %s", status, errs)
	}
}

// What else reads all credentials or changes them takes the sessions in Redis in.
func TestCacheElsewhere(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c, _ := cacheSite(t, "sqlite", "cache", s.URL(""))
	first, second := c.must("", "mint", "--kind", "session", "alice"), c.must("", "mint", "--kind", "session", "bob")
	if got := c.must("", "stats", "--kind", "session", "-o", "json"); !strings.Contains(got, `"by":"age","value":"unknown","count":2`) {
		t.Errorf("stats: %s", got)
	}
	if got, _, _ := c.run("", "doctor", "--columns", "check,status"); !strings.Contains(got, "session_cache\tok") {
		t.Errorf("doctor: %s", got)
	}
	c.must("", "purge", "--yes")
	out, errs, status := c.run(first, "incident", "-", "--all", "--yes", "-o", "json")
	if status != 0 && status != 4 || !strings.Contains(out, `"contained": true`) || strings.Contains(out, "cached_session") {
		t.Errorf("incident: %d %s%s", status, out, errs)
	}
	if out, _, status := c.run(first, "verify", "-", "--field", "reason"); status != 4 || out != "unknown\n" {
		t.Errorf("after the incident the session is %s", out)
	}
	if got := c.must("", "user", "deactivate", "bob", "--revoke", "--yes"); strings.Contains(got, "session") && c.verdict(second) == "active" {
		t.Errorf("deactivate: %s", got)
	}
	if left := s.Do("DBSIZE"); left != "0" {
		t.Errorf("Redis has %s keys", left)
	}
	third := c.must("", "mint", "--kind", "session", "zoë")
	if out, _, _ := c.run("", "audit", "--select", "session_no_expiry", "-o", "json"); strings.Contains(out, third) {
		t.Error("audit tells a key")
	}
	path := filepath.Join(t.TempDir(), "log.txt")
	if err := os.WriteFile(path, []byte("Cookie: sessionid="+third+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := c.run("", "scan", path, "--field", "kind"); status != 4 || out != "session\n" {
		t.Errorf("scan: %d %s%s", status, out, errs)
	}
	// A change of Redis alone has an entry in the journal, too.
	c.env["TOKENCTL_JOURNAL"] = filepath.Join(t.TempDir(), "journal")
	id := c.must("", "list", "--kind", "session", "-o", "id")
	c.must("", "blacklist", id)
	if got := c.must("", "journal", "list", "-o", "json"); !strings.Contains(got, id) || !strings.Contains(got, "done") {
		t.Errorf("the journal has %s", got)
	}
	// Without the table the model of the owners is not known, and that is said.
	fourth := c.must("", "mint", "--kind", "session", "zoë")
	dbtest.Query(c.url, "drop table django_session")
	for _, args := range [][]string{{"list"}, {"verify", "-"}} {
		if _, errs, status := c.run(fourth, args...); status != map[string]int{"list": 6, "verify": 1}[args[0]] || !strings.Contains(errs, "the sessions in the cache were not looked at") {
			t.Errorf("%s: %d %s", args[0], status, errs)
		}
	}
}
