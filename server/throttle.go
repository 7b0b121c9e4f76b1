package server

import (
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Rate is a number of requests in a time, DEFAULT_THROTTLE_RATES' "5/min". The
// zero value does not limit.
type Rate struct {
	Requests int
	Per      time.Duration
}

// ParseRate is SimpleRateThrottle.parse_rate of rest_framework/throttling.py
// (3.16.0): of the period only the first letter counts.
func ParseRate(text string) (Rate, error) {
	number, period, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || period == "" {
		return Rate{}, fmt.Errorf("%q is no rate such as 5/min", text)
	}
	per, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[period[0]]
	if !ok {
		return Rate{}, fmt.Errorf("the period of %q is none of s, m, h and d", text)
	}
	return Rate{Requests: n, Per: per}, nil
}

// Throttles are DEFAULT_THROTTLE_RATES.
type Throttles struct {
	Anon  *Rate // AnonRateThrottle: by address, requests without a user
	User  *Rate // UserRateThrottle: by user, or address
	Login *Rate // ScopedRateThrottle "login": what takes a password
}

// throttle is a SimpleRateThrottle.
type throttle struct {
	scope   string
	rate    *Rate
	exempts bool // users
}

// throttles are what limits a view: DEFAULT_THROTTLE_CLASSES are anon and user.
func (s *Server) throttles(v *view) []throttle {
	var list []throttle
	if !v.unthrottled {
		list = append(list, throttle{"anon", s.Throttles.Anon, true}, throttle{"user", s.Throttles.User, false})
	}
	if v.password {
		list = append(list, throttle{"login", s.Throttles.Login, false})
	}
	return list
}

// limiter is the cache in which DRF keeps the times of requests.
type limiter struct {
	mu      sync.Mutex
	history map[string][]time.Time // oldest first
	sweep   time.Time              // when to look for what is over
}

func newLimiter() *limiter { return &limiter{history: map[string][]time.Time{}} }

// maxThrottled is how many callers are remembered before those that are over are
// looked for.
const maxThrottled = 10000

// checkThrottles is APIView.check_throttles: every throttle counts, also when
// another has refused already.
func (s *Server) checkThrottles(r *request, v *view) error {
	if s.Throttles == (Throttles{}) {
		return nil
	}
	refused, known, wait := false, false, 0.0
	for _, t := range s.throttles(v) {
		key := t.key(r)
		if t.rate == nil || key == "" {
			continue
		}
		ok, seconds, timed := s.limits.allow(key, *t.rate, s.Now())
		refused = refused || !ok
		if !ok && timed {
			known, wait = true, max(wait, seconds)
		}
	}
	if !refused {
		return nil
	}
	s.metrics.throttled.Add(1)
	if !known {
		return throttled(nil)
	}
	n := int(math.Ceil(wait))
	return throttled(&n)
}

// key is get_cache_key; empty where the throttle has nothing to say.
func (t throttle) key(r *request) string {
	if r.identity != nil {
		if t.exempts {
			return ""
		}
		return t.scope + " user " + r.identity.user.ID
	}
	return t.scope + " " + r.ident()
}

// ident is BaseThrottle.get_ident without NUM_PROXIES.
func (r *request) ident() string {
	if forwarded := r.header("X-Forwarded-For"); forwarded != "" {
		return strings.Join(strings.Fields(forwarded), "")
	}
	return r.address()
}

// address is REMOTE_ADDR.
func (r *request) address() string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// allow is SimpleRateThrottle.allow_request and wait.
func (l *limiter) allow(key string, rate Rate, now time.Time) (ok bool, wait float64, timed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tidy(now)
	past := l.history[key]
	for len(past) > 0 && !past[0].After(now.Add(-rate.Per)) {
		past = past[1:]
	}
	if len(past) < rate.Requests {
		l.history[key] = append(past, now)
		return true, 0, false
	}
	l.history[key] = past
	available := rate.Requests - len(past) + 1
	if available <= 0 {
		return false, 0, false
	}
	left := rate.Per
	if len(past) > 0 {
		left -= now.Sub(past[0])
	}
	return false, left.Seconds() / float64(available), true
}

// tidy forgets callers whose last request is a day old, which no rate counts.
func (l *limiter) tidy(now time.Time) {
	if len(l.history) < maxThrottled || now.Before(l.sweep) {
		return
	}
	l.sweep = now.Add(time.Minute)
	for key, past := range l.history {
		if len(past) == 0 || now.Sub(past[len(past)-1]) >= 24*time.Hour {
			delete(l.history, key)
		}
	}
}
