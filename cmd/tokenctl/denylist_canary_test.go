package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestDenylistCanary: no output about a denylist holds its password or a token, in any form, and
// however the URL and the password are wrong.
func TestDenylistCanary(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		d := newDenied(w)
		token, err := os.ReadFile(d.access)
		if err != nil {
			t.Fatal(err)
		}
		const password, wrong = "canary-redis-7Q", "canary-wrong-8R"
		secrets := []string{password, wrong, strings.TrimSpace(string(token))}
		d.redis.Do("set", "denylist:user:1", "1")
		d.redis.Do("config", "set", "requirepass", password)
		file := filepath.Join(w.dir, "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		settings := filepath.Join(w.dir, "settings.toml")
		if err := os.WriteFile(settings, []byte("[denylist]\nurl = 'redis://:"+wrong+"@"+d.redis.Addr+"'\npassword_file = 'password'\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		broken := filepath.Join(w.dir, "broken.toml")
		if err := os.WriteFile(broken, []byte("[denylist]\nurl = '"+password+"'\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		answered := 0
		for _, env := range [][]string{
			{"TOKENCTL_DENYLIST_URL=redis://:" + password + "@" + d.redis.Addr},
			{"TOKENCTL_DENYLIST_URL=redis://:" + wrong + "@" + d.redis.Addr},
			{"TOKENCTL_DENYLIST_URL=redis://" + d.redis.Addr, "TOKENCTL_DENYLIST_PASSWORD=" + password},
			{"TOKENCTL_DENYLIST_URL=redis://:" + password + "@127.0.0.1:1"},
			{"TOKENCTL_DENYLIST_URL=redis://:" + password + "@127.0.0.1:1/x"},
			{"TOKENCTL_DENYLIST_URL=" + password},
			{"TOKENCTL_DENYLIST_URL=redis://" + d.redis.Addr + "/0?" + password + "=1"},
			{"TOKENCTL_DENYLIST_URL=redis://127.0.0.1:1?master_name=x&password=" + password},
			{"TOKENCTL_DENYLIST_URL=", "SETTINGS=" + settings}, {"TOKENCTL_DENYLIST_URL=", "SETTINGS=" + broken},
		} {
			for _, args := range [][]string{{"denylist", "list"}, {"denylist", "check", "--token-file", d.access}, {"denylist", "remove", "user:1", "--dry-run"}, {"denylist", "remove", "user:9"},
				{"verify", "--token-file", d.access}, {"show", "--token-file", d.access}, {"blacklist", "--token-file", d.access, "--dry-run"}, {"blacklist", "--user", "alice"},
				{"incident", "--token-file", d.access, "--dry-run"}, {"config", "show"}, {"doctor"}} {
				for _, format := range []string{"json", "table", "tsv"} {
					args := append(slices.Clone(args), "-v", "-o", format)
					if path, ok := strings.CutPrefix(env[len(env)-1], "SETTINGS="); ok {
						args = append(args, "--config", path)
					}
					cmd := w.command(args...)
					cmd.Env = append(slices.Clone(w.env), env...)
					r := w.run(cmd)
					if r.status == 0 {
						answered++
					}
					for _, secret := range secrets {
						if strings.Contains(r.stdout+r.stderr, secret) {
							t.Errorf("%s %s: it holds a secret:\n%s%s", env, args, r.stdout, r.stderr)
						}
					}
				}
			}
		}
		if answered < 60 {
			t.Errorf("only %d commands got an answer", answered)
		}
	})
}
