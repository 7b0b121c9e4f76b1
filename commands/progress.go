package commands

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress tells on stderr how far long work is: on a terminal in one line that
// is written over and over, once the work takes longer than a second; elsewhere
// with -v as a line every ten seconds.
type progress struct {
	app     *App
	verb    string // what is done: "minting"
	total   int64  // 0: unknown
	did     atomic.Int64
	more    func(time.Duration) string // says it in other words, after so long
	started time.Time
	end     func()
}

// progress begins to tell of work that has total parts, or nobody knows how
// many when total is 0. Whatever else is written meanwhile finds a clean line.
func (a *App) progress(verb string, total int64) *progress {
	return (&progress{app: a, verb: verb, total: total}).begin()
}

func (p *progress) begin() *progress {
	a := p.app
	p.started, p.end = a.Now(), func() {}
	switch {
	case a.global.quiet || a.remarks() != a.Stderr: // nobody sees now what waits for the end
	case a.Term.Stderr && a.Getenv("TERM") != "dumb":
		p.every(200*time.Millisecond, p.draw)
	case a.global.verbose:
		p.every(10*time.Second, func() { a.say("%s", p) })
	}
	return p
}

// add counts n parts more as done. Several goroutines may call it.
func (p *progress) add(n int64) { p.did.Add(n) }

// done ends the telling and removes the line from the terminal. It may be called
// again.
func (p *progress) done() { p.end() }

// every calls tell at each interval until done.
func (p *progress) every(interval time.Duration, tell func()) {
	quit, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				tell()
			case <-quit:
				return
			}
		}
	}()
	p.end = sync.OnceFunc(func() {
		close(quit)
		<-finished
		p.app.line.erase()
	})
}

func (p *progress) draw() {
	a := p.app
	if a.Now().Sub(p.started) < time.Second {
		return
	}
	text := p.String()
	if width := a.width(); width > 0 {
		text = text[:min(len(text), width-1)] // a line that wraps could not be written over
	}
	a.line.show(text)
}

// String is like "minting: 200 of 2000, 100 a second, 18s left".
func (p *progress) String() string {
	did, taken := p.did.Load(), p.app.Now().Sub(p.started)
	if p.more != nil {
		return p.verb + ": " + p.more(taken)
	}
	text := fmt.Sprintf("%s: %d", p.verb, did)
	if p.total > 0 {
		text += fmt.Sprintf(" of %d", p.total)
	}
	if did == 0 || taken <= 0 {
		return text
	}
	rate := float64(did) / taken.Seconds()
	digits := 0
	if rate < 10 {
		digits = 1
	}
	text += fmt.Sprintf(", %.*f a second", digits, rate)
	if did < p.total {
		left := time.Duration(float64(p.total-did) / rate * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

// progressLine is the line of the terminal that progress stands in.
type progressLine struct {
	mu    sync.Mutex
	to    io.Writer
	width int  // of what stands there
	ended bool // nothing is to stand there any more
}

// show replaces what stands in the line. Blanks cover the rest of it: not every
// terminal obeys escape sequences.
func (l *progressLine) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	fmt.Fprint(l.to, "\r"+text+strings.Repeat(" ", max(0, l.width-len(text))))
	l.width = len(text)
}

func (l *progressLine) erase() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
}

func (l *progressLine) clear() {
	if l.width > 0 {
		fmt.Fprint(l.to, "\r"+strings.Repeat(" ", l.width)+"\r")
		l.width = 0
	}
}

// stop erases the line for good.
func (l *progressLine) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	l.ended = true
}

// shareTerminal makes everything that is written to the terminal find the line
// of progress erased.
func (a *App) shareTerminal() {
	a.line.to = a.Stderr
	a.Stderr = &beside{&a.line, a.Stderr, true}
	if a.Term.Stdout && a.Term.Stderr {
		a.Stdout = &beside{&a.line, a.Stdout, false}
	}
}

// beside is a writer to the terminal on which a line of progress may stand.
type beside struct {
	line  *progressLine
	to    io.Writer
	apart bool // nothing of the line may be written meanwhile; stdout may block for long
}

func (w *beside) Write(b []byte) (int, error) {
	w.line.mu.Lock()
	w.line.clear()
	if !w.apart {
		w.line.mu.Unlock()
		return w.to.Write(b)
	}
	defer w.line.mu.Unlock()
	return w.to.Write(b)
}
