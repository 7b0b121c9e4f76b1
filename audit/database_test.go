package audit

import (
	"testing"
	"time"
)

// TestSkew: the time that the answer takes is no difference of the clocks.
func TestSkew(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	after := before.Add(2 * time.Second)
	for _, test := range []struct {
		there time.Time
		by    time.Duration
		how   string
	}{
		{before, 0, "behind"}, {before.Add(time.Second), 0, "behind"}, {after, 0, "behind"},
		{after.Add(5 * time.Second), 5 * time.Second, "ahead of"}, {after.Add(5*time.Second + time.Microsecond), 5*time.Second + time.Microsecond, "ahead of"},
		{before.Add(-5 * time.Second), 5 * time.Second, "behind"}, {before.Add(-5*time.Second - time.Microsecond), 5*time.Second + time.Microsecond, "behind"},
	} {
		if by, how := skew(before, test.there, after); by != test.by || how != test.how {
			t.Errorf("%s: %s %s, want %s %s", test.there, by, how, test.by, test.how)
		}
	}
}
