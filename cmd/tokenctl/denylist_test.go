package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
)

// denied is a world with a denylist, of whose users alice has a refresh token and an access token.
type denied struct {
	*world
	redis  *redistest.Server
	access string // in a file
}

func newDenied(w *world) *denied {
	d := &denied{world: w, redis: redistest.Start(w.t), access: filepath.Join(w.dir, "access")}
	w.env = append(w.env, "TOKENCTL_SECRET_KEY=a-secret-key-of-more-than-thirty-two-bytes", "TOKENCTL_JOURNAL="+filepath.Join(w.dir, "journal"))
	w.ok("user", "create", "alice", "--no-password", "-q")
	w.ok("mint", "alice", "--kind", "jwt", "-q", "--ttl", "1h")
	w.ok("mint", "alice", "--kind", "jwt", "--type", "access", "--ttl", "1h", "--out", d.access, "-q")
	d.through(d.redis.Addr)
	return d
}

// through leads to the denylist at another address.
func (d *denied) through(address string) {
	d.env = append(d.env, "TOKENCTL_DENYLIST_URL=redis://"+address)
}

// proxied calls f before each block that holds SET is sent to Redis, and ends the connection
// without it where f says no.
func (d *denied) proxied(f func() bool) {
	d.t.Helper()
	url := dbtest.Proxy(d.t, d.redis.URL(""), func(client, _ *net.TCPConn, block []byte) bool {
		if !bytes.Contains(bytes.ToLower(block), []byte("\r\nset\r\n")) || f() {
			return true
		}
		client.Close()
		return false
	})
	address, _, _ := strings.Cut(strings.TrimPrefix(url, "redis://"), "?")
	d.through(address)
}

// unchanged checks that no row is blacklisted.
func (d *denied) unchanged() {
	d.t.Helper()
	if n := d.sql("select count(*) from token_blacklist_blacklistedtoken"); n != "0" {
		d.t.Errorf("%s rows are blacklisted", n)
	}
}

// TestDenylistOrder: the denylist is written when the rows are changed and the intent stands in the
// journal, and before the commit.
func TestDenylistOrder(t *testing.T) {
	engines(t, func(w *world) {
		d := newDenied(w)
		seen := 0
		d.proxied(func() bool {
			seen++
			d.unchanged() // for anybody else
			journal, err := os.ReadFile(filepath.Join(w.dir, "journal"))
			if lines := strings.Split(strings.TrimSpace(string(journal)), "\n"); err != nil || !strings.Contains(lines[len(lines)-1], `"user:1"`) {
				t.Errorf("the journal when Redis is written: %s, %v", journal, err)
			}
			return true
		})
		w.ok("blacklist", "--user", "alice", "--yes")
		if n := w.sql("select count(*) from token_blacklist_blacklistedtoken"); n != "1" || seen != 1 || d.redis.Do("keys", "*") != "denylist:user:1" {
			t.Errorf("%s rows, %d writes, keys %q", n, seen, d.redis.Do("keys", "*"))
		}
	})
}

// TestDenylistLost: where Redis goes away between two answers, nothing is changed, and what may
// stand is said.
func TestDenylistLost(t *testing.T) {
	engines(t, func(w *world) {
		d := newDenied(w)
		d.proxied(func() bool { return false })
		r := w.run(w.command("blacklist", "--user", "alice", "--yes"))
		w.want(r, 7, "cannot be reached: it closed the connection", "hint: nothing was changed; in the denylist these entries stand, or may stand: user:1; they end by themselves, and to remove them: tokenctl denylist remove user:1")
		d.unchanged()
		r = w.run(w.command("blacklist", "--token-file", d.access, "-o", "json"))
		w.want(r, 7, `"code":"denylist_unreachable"`, "nothing was changed", "tokenctl denylist remove jti:")
		if got := d.redis.Do("keys", "*"); got != "" {
			t.Errorf("keys: %s", got)
		}
		if list := w.ok("journal", "list", "--columns", "outcome", "--no-headers"); strings.Count(list, "not done") != 2 {
			t.Errorf("the journal: %s", list)
		}
	})
}

// TestDenylistStands: where the commit is lost, the entries that stand are named, and the hint
// removes them.
func TestDenylistStands(t *testing.T) {
	t.Parallel()
	d := newDenied(newWorld(t, "postgres"))
	cmd := d.command("blacklist", "--user", "alice", "--yes")
	cmd.Env = append(d.env, "DATABASE_URL="+newCut(t, d.url, 0, false).url)
	d.want(d.run(cmd), 1, "it may or may not have happened", "in the denylist these entries stand, or may stand: user:1;", "to remove them: tokenctl denylist remove user:1")
	d.unchanged()
	if got := d.redis.Do("keys", "*"); got != "denylist:user:1" {
		t.Errorf("keys: %q", got)
	}
	d.ok("denylist", "remove", "user:1")
}

