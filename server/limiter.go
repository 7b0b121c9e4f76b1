package server

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// limiter is the cache in which DRF stores the times of requests. A client can invent callers with
// X-Forwarded-For, so the memory is limited. A caller is forgotten after the period of its rate, and the
// limiter remembers at most maxThrottled callers and maxTimes requests. Requests beyond these limits count
// together, as one more caller in each scope. So a client that invents callers is limited too, and known
// callers keep their own counts.
type limiter struct {
	mu      sync.Mutex
	callers map[[sha256.Size]byte]*list.Element
	recent  map[time.Duration]*list.List // callers by period, in the order in which they are forgotten
	times   int                          // the number of times of these callers
	others  map[string]*caller           // by scope
}

// caller has the requests of one caller in a scope.
type caller struct {
	key   [sha256.Size]byte // a hash, so that all callers take the same memory
	times []time.Time       // of the allowed requests, oldest first
}

const (
	maxThrottled = 10_000
	maxTimes     = 100_000
)

func newLimiter() *limiter {
	return &limiter{callers: map[[sha256.Size]byte]*list.Element{}, recent: map[time.Duration]*list.List{}, others: map[string]*caller{}}
}

// allow is SimpleRateThrottle.allow_request and wait.
func (l *limiter) allow(scope, key string, rate Rate, now time.Time) (ok bool, wait float64, timed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	id := sha256.Sum256([]byte(key))
	known := l.callers[id]
	c := &caller{key: id}
	if known != nil {
		c = known.Value.(*caller)
		l.times -= c.drop(rate, now)
	}
	full := l.times >= maxTimes || known == nil && len(l.callers) >= maxThrottled
	if full && len(c.times) < rate.Requests {
		if c = l.others[scope]; c == nil {
			c = &caller{}
			l.others[scope] = c
		}
		c.drop(rate, now)
	}
	if len(c.times) < rate.Requests {
		c.times = append(c.times, now)
		if !full {
			l.remember(c, known, rate.Per)
		}
		return true, 0, false
	}
	available := rate.Requests - len(c.times) + 1
	if available <= 0 {
		return false, 0, false
	}
	remaining := rate.Per
	if len(c.times) > 0 {
		remaining -= now.Sub(c.times[0])
	}
	return false, remaining.Seconds() / float64(available), true
}

// remember moves a caller to the end of the callers of its period, with one more request.
func (l *limiter) remember(c *caller, known *list.Element, period time.Duration) {
	l.times++
	if known != nil {
		l.recent[period].MoveToBack(known)
		return
	}
	if l.recent[period] == nil {
		l.recent[period] = list.New()
	}
	l.callers[c.key] = l.recent[period].PushBack(c)
}

// forget removes the callers whose last request no longer counts.
func (l *limiter) forget(now time.Time) {
	for period, recent := range l.recent {
		for e := recent.Front(); e != nil; e = recent.Front() {
			c := e.Value.(*caller)
			if len(c.times) > 0 && c.times[len(c.times)-1].After(now.Add(-period)) {
				break
			}
			recent.Remove(e)
			delete(l.callers, c.key)
			l.times -= len(c.times)
		}
	}
}

// drop removes the times that no longer count, and returns their number.
func (c *caller) drop(rate Rate, now time.Time) (n int) {
	for n < len(c.times) && !c.times[n].After(now.Add(-rate.Per)) {
		n++
	}
	c.times = c.times[n:]
	return n
}
