package commands_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
)

// cutter is a proxy before a server, which it loses when a client sends a word for the n-th time.
func cutter(t *testing.T, server, word string, n int32) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int32
	left.Store(n)
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil || left.Load() <= 0 {
				client.Close()
				continue
			}
			all.Go(func() {
				io.Copy(client, to) //nolint:errcheck // it ends with either side
				client.Close()
			})
			all.Go(func() {
				defer to.Close()
				defer client.Close()
				buffer := make([]byte, 64<<10)
				for {
					n, err := client.Read(buffer)
					if bytes.Contains(bytes.ToLower(buffer[:n]), []byte(word)) && left.Add(-1) <= 0 || err != nil {
						return
					}
					if _, err := to.Write(buffer[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// Redis goes away between the preview and the change, and in the change itself: no row is
// deleted.
func TestCacheLost(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	for word, n := range map[string]int32{"\r\nmget\r\n": 2, "\r\ndel\r\n": 1} {
		c, secrets := cacheSite(t, "sqlite", "cached_db", "redis://"+cutter(t, s.Addr, word, n))
		s.Do("SET", sessionKey("cached_db", secrets.Sessions["alice-web"]), "5", "EX", 600)
		_, errs, status := c.run("", "blacklist", "--user", "alice", "--kind", "session", "--yes")
		if status != 7 || !strings.Contains(errs, "cannot be reached") || !strings.Contains(errs, "nothing was changed") {
			t.Errorf("%q: %d %s", word, status, errs)
		}
		if n := dbtest.Query(c.url, countSessions); n != fmt.Sprintln(len(secrets.Sessions)) {
			t.Errorf("%q: %s rows are left", word, n)
		}
	}
	// A secret that went out before Redis was lost opens nothing, and that is said.
	for word, args := range map[string][]string{"\r\nset\r\n": {"mint", "--kind", "session", "alice", "--force"}, "\r\ndel\r\n": {"rotate", "-"}} {
		c, _ := cacheSite(t, "sqlite", "cache", s.URL(""))
		old := c.must("", "mint", "--kind", "session", "bob", "--force")
		lost, _ := cacheSite(t, "sqlite", "cache", "redis://"+cutter(t, s.Addr, word, 1))
		out, errs, status := lost.run(old, args...)
		if status != 7 || !strings.Contains(errs, "the printed secret is dead") {
			t.Errorf("%q: %d %s", args, status, errs)
		}
		if c.verdict(old) != "active" {
			t.Errorf("%q: the old session is dead", args)
		}
		if text, _, status := c.run(strings.TrimSpace(out), "verify", "-", "--field", "reason"); args[0] == "mint" && (status != 4 || text != "unknown\n") {
			t.Errorf("%q: the new session is %q", args, text)
		}
	}
}

// The password in cache_url is in no output.
func TestCacheConfigShow(t *testing.T) {
	t.Parallel()
	c, _ := cacheSite(t, "sqlite", "cache", "redis://shop:hush@127.0.0.1:1/2")
	c.env["TOKENCTL_CACHE_PASSWORD"] = "hush-hush"
	out := c.must("", "config", "show", "-o", "tsv")
	if strings.Contains(out, "hush") || !strings.Contains(out, "session.cache_url\tredis://shop@127.0.0.1:1/2\t") || !strings.Contains(out, "session.cache_password\t[redacted]\tTOKENCTL_CACHE_PASSWORD") ||
		!strings.Contains(out, "session.cache_backend\tdjango.core.cache.backends.redis.RedisCache\tdefault") {
		t.Error(out)
	}
	if _, errs, status := c.run("", "list", "-v"); status != 7 || strings.Contains(errs, "hush") {
		t.Errorf("list: %d %s", status, errs)
	}
}
