package server

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// logRequest writes the log line of a request and counts the request.
func (s *Server) logRequest(r *request, status int, took time.Duration) {
	route, method := s.routeOf(r.URL.Path), methodOf(r.method)
	s.metrics.observe(route, method, status, took)
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
	attrs := []slog.Attr{slog.String("method", method), slog.String("path", route), slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("remote", r.address())}
	for _, a := range []slog.Attr{slog.String("kind", r.log.kind), slog.String("credential", r.log.credential), slog.String("user", r.log.user)} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	attrs = append(attrs, slog.String("outcome", result))
	if r.log.reason != "" {
		attrs = append(attrs, slog.String("reason", string(r.log.reason)))
	}
	if r.log.fault != "" {
		attrs = append(attrs, slog.String("type", r.log.fault))
	}
	if r.log.trace != nil {
		attrs = append(attrs, slog.String("trace", string(r.log.trace)))
	}
	s.Log.LogAttrs(context.Background(), level, "request", attrs...)
	if r.log.failed {
		s.suspect(r)
	}
}

// ErrorLog returns the logger for an http.Server's errors of connections. These errors may quote a client,
// for example the protocols of a TLS handshake, so only their kind is logged.
func (s *Server) ErrorLog() *log.Logger { return log.New(connectionLog{s.Log}, "", 0) }

type connectionLog struct{ to *slog.Logger }

// Write implements io.Writer: it logs one line of the standard logger of net/http.
func (c connectionLog) Write(line []byte) (int, error) {
	why := reason("the connection failed")
	switch {
	case bytes.HasPrefix(line, []byte("http: TLS handshake error")):
		why = "the TLS handshake failed"
	case bytes.HasPrefix(line, []byte("http: Accept error")):
		why = "no connection could be accepted"
	}
	c.to.LogAttrs(context.Background(), slog.LevelWarn, "connection", slog.String("reason", string(why)))
	return len(line), nil
}

// other replaces paths and methods that the server does not have, in the log and in the metrics. A client
// can invent any number of them, and they may contain secrets.
const other = "other"

func (s *Server) routeOf(path string) string {
	if s.routes[path] != nil || s.ownPages[path] != nil {
		return path
	}
	return other
}

func methodOf(method string) string {
	if slices.Contains(methodOrder, method) {
		return method
	}
	return other
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
	maxSuspects      = 10000 // in a window; all further ones count as one
)

// suspect writes at most one line "suspicious" for each address and user in a window.
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
