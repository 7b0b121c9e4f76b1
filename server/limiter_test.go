package server

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// remembered is what a limiter holds: callers, and times of requests.
func (l *limiter) remembered() (callers, times int) {
	for _, recent := range l.recent {
		for e := recent.Front(); e != nil; e = e.Next() {
			callers++
			times += len(e.Value.(*caller).times)
		}
	}
	for _, c := range l.others {
		times += len(c.times)
	}
	return callers, times
}

// A caller is forgotten when the period of the rate is over, not later and not
// earlier, whatever the period.
func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_700_000_000, 0)
	for _, period := range []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		l, rate := newLimiter(), Rate{2, period}
		for i := range 5000 {
			l.allow("anon", fmt.Sprint("a", i), rate, start)
		}
		for range 2 {
			l.allow("anon", "late", rate, start.Add(period/2))
		}
		if callers, times := l.remembered(); callers != 5001 || times != 5002 || len(l.callers) != callers || l.times != times {
			t.Errorf("%v: %d callers and %d times of %d", period, callers, times, l.times)
		}
		l.allow("anon", "b", rate, start.Add(period-1))
		if callers, _ := l.remembered(); callers != 5002 {
			t.Errorf("%v: %d callers before the period is over", period, callers)
		}
		if ok, _, _ := l.allow("anon", "late", rate, start.Add(period)); ok {
			t.Errorf("%v: what still counts is forgotten", period)
		}
		if callers, times := l.remembered(); callers != 2 || times != 3 || len(l.callers) != callers || l.times != times {
			t.Errorf("%v: %d callers and %d times are left", period, callers, times)
		}
		// Half a period later one of them is left.
		if ok, _, _ := l.allow("anon", "late", rate, start.Add(period+period/2)); !ok {
			t.Errorf("%v: a caller is not forgotten", period)
		}
		if callers, times := l.remembered(); callers != 2 || times != 2 {
			t.Errorf("%v: %d callers and %d times in the end", period, callers, times)
		}
	}
}

// Periods do not keep each other's callers.
func TestLimiterPeriods(t *testing.T) {
	t.Parallel()
	start, l := time.Unix(1_700_000_000, 0), newLimiter()
	l.allow("anon", "a", Rate{5, 24 * time.Hour}, start)
	for i := range 100_000 {
		l.allow("login", fmt.Sprint("b", i), Rate{5, time.Second}, start.Add(time.Duration(i)*time.Millisecond))
	}
	if callers, times := l.remembered(); callers != 1001 || times != 1001 {
		t.Errorf("%d callers and %d times", callers, times)
	}
}

// However many callers there are, and however long their names, memory has a bound,
// and at the bound nobody is free of the limit: those who are known keep their count,
// and all others share one.
// It counts memory, so no other test runs beside it.
func TestLimiterBounds(t *testing.T) {
	start, l, rate := time.Unix(1_700_000_000, 0), newLimiter(), Rate{3, time.Hour}
	l.allow("anon", "known", rate, start)
	long := strings.Repeat("x", 30<<10)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	allowed := 0
	for i := range 300_000 {
		if ok, _, _ := l.allow("anon", fmt.Sprint(i, long[:i%100]), rate, start.Add(time.Duration(i))); ok {
			allowed++
		}
	}
	l.allow("anon", long, rate, start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	callers, times := l.remembered()
	if callers != maxThrottled || times != maxThrottled+rate.Requests || allowed != maxThrottled-1+rate.Requests {
		t.Errorf("%d callers, %d times, %d requests were allowed", callers, times, allowed)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d bytes for them", grown)
	}
	for i, want := range []bool{true, true, false, false} {
		if ok, wait, timed := l.allow("anon", "known", rate, start.Add(time.Minute)); ok != want || !ok && (!timed || wait <= 0 || wait > 3600) {
			t.Errorf("request %d of the one who is known: %v, %v", i+2, ok, wait)
		}
	}
	// Other scopes have a count of their own, and a rate of none stays none.
	for i, want := range []bool{true, true, true, false} {
		if ok, _, _ := l.allow("login", fmt.Sprint("new", i), rate, start); ok != want {
			t.Errorf("login %d: %v", i, ok)
		}
	}
	if ok, _, _ := l.allow("user", "new", Rate{0, time.Hour}, start); ok {
		t.Error("a rate of 0 allows a request")
	}
	// When the period is over all is as before.
	later := start.Add(2 * time.Hour)
	for i, want := range []bool{true, true, true, false} {
		if ok, _, _ := l.allow("anon", "new", rate, later); ok != want {
			t.Errorf("request %d after the period: %v", i+1, ok)
		}
	}
	if callers, _ := l.remembered(); callers != 1 {
		t.Errorf("%d callers after the period", callers)
	}
}

// The times of a few callers with a high rate have a bound, too.
func TestLimiterTimes(t *testing.T) {
	t.Parallel()
	start, l, rate := time.Unix(1_700_000_000, 0), newLimiter(), Rate{maxTimes / 2, 24 * time.Hour}
	allowed := 0
	for i := range 5 * maxTimes {
		if ok, _, _ := l.allow("user", fmt.Sprint(i%10), rate, start); ok {
			allowed++
		}
	}
	if _, times := l.remembered(); times != maxTimes+rate.Requests || allowed != times {
		t.Errorf("%d times, %d requests were allowed", times, allowed)
	}
	if _, err := ParseRate(fmt.Sprint(maxTimes+1, "/day")); err == nil {
		t.Error("a rate may take any memory")
	}
}

// The clients that look suspicious have a bound, too.
func TestSuspectsBound(t *testing.T) {
	t.Parallel()
	s := &Server{metrics: newMetrics(), Config: Config{Log: discard()}}
	for i := range 3 * maxSuspects {
		r := requestFrom(fmt.Sprintf("[2001:db8::%x:%x]:1", i>>16, i&0xffff))
		s.suspect(r)
	}
	if n := len(s.suspects.count); n != maxSuspects+1 {
		t.Errorf("%d are told apart", n)
	}
}
