package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestTerminalWatch lists again and again at a terminal, and once in a pipe.
func TestTerminalWatch(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.ok("mint", "alice", "--create", "-q")
		if once := w.ok("list", "--watch", "1s", "-o", "id"); once != w.ok("list", "-o", "id") {
			t.Errorf("in a pipe: %q", once)
		}
		p := w.terminal(w.command("list", "-w", "1s"))
		p.shows("\n1 credential in ")
		if screen := p.screen(); !strings.HasPrefix(screen, "\x1b[Hevery 1s, ") || strings.Count(screen, "\x1b[H") != 1 || !strings.HasSuffix(screen, "\x1b[K\n\x1b[J") {
			t.Errorf("the first screen is %q", screen)
		}
		w.ok("mint", "bob", "--create", "-q")
		p.shows("\n2 credentials in ")
		w.sql("update auth_user set is_active = false where username = 'bob'")
		note := "\nnote: 1 disabled: the owner is inactive\x1b[K\n2 credentials in "
		p.shows(note)
		within(t, testLimit, "the note again", func() bool { return strings.Count(p.screen(), note) > 1 })
		io.WriteString(p.keys, "\x03")
		w.want(p.ends(testLimit), 130)
		p.shows("interrupted")

		// A longer list is cut to the screen, and no pager is in the way.
		var names []string
		for n := range 30 {
			names = append(names, fmt.Sprintf("user%d", n))
		}
		w.ok(append([]string{"mint", "--create", "-q", "--out", "secrets"}, names...)...)
		for _, env := range []string{"TERM=dumb", "NO_COLOR=1"} {
			cmd := w.command("list", "--watch", "1s")
			cmd.Env = append(w.env, env, "PAGER=false")
			p := w.terminal(cmd)
			p.shows("\n… 14 more lines\n\n")
			io.WriteString(p.keys, "\x03")
			p.ends(testLimit)
			first, _, _ := strings.Cut(p.screen(), "\n\n")
			if n := strings.Count(first, "\n") + 1; n != 23 || strings.Contains(first, "\x1b") {
				t.Errorf("%s: %d lines for a screen of 24:\n%s", env, n, first)
			}
		}
	})
}
