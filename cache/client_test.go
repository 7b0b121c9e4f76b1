package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/cache/redistest"
	"tokenctl/db/dbtest"
)

func open(t *testing.T, url, password string) *cache.Client {
	t.Helper()
	c, err := cache.Open(cache.Access{URL: tokenctl.NewSecret(url), Source: "denylist.url", Password: tokenctl.NewSecret(password), Timeout: time.Hour,
		Unreachable: tokenctl.CodeDenylistUnreachable, Denied: tokenctl.CodeDenylistDenied})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func keys(t *testing.T, c *cache.Client, pattern string) []string {
	t.Helper()
	var all []string
	for batch, err := range c.Keys(context.Background(), pattern) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, batch...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestClient(t *testing.T) {
	redistest.Each(t, func(t *testing.T, s *redistest.Server) {
		c, ctx := open(t, s.URL("/2"), ""), context.Background()
		var entries []cache.Entry
		for i := range 2500 {
			entries = append(entries, cache.Entry{Key: fmt.Sprintf("a*:%d", i), Value: fmt.Sprint("v", i), Lives: 90 * time.Minute})
		}
		if err := c.Set(ctx, entries); err != nil {
			t.Fatal(err)
		}
		s.Do("select", 2)
		s.Do("set", "ab:1", "other")
		s.Do("lpush", "a*:list", "x")
		if got := keys(t, c, cache.Match("{prefix}:{key}", "a*", "", "")); len(got) != 2501 || slices.Contains(got, "ab:1") {
			t.Errorf("%d keys match", len(got))
		}
		values, err := c.Values(ctx, []string{"a*:7", "absent", "a*:list", "ab:1"})
		if err != nil {
			t.Fatal(err)
		}
		if v := values[0]; !v.Found || v.Text != "v7" || v.Lives <= 0 || v.Lives > 90*time.Minute {
			t.Errorf("%+v", v)
		}
		if values[1].Found || values[2].Found || !values[3].Found || values[3].Lives >= 0 {
			t.Errorf("%+v", values[1:])
		}
		if were, err := c.Delete(ctx, []string{"a*:7", "absent"}); err != nil || !slices.Equal(were, []bool{true, false}) {
			t.Error(were, err)
		}
		if got := s.Do("exists", "a*:7"); got != "0" {
			t.Errorf("exists = %s", got)
		}
		// A life is rounded up, and never without an end.
		if err := c.Set(ctx, []cache.Entry{{Key: "short", Value: "x", Lives: -time.Hour}, {Key: "odd", Value: "x", Lives: 99*time.Second + 1}}); err != nil {
			t.Fatal(err)
		}
		if got := s.Do("pttl", "short"); got != "-2" && len(got) > len("1000") {
			t.Errorf("pttl = %s", got)
		}
		if got := s.Do("ttl", "odd"); got != "100" && got != "99" {
			t.Errorf("ttl = %s", got)
		}
		unix := open(t, "unix://"+s.Socket+"?db=2", "")
		if got := keys(t, unix, "ab*"); !slices.Equal(got, []string{"ab:1"}) {
			t.Errorf("%q", got)
		}
	})
}

// TestClientReconnects: a Client is of use again when its server is.
func TestClientReconnects(t *testing.T) {
	s := redistest.Start(t)
	c, ctx := open(t, s.URL(""), ""), context.Background()
	if err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := c.Ping(ctx); tokenctl.CodeOf(err) != tokenctl.CodeDenylistUnreachable || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), s.Addr) {
		t.Error(err)
	}
	s.Restart()
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestClientErrors(t *testing.T) {
	const password = "Geheim-7!f@x"
	s := redistest.Start(t, "--requirepass", password, "--maxmemory", "100mb")
	plain := redistest.Start(t)
	for _, line := range []string{"reader on >pw ~a:* +get +mget +pttl", "writer on >pw ~a:* +set +del +scan"} {
		plain.Do(toAny("acl setuser " + line)...)
	}
	set := func(c *cache.Client) error {
		return c.Set(context.Background(), []cache.Entry{{Key: "b:1", Value: "x", Lives: time.Minute}})
	}
	ping := func(c *cache.Client) error { return c.Ping(context.Background()) }
	scan := func(c *cache.Client) error {
		for _, err := range c.Keys(context.Background(), "a:*") {
			return err
		}
		return nil
	}
	const unreachable, denied = tokenctl.CodeDenylistUnreachable, tokenctl.CodeDenylistDenied
	for name, e := range map[string]struct {
		url, password string
		do            func(*cache.Client) error
		code          tokenctl.Code
		says          string
	}{
		"no password":       {s.URL(""), "", ping, denied, "requires a password"},
		"wrong password":    {s.URL(""), password + "x", ping, denied, "refused the user or the password"},
		"its password":      {s.URL(""), password, ping, "", ""},
		"password of URL":   {"redis://:Geheim-7%21f%40x@" + s.Addr, "", ping, "", ""},
		"wrong one of URL":  {"redis://:wrong@" + s.Addr, password, ping, "", ""},
		"no such database":  {plain.URL("/99"), "", ping, denied, "no database of this number"},
		"may not SET":       {"redis://reader:pw@" + plain.Addr, "", set, denied, "may not run SET"},
		"may not SCAN":      {"redis://reader:pw@" + plain.Addr, "", scan, denied, "may not run SCAN"},
		"may SCAN":          {"redis://writer@" + plain.Addr, "pw", scan, "", ""},
		"not these keys":    {"redis://writer@" + plain.Addr, "pw", set, denied, "may not use the keys"},
		"no such host":      {"redis://no-such-host.invalid:1", "", ping, unreachable, ""},
		"no such socket":    {"unix:///nonexistent/s", "", ping, unreachable, "no such file"},
		"no Sentinel there": {"redis://" + plain.Addr + "?master_name=one", "", ping, unreachable, "no Sentinel"},
	} {
		t.Run(name, func(t *testing.T) {
			err := e.do(open(t, e.url, e.password))
			if e.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var ours *tokenctl.Error
			if !errors.As(err, &ours) || ours.Code != e.code || !strings.Contains(ours.Message, e.says) {
				t.Fatalf("%v (%s), want %s: %s", err, tokenctl.CodeOf(err), e.code, e.says)
			}
			if text := ours.Message + ours.Hint; strings.Contains(text, password) || strings.Contains(text, "pw") || !strings.Contains(ours.Hint, "denylist.url") {
				t.Error(text)
			}
		})
	}
}

func toAny(line string) []any {
	var list []any
	for word := range strings.FieldsSeq(line) {
		list = append(list, word)
	}
	return list
}

// TestClientRefusedWrites: what a server says that takes no writes.
func TestClientRefusedWrites(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s.URL(""), "")
	set := func() string {
		err := c.Set(context.Background(), []cache.Entry{{Key: "k", Value: strings.Repeat("x", 1000), Lives: time.Minute}})
		if tokenctl.CodeOf(err) != tokenctl.CodeDenylistDenied {
			t.Errorf("%v: %s", err, tokenctl.CodeOf(err))
		}
		return fmt.Sprint(err)
	}
	s.Do("config", "set", "maxmemory", "1")
	if got := set(); !strings.Contains(got, "memory is full") {
		t.Error(got)
	}
	s.Do("config", "set", "maxmemory", "0")
	s.Do("replicaof", "127.0.0.1", "1")
	if got := set(); !strings.Contains(got, "a replica") {
		t.Error(got)
	}
}

