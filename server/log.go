package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// ServeHTTP answers one request and says so in one line of the log, which holds
// no query, no body and no header: any of them may hold a secret.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	start := time.Now() // how long it takes has nothing to do with --clock
	r := &request{Request: hr, server: s, ctx: hr.Context(), method: strings.ToUpper(hr.Method)}
	answer := s.guarded(r)
	answer.write(w, r.method)
	s.record(r, answer.status, time.Since(start))
}

// guarded answers 500 when something panics.
func (s *Server) guarded(r *request) (answer *response) {
	defer func() {
		if p := recover(); p != nil {
			// The value may quote what the client sent; the trace names only code.
			r.log.reason, r.log.fault = "panic", fmt.Errorf("%T", p)
			r.log.trace = debug.Stack()
			answer = s.errorPage(http.StatusInternalServerError)
		}
	}()
	if answer := s.fault(r.ctx, r.URL.Path); answer != nil {
		r.log.reason = "asked for"
		return answer
	}
	if plain := s.plain[r.URL.Path]; plain != nil {
		if !s.hostAllowed(r.Host) {
			return s.errorPage(http.StatusBadRequest)
		}
		if r.method != http.MethodGet && r.method != http.MethodHead {
			answer := page(http.StatusMethodNotAllowed, "")
			answer.set("Allow", "GET, HEAD")
			return answer
		}
		return plain(r)
	}
	return s.respond(r)
}

// record writes the log line and counts.
func (s *Server) record(r *request, status int, took time.Duration) {
	s.metrics.observe(s.routeOf(r.URL.Path), r.method, status, took)
	result := "ok"
	switch {
	case r.log.failed:
		result = "refused"
	case status >= 500:
		result = "error"
	case status >= 400:
		result = "rejected"
	case r.identity == nil && r.log.user == "":
		result = "anonymous"
	}
	if r.log.kind != "" {
		s.metrics.authenticated(r.log.kind, result)
	}
	if s.Log == nil {
		return
	}
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("method", r.method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("remote", r.address())}
	for _, a := range []slog.Attr{slog.String("kind", r.log.kind), slog.String("credential", r.log.credential), slog.String("user", r.log.user)} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	attrs = append(attrs, slog.String("outcome", result))
	if r.log.reason != "" {
		attrs = append(attrs, slog.String("reason", r.log.reason))
	}
	if r.log.trace != nil {
		attrs = append(attrs, slog.String("type", r.log.fault.Error()), slog.String("trace", string(r.log.trace)))
	}
	s.Log.LogAttrs(context.Background(), level, "request", attrs...)
	if r.log.failed {
		s.suspect(r)
	}
}

// routeOf is a path as metrics name it: what strangers ask for must not make
// metrics without end.
func (s *Server) routeOf(path string) string {
	if s.routes[path] != nil || s.plain[path] != nil {
		return path
	}
	return "other"
}

// suspects counts refused authentications by address and user.
type suspects struct {
	mu    sync.Mutex
	since time.Time
	count map[string]int
}

const (
	suspiciousWindow = time.Minute
	suspiciousAfter  = 5     // refusals in a window
	maxSuspects      = 10000 // in a window; further ones are not told apart
)

// suspect writes one "suspicious" line for an address and user in a window.
func (s *Server) suspect(r *request) {
	key := r.address() + " " + r.log.user
	now := time.Now()
	p := &s.suspects
	p.mu.Lock()
	if now.Sub(p.since) > suspiciousWindow {
		p.since, p.count = now, map[string]int{}
	}
	if _, known := p.count[key]; !known && len(p.count) >= maxSuspects {
		key = "others"
	}
	p.count[key]++
	n := p.count[key]
	p.mu.Unlock()
	if n != suspiciousAfter {
		return
	}
	s.metrics.suspicious.Add(1)
	attrs := []slog.Attr{slog.String("remote", r.address()), slog.Int("failures", n), slog.String("window", suspiciousWindow.String())}
	if r.log.user != "" {
		attrs = append(attrs, slog.String("user", r.log.user))
	}
	s.Log.LogAttrs(context.Background(), slog.LevelWarn, "suspicious", attrs...)
}
