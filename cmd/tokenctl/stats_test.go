package main

import (
	"strings"
	"testing"
)

// At a terminal the counts are a table, and the bars of the active credentials fit it.
func TestTerminalStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.ok("user", "create", "root", "--superuser", "-q")
	w.ok("user", "create", "a", "b", "c", "--no-password", "-q")
	w.ok("mint", "root", "a", "b", "-q", "--out", "1")
	w.ok("mint", "--kind", "knox", "a", "--ttl", "3d", "-q", "--out", "2")
	w.ok("mint", "c", "-q", "--out", "3")
	w.ok("user", "deactivate", "c", "-q")
	want := `KIND  STATUS    SUPERUSER  STAFF  USER  NOBODY  TOTAL
drf   active    1          0      2     0       3
drf   disabled  0          0      1     0       1
knox  active    0          0      1     0       1

age of the active credentials
0-1d      4  ████████████████████████████████████████

time to live of the active credentials
1d-7d    1  █████████████▍
never    3  ████████████████████████████████████████
`
	narrow := `
age of the active credentials
0-1d      4  ██████████████████████████

time to live of the active credentials
1d-7d    1  █████████
never    3  ███████████████████████████
`
	for columns, text := range map[string]string{"100": want, "39": narrow} {
		cmd := w.command("stats")
		cmd.Env = append(w.env, "COLUMNS="+columns)
		p := w.terminal(cmd)
		w.want(p.ends(testLimit), 0)
		var screen strings.Builder
		for line := range strings.Lines(strings.ReplaceAll(p.screen(), "\r", "")) {
			screen.WriteString(plain(line))
		}
		if !strings.HasSuffix(screen.String(), text) {
			t.Errorf("at %s columns:\n%s\nwant\n%s", columns, screen.String(), text)
		}
	}
}
