package commands

import (
	"fmt"
	"strings"
	"time"

	"tokenctl/tokens"
)

// purgeMeter tells how far a long purge is: in one line on a terminal, once it
// takes longer than a second; as a line every ten seconds elsewhere with -v.
type purgeMeter struct {
	app           *App
	total, done   int64
	started, told time.Time
	width         int // of the line on the terminal
}

func (m *purgeMeter) add(k *tokens.Kind, n int64) {
	m.done += n
	a, now := m.app, m.app.Now()
	taken := now.Sub(m.started)
	onTerminal := a.Term.Stderr && !a.global.quiet && !a.jsonErrors()
	switch {
	case onTerminal && (taken < time.Second || now.Sub(m.told) < 200*time.Millisecond):
		return
	case !onTerminal && (!a.global.verbose || now.Sub(m.told) < 10*time.Second):
		return
	}
	m.told = now
	line := fmt.Sprintf("purging %s: %d of %d rows, %.0f a second", k.Title, m.done, m.total, float64(m.done)/taken.Seconds())
	if !onTerminal {
		a.explain("%s", line)
		return
	}
	// Blanks instead of an escape sequence, which not every terminal obeys.
	blanks := strings.Repeat(" ", max(0, m.width-len(line)))
	m.width = len(line)
	fmt.Fprint(a.Stderr, "\r"+line+blanks)
}

// clear removes the line from the terminal.
func (m *purgeMeter) clear() {
	if m.width > 0 {
		fmt.Fprint(m.app.Stderr, "\r"+strings.Repeat(" ", m.width)+"\r")
		m.width = 0
	}
}
