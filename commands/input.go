package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tokenctl"
	"tokenctl/tokens"
)

// maxLine bounds a line of input, in bytes: the longest secret is a JWT, and servers
// accept JWTs of about 8 KiB.
const maxLine = 64 << 10

// readLines reads lines until the end of input or of ctx.
func readLines(ctx context.Context, from io.Reader, name string) ([]string, error) {
	limited := &io.LimitedReader{R: patientReader{ctx, from}, N: maxInput}
	text, err := unmarked(limited, name)
	if err != nil {
		return nil, err
	}
	var lines []string
	s := bufio.NewScanner(text)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		// If files are concatenated, a byte order mark can come in the middle.
		lines = append(lines, strings.TrimPrefix(s.Text(), tokenctl.Mark))
	}
	switch {
	case errors.Is(s.Err(), bufio.ErrTooLong):
		return nil, usage("a line of "+name+" is longer than 64 KiB", "")
	case limited.N == 0:
		return nil, usage(fmt.Sprintf("%s is longer than %d MiB", name, maxInput>>20), "")
	}
	return lines, s.Err()
}

// readNames reads user names, one on each line. The path - means standard input.
func (a *App) readNames(ctx context.Context, path string) ([]string, error) {
	from, name := a.Stdin, "standard input"
	if path != "-" {
		name = path
		f, err := openInput(ctx, path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	lines, err := readLines(ctx, from, name)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		if line == "" {
			return nil, usage(name+" has an empty line", "remove it")
		}
		if found := tokenctl.Invisible(line); found != "" {
			return nil, usage(fmt.Sprintf("line %d of %s has %s in it", i+1, name, found), "remove it; --user-id finds a user whose name really has it")
		}
		if tokens.Recognized(line) {
			return nil, usage(name+" holds something that looks like a secret, not names", "")
		}
	}
	return lines, nil
}

func dedupe(list []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
