package server

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

// Faults are failures that the server produces on purpose, for tests of its clients. The zero value has
// none.
type Faults struct {
	Delay time.Duration  // before every answer
	Rate  float64        // the share of requests that fail with 503, between 0 and 1
	Paths map[string]int // the status of all answers for a path
}

// fault returns the answer to a request that must fail, and nil for other requests. Health and metrics
// describe the server itself, so they do not fail.
func (s *Server) fault(ctx context.Context, path string) *response {
	f := s.Faults
	if path == healthPath || path == metricsPath {
		return nil
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
		}
	}
	status := f.Paths[path]
	if status == 0 && f.Rate > 0 && rand.Float64() < f.Rate {
		status = http.StatusServiceUnavailable
	}
	if status == 0 {
		return nil
	}
	return &response{status: status, rendered: true, contentType: "text/plain; charset=utf-8", body: []byte("This failure was asked for.\n")}
}
