package server

import (
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of requests in a period, such as "5/min" in DEFAULT_THROTTLE_RATES. The
// zero value does not limit.
type Rate struct {
	Requests int
	Per      time.Duration
}

// ParseRate is SimpleRateThrottle.parse_rate of rest_framework/throttling.py (3.16.0): only the first letter
// of the period counts. Unlike the peer it refuses numbers of requests that would take much memory.
func ParseRate(text string) (Rate, error) {
	number, period, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || period == "" {
		return Rate{}, fmt.Errorf("%q is not a rate such as 5/min", text)
	}
	if n > maxTimes {
		return Rate{}, fmt.Errorf("%q counts more than %d requests", text, maxTimes)
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
	Login *Rate // ScopedRateThrottle "login": views that accept a password
}

// throttle is a SimpleRateThrottle.
type throttle struct {
	scope   string
	rate    *Rate
	exempts bool // authenticated users are not limited
}

// throttles returns the throttles of a view. DEFAULT_THROTTLE_CLASSES are anon and user.
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

// checkThrottles is APIView.check_throttles: every throttle counts the request, even after another one has
// refused it.
func (s *Server) checkThrottles(r *request, v *view) error {
	if s.Throttles == (Throttles{}) {
		return nil
	}
	exceeded, known, wait := false, false, 0.0
	for _, t := range s.throttles(v) {
		key := t.key(r)
		if t.rate == nil || key == "" {
			continue
		}
		ok, seconds, timed := s.limits.allow(t.scope, key, *t.rate, s.Now())
		exceeded = exceeded || !ok
		if !ok && timed {
			known, wait = true, max(wait, seconds)
		}
	}
	if !exceeded {
		return nil
	}
	s.metrics.throttled.Add(1)
	if !known {
		return throttled(nil)
	}
	n := int(math.Ceil(wait))
	return throttled(&n)
}

// key is get_cache_key. It is empty if the throttle does not limit the request.
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