// TestClientWaits: a server that says nothing costs the time of one answer, and an interrupt
// does not wait for it.
func TestClientWaits(t *testing.T) {
	address := dbtest.Silent(t)
	access := cache.Access{URL: tokenctl.NewSecret("redis://" + address), Source: "denylist.url", Timeout: time.Millisecond, Unreachable: tokenctl.CodeDenylistUnreachable}
	c, err := cache.Open(access)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(context.Background()); tokenctl.CodeOf(err) != tokenctl.CodeDenylistUnreachable || !strings.Contains(err.Error(), "no answer in time") {
		t.Error(err)
	}
	access.Timeout = time.Hour
	if c, err = cache.Open(access); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(10*time.Millisecond, func() { cancel(stopped) })
	if err := c.Ping(ctx); !errors.Is(err, stopped) {
		t.Error(err)
	}
}

func TestClientURL(t *testing.T) {
	const secret = "hunter2secret"
	for _, url := range []string{"http://localhost", "localhost:6379", "redis://:" + secret + "@host:6379/x", "redis://:" + secret + "%zz@host", "redis://h/0?" + secret + "=1",
		"redis://:a#" + secret + "@host:1", "unix://", "redis://h/0?master_name=", "redis://h/0?master_name=a&route_randomly=1", "redis://h:1/0?db=" + secret} {
		_, err := cache.Open(cache.Access{URL: tokenctl.NewSecret(url), Source: "denylist.url", Timeout: time.Second})
		var e *tokenctl.Error
		if !errors.As(err, &e) || e.Code != tokenctl.CodeConfigInvalid {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if strings.Contains(fmt.Sprintf("%+v %v", e, e.Err), secret) {
			t.Errorf("%s: %+v", url, e)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	s := redistest.Start(b)
	c, err := cache.Open(cache.Access{URL: tokenctl.NewSecret("unix://" + s.Socket), Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	entries := make([]cache.Entry, 100_000)
	for i := range entries {
		entries[i] = cache.Entry{Key: fmt.Sprintf("denylist:jti:%032d", i), Value: "1900000000", Lives: time.Hour}
	}
	for b.Loop() {
		if err := c.Set(context.Background(), entries); err != nil {
			b.Fatal(err)
		}
	}
}
