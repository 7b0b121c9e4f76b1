package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"tokenctl/db/dbtest"
)

// terminal is a process on a pseudo-terminal of its own, all three streams.
type terminal struct {
	*running
	keys io.Writer
	tty  *os.File
	mu   sync.Mutex
	seen bytes.Buffer
}

// terminal is a terminal that is wider than the name of any database, however long TMPDIR is.
func (w *world) terminal(cmd *exec.Cmd) *terminal {
	w.t.Helper()
	return w.terminalOf(24, 240, cmd)
}

// terminalOf is a terminal with so many lines and columns.
func (w *world) terminalOf(lines, columns uint16, cmd *exec.Cmd) *terminal {
	w.t.Helper()
	control, tty, err := pty.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { control.Close(); tty.Close() })
	if err := pty.Setsize(control, &pty.Winsize{Rows: lines, Cols: columns}); err != nil {
		w.t.Fatal(err)
	}
	for _, stream := range []*io.Writer{&cmd.Stdout, &cmd.Stderr} {
		if *stream == nil {
			*stream = tty
		}
	}
	if cmd.Stdin == nil {
		cmd.Stdin = tty
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	p := &terminal{keys: control, tty: tty}
	go func() {
		block := make([]byte, 4096)
		for {
			n, err := control.Read(block)
			p.mu.Lock()
			p.seen.Write(block[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	p.running = w.start(cmd)
	return p
}

// screen is what was shown so far.
func (p *terminal) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, _, _ := strings.Cut(p.seen.String(), endMark)
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// endMark is written to a terminal behind all that its process wrote.
const endMark = "\x1dthe process has ended\x1d"

// ends waits for the end, and until all that the process wrote is on the screen.
func (p *terminal) ends(limit time.Duration) result {
	p.w.t.Helper()
	r := p.running.ends(limit)
	io.WriteString(p.tty, endMark)
	within(p.w.t, testLimit, "the end of what the process wrote", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return strings.Contains(p.seen.String(), endMark)
	})
	return r
}

// shows waits for a text.
func (p *terminal) shows(text string) {
	p.w.t.Helper()
	for deadline := time.Now().Add(testLimit); !strings.Contains(p.screen(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.w.t.Fatalf("the terminal does not show %q but\n%s", text, p.screen())
		}
	}
}

// echoes reports whether the terminal shows what is typed.
func (p *terminal) echoes() bool {
	p.w.t.Helper()
	stty := exec.Command("stty", "-a")
	stty.Stdin = p.tty
	out, err := stty.Output()
	if err != nil {
		p.w.t.Fatal(err)
	}
	return strings.Contains(string(out), " echo ")
}

func TestTerminalConfirmation(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "alice", "bob", "--create", "-q")
		for _, answer := range []string{"n\n", "\n", "\x04", "maybe\n"} {
			p := w.terminal(w.command("blacklist", "--user", "alice"))
			p.shows("Blacklist 1 credential in " + dbtest.Name(w.url) + "? [y/N] ")
			io.WriteString(p.keys, answer)
			w.want(p.ends(testLimit), 8)
			p.shows("not confirmed; nothing was done")
			w.rows("2", "2")
		}
		p := w.terminal(w.command("blacklist", "--user", "alice"))
		p.shows("[y/N] ")
		if !strings.Contains(plain(p.screen()), "  alice  active  ") {
			w.t.Errorf("the set is not shown:\n%s", p.screen())
		}
		io.WriteString(p.keys, "y\n")
		w.want(p.ends(testLimit), 0)
		p.shows(" of alice")
		w.rows("2", "1")

		// What changes while the person reads is not changed on top of that.
		p = w.terminal(w.command("rotate", "--user", "bob"))
		p.shows("[y/N] ")
		w.ok("rotate", "--user", "bob", "--yes")
		key := w.key()
		io.WriteString(p.keys, "y\n")
		w.want(p.ends(testLimit), 5)
		p.shows(" of bob was changed meanwhile")
		if w.key() != key {
			w.t.Error("the token was rotated all the same")
		}

		// Nobody is asked under CI or with --no-input.
		cmd := w.command("blacklist", "--user", "bob")
		cmd.Env = append(w.env, "CI=true")
		w.want(w.terminal(cmd).ends(testLimit), 8)
		w.want(w.terminal(w.command("blacklist", "--user", "bob", "--no-input")).ends(testLimit), 8)

		// An interrupt at the question.
		p = w.terminal(w.command("blacklist", "--user", "bob"))
		p.shows("[y/N] ")
		io.WriteString(p.keys, "\x03")
		w.want(p.ends(testLimit), 130)
		w.rows("2", "1")
	})
}

func TestTerminalSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.ok("mint", "alice", "--create", "-q")
	key := w.key()
	p := w.terminal(w.command("verify", "-"))
	p.shows("Secret: ")
	within(t, testLimit, "a silent terminal", func() bool { return !p.echoes() })
	io.WriteString(p.keys, key+"\n")
	w.want(p.ends(testLimit), 0)
	p.shows("active")
	if strings.Contains(p.screen(), key) {
		t.Error("the secret was shown")
	}
	if !p.echoes() {
		t.Error("the terminal stays silent")
	}
	for _, signal := range []struct {
		send   func(*terminal)
		status int
	}{
		{func(p *terminal) { io.WriteString(p.keys, "\x03") }, 130},
		{func(p *terminal) { p.Process.Signal(syscall.SIGTERM) }, 143},
	} {
		p := w.terminal(w.command("verify", "-"))
		p.shows("Secret: ")
		within(t, testLimit, "a silent terminal", func() bool { return !p.echoes() })
		signal.send(p)
		w.want(p.ends(testLimit), signal.status)
		if !p.echoes() {
			t.Errorf("after status %d the terminal stays silent", signal.status)
		}
	}
	w.want(w.terminal(w.command("verify", "-", "--no-input")).ends(testLimit), 2)
}

func TestTerminalTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.ok("mint", "alice", "a-user-whose-name-does-not-fit-beside-all-the-rest@example.com", "--create", "-q")
	for columns, width := range map[string]int{"": 100, "90": 90, "75": 75, "0": 100, "x": 100, "1000000000": 300} {
		cmd := w.command("list", "-q")
		cmd.Env = append(w.env, "COLUMNS="+columns)
		p := w.terminalOf(24, 100, cmd)
		w.want(p.ends(testLimit), 0)
		p.shows("alice")
		for line := range strings.Lines(p.screen()) {
			if n := len([]rune(plain(line))) - 1; n > width {
				t.Errorf("COLUMNS=%s: %d columns: %s", columns, n, line)
			}
		}
	}
	// The id, which must be copied, is whole even where nothing else fits.
	cmd := w.command("list", "--user", "alice")
	cmd.Env = append(w.env, "COLUMNS=5")
	p := w.terminal(cmd)
	w.want(p.ends(testLimit), 0)
	p.shows(strings.TrimSpace(w.ok("list", "--user", "alice", "-o", "id")))

	// Each stream for itself: a pipe has no colours and the terminal beside it has.
	for _, env := range []string{"", "NO_COLOR=1", "TERM=dumb"} {
		var stdout bytes.Buffer
		cmd := w.command("show", "drf:99")
		cmd.Env = append(w.env, env)
		cmd.Stdout = &stdout
		p := w.terminal(cmd)
		w.want(p.ends(testLimit), 3)
		p.shows("there is no drf:99")
		if has := strings.Contains(p.screen(), "\x1b"); has != (env == "") || stdout.Len() > 0 {
			t.Errorf("%q: %q", env, p.screen())
		}
	}
	// The preview fits although stdout is a pipe.
	cmd = w.command("rotate", "--staff=false", "--kind", "drf")
	cmd.Stdout = io.Discard
	p = w.terminalOf(24, 100, cmd)
	p.shows("[y/N] ")
	for line := range strings.Lines(p.screen()) {
		if n := len([]rune(plain(line))) - 1; n > 100 {
			t.Errorf("the preview has %d columns: %s", n, line)
		}
	}
	io.WriteString(p.keys, "n\n")
	p.ends(testLimit)
}

// plain is text without colours.
func plain(line string) string {
	for {
		i := strings.IndexByte(line, 0x1b)
		if i < 0 {
			return line
		}
		j := strings.IndexByte(line[i:], 'm')
		if j < 0 {
			return line
		}
		line = line[:i] + line[i+j+1:]
	}
}

// TestTerminalProtected: before rows of a protected database change, a person types the name
// of its context. y is not enough, nor is --yes.
func TestTerminalProtected(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.ok("mint", "alice", "--create", "-q")
		w.env = append(w.env, "XDG_CONFIG_HOME="+w.dir)
		w.ok("context", "add", "shop", "-d", w.url, "--protected")
		for _, flags := range [][]string{{"blacklist", "drf:1"}, {"blacklist", "--user", "alice", "--yes", "-q"}, {"blacklist", "--user", "alice"}} {
			for _, answer := range []string{"y\n", "\n", "yes\n", "shp\n", "SHOP\n"} {
				p := w.terminal(w.command(flags...))
				p.shows("Blacklist 1 credential in " + dbtest.Name(w.url) + "?\nThis database is protected. Type the name of its context, shop: ")
				io.WriteString(p.keys, answer)
				w.want(p.ends(testLimit), 8)
				p.shows("not confirmed; nothing was done")
				w.rows("1", "1")
			}
		}
		p := w.terminal(w.command("user", "password", "alice"))
		p.shows("Change the password of 1 user in ")
		p.shows("shop: ")
		io.WriteString(p.keys, "shop\n")
		p.shows("New password for alice: ")
		io.WriteString(p.keys, "\x03")
		w.want(p.ends(testLimit), 130)
		p = w.terminal(w.command("serve", "--listen", "127.0.0.1:0"))
		p.shows("Type the name of its context, shop: ")
		io.WriteString(p.keys, "no\n")
		w.want(p.ends(testLimit), 8)
		p = w.terminal(w.command("blacklist", "drf:1"))
		p.shows("shop: ")
		io.WriteString(p.keys, "shop\n")
		w.want(p.ends(testLimit), 0)
		p.shows("blacklisted 1 drf token in ")
		w.rows("1", "0")
	})
}
