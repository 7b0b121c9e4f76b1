package commands

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"tokenctl"
)

// repeat shows at the terminal what show writes, with what it says, again after each
// pause, until the command is interrupted. What is longer than the screen is cut.
func (a *App) repeat(ctx context.Context, pause time.Duration, show func() error) error {
	terminal := a.Stdout
	var screen bytes.Buffer
	a.Stdout, a.remarksTo = &screen, &screen
	defer func() { a.Stdout, a.remarksTo = terminal, nil }()
	for {
		screen.Reset()
		a.noted.Clear()
		fmt.Fprintf(&screen, "every %s, %s\n", tokenctl.Duration{Duration: pause}, a.Now().UTC().Format(time.RFC3339))
		if err := show(); err != nil {
			return err
		}
		if _, err := terminal.Write([]byte(a.redrawn(screen.String()))); err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// redrawn is a text that replaces what is on the screen. Where no escape sequences are
// wanted, it follows what is there.
func (a *App) redrawn(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if most := a.Term.Height - 1; a.Term.Height > 1 && len(lines) > most {
		lines = append(lines[:most-1], "… "+count(len(lines)-most+1, "more line"))
	}
	if !a.colored(true) || a.Getenv("TERM") == "" {
		return strings.Join(lines, "\n") + "\n\n"
	}
	const home, endOfLine, below = "\x1b[H", "\x1b[K\n", "\x1b[J"
	return home + strings.Join(lines, endOfLine) + endOfLine + below
}
