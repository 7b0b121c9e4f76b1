package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTerminalPager shows output that is longer than the 24 lines of the screen.
func TestTerminalPager(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.do(`with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
		insert into knox_authtoken (digest, token_key, created, expiry, user_id) select printf('%0128d', i), printf('%025d', i), '2026-01-01 00:00:00', null, 1 from n`)
	w.do("insert into auth_user (id, password, username, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined) values (1, '!', 'alice', '', '', '', false, false, true, '2026-01-01 00:00:00')")
	const note, all = "20000 credentials in ", 20001
	kept := filepath.Join(w.dir, "kept")
	run := func(env []string, args ...string) *terminal {
		cmd := w.command(append([]string{"list", "--columns", "id,user"}, args...)...)
		cmd.Env = append(w.env, env...)
		return w.terminalOf(24, 100, cmd)
	}
	const keeps = "cat >kept; echo the pager"
	for _, test := range []struct {
		name  string
		env   []string
		args  []string
		paged bool
	}{
		{"PAGER", []string{"PAGER=" + keeps}, nil, true},
		{"TOKENCTL_PAGER", []string{"TOKENCTL_PAGER=" + keeps, "PAGER=false"}, nil, true},
		{"an empty variable", []string{"TOKENCTL_PAGER=", "PAGER=" + keeps}, nil, true},
		{"json", []string{"PAGER=" + keeps}, []string{"-o", "json"}, true},
		{"cat", []string{"PAGER=cat"}, nil, false},
		{"--no-pager", []string{"PAGER=" + keeps}, []string{"--no-pager"}, false},
		{"--no-input", []string{"PAGER=" + keeps}, []string{"--no-input"}, false},
		{"CI", []string{"PAGER=" + keeps, "CI=1"}, nil, false},
		{"dumb", []string{"PAGER=" + keeps, "TERM=dumb"}, nil, false},
		{"no TERM", []string{"PAGER=" + keeps, "TERM="}, nil, false},
		{"it fits", []string{"PAGER=" + keeps}, []string{"--limit", "22"}, false},
		{"a line too much", []string{"PAGER=" + keeps}, []string{"--limit", "23"}, true},
		{"lines that the terminal breaks", []string{"PAGER=" + keeps, "COLUMNS=300"}, []string{"--limit", "12", "--columns", "+type,email,age_days,expires_days,last_login,is_staff,is_superuser,user_id,signature"}, true},
	} {
		os.Remove(kept)
		p := run(test.env, test.args...)
		w.want(p.ends(testLimit), 0)
		text, err := os.ReadFile(kept)
		if screen := p.screen(); (err == nil) != test.paged || strings.Contains(screen, "the pager\n") != test.paged || strings.Contains(screen, "knox:") == test.paged {
			t.Errorf("%s: paged is %v:\n%.300s", test.name, err == nil, screen)
		}
		if test.name == "PAGER" {
			if n := strings.Count(string(text), "\n"); n != all || !strings.HasPrefix(string(text), "\x1b[1mID\x1b[0m ") {
				t.Errorf("the pager got %d lines:\n%.100s", n, text)
			}
			if screen := p.screen(); !strings.HasPrefix(screen, "the pager\n"+note) {
				t.Errorf("what was said stands elsewhere than behind the pager:\n%s", screen)
			}
		}
	}

	// Help is paged, also that of a command that changes rows. Such a command itself is not.
	cmd := w.command("blacklist", "--help")
	cmd.Env = append(w.env, "PAGER="+keeps)
	w.terminal(cmd).ends(testLimit)
	if text, err := os.ReadFile(kept); err != nil || !strings.HasPrefix(string(text), "Make credentials stop working") {
		t.Errorf("help: %v %.50s", err, text)
	}
	os.Remove(kept)
	cmd = w.command("blacklist", "--user", "alice", "--dry-run", "-o", "id")
	cmd.Env = append(w.env, "PAGER="+keeps)
	w.terminal(cmd).ends(testLimit)
	if _, err := os.Stat(kept); err == nil {
		t.Error("a command that changes rows was paged")
	}

	// The person has seen enough.
	p := run([]string{"PAGER=head -n 1"})
	w.want(p.ends(testLimit), 0)
	if lines := strings.Split(p.screen(), "\n"); len(lines) != 2 {
		t.Errorf("after the pager has ended:\n%s", p.screen())
	}

	// There is no such pager.
	p = run([]string{"PAGER=/nowhere/pager -x"})
	w.want(p.ends(testLimit), 1)
	if screen := plain(p.screen()); !strings.HasSuffix(screen, "\ntokenctl: cannot run the pager /nowhere/pager -x\nhint: name another one in TOKENCTL_PAGER, or add --no-pager\n") {
		t.Errorf("without the pager:\n%s", screen)
	}

	// The pager gets no secrets, and less the options that colours need.
	p = run([]string{"PAGER=env >kept; cat >/dev/null", "TOKENCTL_SECRET_KEY=canary1", "DJANGO_SECRET_KEY=canary2", "PGPASSWORD=canary3", "TOKENCTL_DATABASE_URL=" + w.url})
	p.ends(testLimit)
	if text, err := os.ReadFile(kept); err != nil || strings.Contains(string(text), "canary") || strings.Contains(string(text), "DATABASE_URL=") || !strings.Contains(string(text), "\nLESS=FRX\n") {
		t.Errorf("the environment of the pager (%v):\n%s", err, text)
	}

	// The keyboard belongs to the pager: an interrupt ends what is still being read, and then the pager is waited for.
	p = run([]string{"PAGER=trap '' INT; cat >/dev/null; echo all read; read answer </dev/tty; echo answered $answer"})
	p.shows("all read")
	io.WriteString(p.keys, "\x03yes\n")
	w.want(p.ends(testLimit), 0)
	p.shows("answered yes\n" + note)
	// The list is longer than what the pipe holds and tokenctl reads ahead, so it waits for the pager.
	p = run([]string{"PAGER=trap '' INT; echo nothing read; read answer </dev/tty; cat >/dev/null; echo answered $answer"})
	p.shows("nothing read")
	io.WriteString(p.keys, "\x03yes\n")
	w.want(p.ends(testLimit), 130)
	if screen := plain(p.screen()); !strings.Contains(screen, "answered yes\ntokenctl: interrupted\n") {
		t.Errorf("after an interrupt:\n%s", screen)
	}

	// SIGTERM ends both.
	p = run([]string{"PAGER=echo waiting; exec sleep 1000"})
	p.shows("waiting")
	p.Process.Signal(syscall.SIGTERM)
	w.want(p.ends(testLimit), 143)
}
