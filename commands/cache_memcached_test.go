package commands_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/cache"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// memcached starts a server on a socket, and returns the socket's path and a function that sends
// a command and returns the first line of the answer.
func memcached(t *testing.T) (socket string, do func(string) string) {
	t.Helper()
	path, err := exec.LookPath("memcached")
	if err != nil {
		djangotest.Missing(t, "memcached")
	}
	dir, err := os.MkdirTemp("", "memcached") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(path, "-vv", "-s", socket, "-u", "root")
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "server listening") {
	}
	go io.Copy(io.Discard, log) //nolint:errcheck // it ends with the server
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	answers := bufio.NewReader(conn)
	return socket, func(command string) string {
		t.Helper()
		if _, err := fmt.Fprint(conn, command+"\r\n"); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
}

// Memcached cannot list: its sessions are found and deleted by their keys, and it is said that
// they are not listed. The copy of a row goes with the row.
func TestCacheMemcached(t *testing.T) {
	t.Parallel()
	socket, do := memcached(t)
	value, err := cache.WriteSession(django.LoginSession("1", "", strings.Repeat("0", 64)), false)
	if err != nil {
		t.Fatal(err)
	}
	set := func(key string) {
		if got := do(fmt.Sprintf("set %s 1 600 %d\r\n%s", key, len(value), value)); got != "STORED" {
			t.Fatal(got)
		}
	}
	c, _ := cacheSite(t, "sqlite", "cache", "memcached://"+socket)
	key := "memcachedmemcachedmemcachedmem12"
	set(sessionKey("cache", key))
	if out, errs, status := c.run("", "list"); status != 6 || !strings.Contains(errs, "memcached, which cannot list them") || !strings.Contains(out, "drf") {
		t.Errorf("list: %d %s%s", status, out, errs)
	}
	id := c.must(key, "show", "-", "--field", "id")
	if _, errs, status := c.run("", "blacklist", id); status != 2 || !strings.Contains(errs, "cannot list them") {
		t.Errorf("blacklist by id: %d %s", status, errs)
	}
	if _, errs, status := c.run("", "mint", "--kind", "session", "alice"); status != 2 || !strings.Contains(errs, "cannot list them") {
		t.Errorf("mint: %d %s", status, errs)
	}
	c.must(key, "blacklist", "-")
	if out, _, status := c.run(key, "verify", "-", "--field", "reason"); status != 4 || out != "unknown\n" || do("get "+sessionKey("cache", key)) != "END" {
		t.Errorf("after that it is %q", out)
	}

	if out, errs, status := c.run("", "incident", "--user", "alice", "--all", "--yes", "-o", "json"); status == 0 || !strings.Contains(out, `"cached_session"`) {
		t.Errorf("incident: %d %s%s", status, out, errs)
	}

	c, secrets := cacheSite(t, "sqlite", "cached_db", "memcached://"+socket)
	web := sessionKey("cached_db", secrets.Sessions["alice-web"])
	set(web)
	c.must("", "blacklist", "--user", "alice", "--kind", "session", "--yes")
	if got := do("get " + web); got != "END" || dbtest.Query(c.url, countSessions) != "3\n" {
		t.Errorf("memcached still has %s", got)
	}
	c, _ = cacheSite(t, "sqlite", "cache", "memcached://127.0.0.1:1")
	if _, errs, status := c.run(key, "verify", "-"); status != 7 || !strings.Contains(errs, "the memcached server 127.0.0.1:1 cannot be reached: connection refused") {
		t.Errorf("verify: %d %s", status, errs)
	}
}