// TestDenylistRights: a user of Redis who may not write changes nothing, and who may not list can
// still be asked about tokens.
func TestDenylistRights(t *testing.T) {
	engines(t, func(w *world) {
		d := newDenied(w)
		for _, line := range []string{"reader on >pw ~denylist:* +ping +mget +pttl +scan", "writer on >pw ~denylist:* +ping +mget +pttl +set"} {
			words := []any{"acl", "setuser"}
			for word := range strings.FieldsSeq(line) {
				words = append(words, word)
			}
			d.redis.Do(words...)
		}
		d.env = append(d.env, "TOKENCTL_DENYLIST_PASSWORD=pw")
		d.through("reader@" + d.redis.Addr)
		for _, args := range [][]string{{"blacklist", "--user", "alice", "--yes"}, {"blacklist", "--user", "alice", "--yes", "--keep-going"}, {"blacklist", "--token-file", d.access}} {
			d.want(d.run(d.command(args...)), 1, "tokenctl: the user at the Redis server "+d.redis.Addr+" may not run SET\n", "ACL SETUSER NAME +set")
			d.unchanged()
		}
		d.ok("denylist", "list")
		d.through("writer@" + d.redis.Addr)
		d.ok("blacklist", "--token-file", d.access)
		d.want(d.run(d.command("verify", "--token-file", d.access)), 4)
		d.want(d.run(d.command("denylist", "list", "-o", "json")), 1, `"code":"denylist_denied"`, "may not run SCAN")
		d.want(d.run(d.command("unblacklist", "--token-file", d.access)), 1, "may not run DEL")
	})
}

// TestDenylistAway: with --keep-going the rows are changed while Redis is away, and the JWTs
// that live on are named.
func TestDenylistAway(t *testing.T) {
	engines(t, func(w *world) {
		d := newDenied(w)
		id := strings.TrimSpace(w.ok("show", "--token-file", d.access, "--field", "id"))
		drf := strings.TrimSpace(w.ok("mint", "alice", "--kind", "drf", "-q"))
		text, err := os.ReadFile(d.access)
		if err != nil {
			t.Fatal(err)
		}
		d.redis.Stop()
		stdin := drf + "\n" + string(text)
		cmd := w.command("blacklist", "-")
		cmd.Stdin = strings.NewReader(stdin)
		w.want(w.run(cmd), 7, "cannot be reached: connection refused", "nothing was changed")
		cmd = w.command("blacklist", "-", "--keep-going")
		cmd.Stdin = strings.NewReader(stdin)
		w.want(w.run(cmd), 6, "1 of 2 were done", id+" lives on until ")
		if n := w.sql("select count(*) from authtoken_token"); n != "0" {
			t.Errorf("%s rows are left", n)
		}
		w.want(w.run(w.command("user", "deactivate", "alice", "--revoke", "--yes", "--keep-going")), 6, "the access tokens of alice live on until they expire", "what remains: access tokens that exist already: ")
		if n := w.sql("select count(*) from token_blacklist_blacklistedtoken"); n != "1" {
			t.Errorf("%s rows are blacklisted", n)
		}
		// An access token that still works is an error, also with --ignore-missing.
		cmd = w.command("blacklist", "-", "--keep-going", "--ignore-missing")
		cmd.Stdin = strings.NewReader(stdin)
		w.want(w.run(cmd), 7, id+" lives on until ")
		w.ok("mint", "alice", "--kind", "knox", "--out", "knox")
		w.want(w.run(w.shell("cat knox "+d.access+" | tokenctl scan --blacklist --yes --keep-going")), 6, id+" lives on until ")
		// What is about no JWT asks nobody.
		w.ok("mint", "alice", "--kind", "knox", "-q")
		w.ok("blacklist", "--user", "alice", "--kind", "drf,knox,session", "--yes")
	})
}

// TestDenylistMany: many tokens, many users and many entries at once.
func TestDenylistMany(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		d := newDenied(w)
		const n = 3000
		var users strings.Builder
		for i := range n {
			fmt.Fprintf(&users, "user%d\n", i)
		}
		file := filepath.Join(w.dir, "users")
		if err := os.WriteFile(file, []byte(users.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		w.ok("mint", "--users-from", file, "--create", "--kind", "jwt", "--type", "access", "--ttl", "1h", "--out", filepath.Join(w.dir, "tokens"), "-q")
		text, err := os.ReadFile(filepath.Join(w.dir, "tokens"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := w.command("blacklist", "-", "-q")
		cmd.Stdin = bytes.NewReader(text)
		w.want(w.run(cmd), 0)
		if got := d.redis.Do("dbsize"); got != fmt.Sprint(n) {
			t.Errorf("%s entries", got)
		}
		w.ok("user", "deactivate", "--users-from", file, "--revoke", "--yes", "-q")
		if got := d.redis.Do("dbsize"); got != fmt.Sprint(2*n) {
			t.Errorf("%s entries", got)
		}
		if list := w.ok("denylist", "list", "-o", "id"); strings.Count(list, "\n") != 2*n {
			t.Errorf("%d ids", strings.Count(list, "\n"))
		}
		cmd = w.command("denylist", "remove", "-", "-q")
		cmd.Stdin = strings.NewReader(w.ok("denylist", "list", "-o", "id"))
		w.want(w.run(cmd), 0)
		if got := d.redis.Do("dbsize"); got != "0" {
			t.Errorf("%s entries", got)
		}
	})
}
