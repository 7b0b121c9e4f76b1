package server

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// metrics are the server's counters for Prometheus.
type metrics struct {
	throttled  atomic.Int64
	suspicious atomic.Int64

	mu       sync.Mutex
	requests map[requestLabels]int64
	latency  map[string]*histogram // by path
	auth     map[authLabels]int64
}

type requestLabels struct {
	path, method string
	status       int
}

type authLabels struct{ kind, outcome string }

// latencyBuckets are upper bounds in seconds: the defaults of Prometheus clients, and smaller ones, because
// most answers take less than a millisecond.
var latencyBuckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

type histogram struct {
	counts []int64 // by bucket; the last one is for times beyond the largest bound
	sum    float64
}

func newMetrics() *metrics {
	return &metrics{requests: map[requestLabels]int64{}, latency: map[string]*histogram{}, auth: map[authLabels]int64{}}
}

// observe counts one request.
func (m *metrics) observe(path, method string, status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests[requestLabels{path, method, status}]++
	h := m.latency[path]
	if h == nil {
		h = &histogram{counts: make([]int64, len(latencyBuckets)+1)}
		m.latency[path] = h
	}
	i, _ := slices.BinarySearch(latencyBuckets, took.Seconds())
	h.counts[i]++
	h.sum += took.Seconds()
}

// authenticated counts one authentication.
func (m *metrics) authenticated(kind, outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.auth[authLabels{kind, outcome}]++
}

// metricsPage answers in the text format of Prometheus, version 0.0.4. Paths are the server's own routes,
// so no value needs escaping.
func (s *Server) metricsPage(*request) *response {
	m := s.metrics
	var b bytes.Buffer
	head := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	m.mu.Lock()
	defer m.mu.Unlock()
	head("tokenctl_http_requests_total", "counter", "Requests answered.")
	for _, l := range slices.SortedFunc(maps.Keys(m.requests), func(a, b requestLabels) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method), cmp.Compare(a.status, b.status))
	}) {
		fmt.Fprintf(&b, "tokenctl_http_requests_total{path=%q,method=%q,status=\"%d\"} %d\n", l.path, l.method, l.status, m.requests[l])
	}
	head("tokenctl_http_request_duration_seconds", "histogram", "How long requests took.")
	for _, path := range slices.Sorted(maps.Keys(m.latency)) {
		h, total := m.latency[path], int64(0)
		for i, n := range h.counts {
			total += n
			bound := "+Inf"
			if i < len(latencyBuckets) {
				bound = strconv.FormatFloat(latencyBuckets[i], 'g', -1, 64)
			}
			fmt.Fprintf(&b, "tokenctl_http_request_duration_seconds_bucket{path=%q,le=%q} %d\n", path, bound, total)
		}
		fmt.Fprintf(&b, "tokenctl_http_request_duration_seconds_sum{path=%q} %g\n", path, h.sum)
		fmt.Fprintf(&b, "tokenctl_http_request_duration_seconds_count{path=%q} %d\n", path, total)
	}
	head("tokenctl_authentications_total", "counter", "Credentials that were shown, by kind and outcome.")
	for _, l := range slices.SortedFunc(maps.Keys(m.auth), func(a, b authLabels) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.outcome, b.outcome))
	}) {
		fmt.Fprintf(&b, "tokenctl_authentications_total{kind=%q,outcome=%q} %d\n", l.kind, l.outcome, m.auth[l])
	}
	head("tokenctl_throttled_total", "counter", "Requests that a throttle refused.")
	fmt.Fprintf(&b, "tokenctl_throttled_total %d\n", m.throttled.Load())
	head("tokenctl_suspicious_total", "counter", "Addresses and users whose authentications failed repeatedly.")
	fmt.Fprintf(&b, "tokenctl_suspicious_total %d\n", m.suspicious.Load())
	return &response{status: http.StatusOK, rendered: true, contentType: "text/plain; version=0.0.4; charset=utf-8", body: b.Bytes()}
}
