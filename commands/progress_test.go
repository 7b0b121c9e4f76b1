package commands

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// screen is what a person sees of a terminal that obeys only \r and \n.
func screen(written string) string {
	var lines []string
	for line := range strings.SplitSeq(written, "\n") {
		var shown []byte
		for _, part := range strings.Split(line, "\r") {
			shown = append([]byte(part), shown[min(len(part), len(shown)):]...)
		}
		lines = append(lines, strings.TrimRight(string(shown), " "))
	}
	return strings.Join(lines, "\n")
}

// Progress speaks up after a second on a terminal, and every ten seconds
// elsewhere, where that was asked for.
func TestProgress(t *testing.T) {
	const terminal, noTerminal = true, false
	for _, test := range []struct {
		name     string
		terminal bool
		g        globals
		env      []string
		total    int64
		want     string // after 12.5 seconds at 100 a second
	}{
		{"terminal", terminal, globals{}, nil, 2000, "minting: 1240 of 2000, 100 a second, 8s left"},
		{"total_unknown", terminal, globals{}, nil, 0, "minting: 1240, 100 a second"},
		{"past_the_total", terminal, globals{}, nil, 1000, "minting: 1240 of 1000, 100 a second"},
		{"narrow", terminal, globals{}, []string{"COLUMNS", "20"}, 2000, "minting: 1240 of 20"},
		{"no_colour", terminal, globals{color: "never"}, nil, 2000, "minting: 1240 of 2000, 100 a second, 8s left"},
		{"dumb", terminal, globals{}, []string{"TERM", "dumb"}, 2000, ""},
		{"dumb_verbose", terminal, globals{verbose: true}, []string{"TERM", "dumb"}, 2000, "minting: 1000 of 2000, 100 a second, 10s left\n"},
		{"quiet", terminal, globals{quiet: true}, nil, 2000, ""},
		{"json", noTerminal, globals{output: "json", verbose: true}, nil, 2000, ""},
		{"log", noTerminal, globals{verbose: true}, nil, 2000, "minting: 1000 of 2000, 100 a second, 10s left\n"},
		{"log_quiet", noTerminal, globals{verbose: true, quiet: true}, nil, 2000, ""},
		{"silent", noTerminal, globals{}, nil, 2000, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var written strings.Builder
				a := app(test.g, test.env...)
				a.Stderr, a.Term.Stderr = &written, test.terminal
				a.shareTerminal()
				p := a.progress("minting", test.total)
				defer p.done()
				for range 125 {
					time.Sleep(50 * time.Millisecond) // never when a line is due
					p.add(10)
					time.Sleep(50 * time.Millisecond)
				}
				synctest.Wait()
				if got := screen(written.String()); got != test.want {
					t.Errorf("shows %q, want %q", got, test.want)
				}
				if strings.Contains(written.String(), "\x1b") {
					t.Errorf("an escape sequence in %q", written.String())
				}
				p.done()
				p.done()
				if got, want := screen(written.String()), test.want[:strings.LastIndex(test.want, "\n")+1]; got != want {
					t.Errorf("leaves %q, want %q", got, want)
				}
				before := written.Len()
				time.Sleep(time.Minute)
				if written.Len() != before {
					t.Errorf("goes on after its end: %q", written.String()[before:])
				}
			})
		})
	}
}

func TestProgressWithinASecond(t *testing.T) {
	for _, g := range []globals{{}, {verbose: true}} {
		synctest.Test(t, func(t *testing.T) {
			var written strings.Builder
			a := app(g)
			a.Stderr, a.Term.Stderr = &written, true
			a.shareTerminal()
			p := a.progress("minting", 2)
			p.add(1)
			time.Sleep(999 * time.Millisecond)
			p.done()
			if written.Len() > 0 {
				t.Errorf("%q", written.String())
			}
		})
	}
}

// display is a terminal that several goroutines write to.
type display struct {
	mu      sync.Mutex
	written strings.Builder
}

func (d *display) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.written.Write(b)
}

// Whatever is written while the line stands begins in a clean one, on both
// streams, and the line comes back below.
func TestProgressBesideOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tty display
		a := app(globals{color: "never"})
		a.Stdout, a.Stderr, a.Term.Stdout, a.Term.Stderr = &tty, &tty, true, true
		a.shareTerminal()
		p := a.progress("hashing", 3)
		step := func(write func()) {
			time.Sleep(2 * time.Second)
			p.add(1)
			synctest.Wait()
			write()
		}
		step(func() { a.say("a remark") })
		step(func() { fmt.Fprintln(a.Stdout, "a row") })
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := screen(tty.written.String()), "a remark\na row\nhashing: 2 of 3, 0.4 a second, 3s left"; got != want {
			t.Errorf("shows %q, want %q", got, want)
		}
		a.line.stop()
		time.Sleep(time.Second)
		a.complain(usage("wrong", ""))
		p.done()
		if got, want := screen(tty.written.String()), "a remark\na row\ntokenctl: wrong\n"; got != want {
			t.Errorf("shows %q, want %q", got, want)
		}
	})
}

func TestProgressConcurrently(t *testing.T) {
	t.Parallel()
	a := app(globals{})
	p := a.progress("hashing", 0)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 1000 {
				p.add(2)
			}
		})
	}
	workers.Wait()
	p.done()
	if got := p.String(); !strings.HasPrefix(got, "hashing: 8000") {
		t.Error(got)
	}
}
