package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"tokenctl/output"
	"tokenctl/server"
)

// The log of serve is a line on stderr for every request. A person at a terminal gets a
// short one in colour, a program JSON; --log-format chooses. What may stand in it, and no
// secret may, is decided in package server.

var logFormats = []string{"short", "logfmt", "json"}

// logger writes the log in the form asked for.
func (o *serveOptions) logger() (*slog.Logger, error) {
	a := o.app
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if a.global.quiet {
		options.Level = slog.LevelError
	}
	format := o.logFormat
	if format == "" {
		format = "json"
		if a.Term.Stderr {
			format = "short"
		}
	}
	switch format {
	case "short":
		return slog.New(&shortLog{to: a.Stderr, level: options.Level.Level(), colored: a.colored(a.Term.Stderr), mu: new(sync.Mutex)}), nil
	case "logfmt":
		return slog.New(slog.NewTextHandler(a.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.Stderr, options)), nil
	}
	return nil, usage("--log-format is "+listed(logFormats, "or"), "")
}

// shortLog is a log for a person who watches: 15:04:05Z 401 GET /test_auth/ 0.4ms no such
// token.
type shortLog struct {
	to      io.Writer
	level   slog.Level
	colored bool
	mu      *sync.Mutex
	attrs   []slog.Attr
}

var _ slog.Handler = (*shortLog)(nil)

// Enabled implements slog.Handler.
func (l *shortLog) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// WithAttrs implements slog.Handler.
func (l *shortLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *l
	with.attrs = slices.Concat(l.attrs, attrs)
	return &with
}

// WithGroup implements slog.Handler. A short line has no room for names of groups.
func (l *shortLog) WithGroup(string) slog.Handler { return l }

// Handle implements slog.Handler: it writes one line, and below it where a panic was.
func (l *shortLog) Handle(_ context.Context, r slog.Record) error {
	of := map[string]slog.Value{}
	var names []string
	take := func(a slog.Attr) bool {
		of[a.Key] = a.Value
		names = append(names, a.Key)
		return true
	}
	for _, a := range l.attrs {
		take(a)
	}
	r.Attrs(take)
	line := l.paint("2", r.Time.UTC().Format("15:04:05Z"))
	add := func(words ...string) {
		for _, word := range words {
			if word != "" {
				line += " " + output.Visible(word)
			}
		}
	}
	text := func(name string) string {
		if v, ok := of[name]; ok {
			return v.String()
		}
		return ""
	}
	if status, request := of["status"]; request {
		line += " " + l.paint(statusColor(status.Int64()), status.String())
		took := time.Duration(of["duration_ms"].Float64() * float64(time.Millisecond))
		add(fmt.Sprintf("%-4s", text("method")), text("path"), shortTime(took), text("user"), text("credential"), text("reason"), text("type"))
	} else {
		line += " " + l.paint("33", "warning")
		add(r.Message)
		for _, name := range names {
			add(name + "=" + text(name))
		}
	}
	line += "\n"
	if trace := text("trace"); trace != "" {
		for part := range strings.Lines(trace) {
			line += output.Visible(strings.TrimRight(part, "\n")) + "\n"
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.to, line)
	return err
}

// paint writes a text in a colour, given by the parameters of its SGR sequence.
func (l *shortLog) paint(color, text string) string {
	if !l.colored {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func statusColor(status int64) string {
	switch {
	case status >= 500:
		return "1;31"
	case status >= 400:
		return "33"
	case status >= 300:
		return "36"
	}
	return "32"
}

// shortTime is like 0.4ms, 12ms or 1.2s.
func shortTime(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// tellPaths says which paths are answered, a line or a few for each set of methods.
func (a *App) tellPaths(paths []server.Path) {
	var rows [][2]string
	for _, p := range paths {
		i := slices.IndexFunc(rows, func(row [2]string) bool { return row[0] == p.Methods })
		if i < 0 {
			rows = append(rows, [2]string{p.Methods, p.Path})
			continue
		}
		rows[i][1] += " " + p.Path
	}
	for line := range strings.Lines(definitions(rows, a.width())) {
		a.say("%s", strings.TrimRight(line, "\n"))
	}
}
