package output

import (
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	now := time.Date(2026, 11, 29, 8, 0, 0, 500, time.UTC)
	const day = 24 * time.Hour
	for _, test := range []struct {
		after time.Duration
		want  string
	}{
		{0, "0s ago"},
		{-time.Second, "1s ago"},
		{time.Second, "in 1s"},
		{-119 * time.Second, "119s ago"},
		{-2 * time.Minute, "2m ago"},
		{2*time.Hour - time.Second, "in 119m"},
		{10*time.Hour - time.Second, "in 9h"},
		{-48*time.Hour + time.Second, "47h ago"},
		{-3*day - time.Hour, "3d ago"},
		{90 * day, "in 90d"},
		{730*day - time.Second, "in 729d"},
		{-730 * day, "2y ago"},
		{3650 * day, "in 10y"},
	} {
		if got := string(appendAge(nil, now.Add(test.after), now)); got != test.want {
			t.Errorf("%s: %s, want %s", test.after, got, test.want)
		}
	}
	// The years 1 and 9999 are further apart than a time.Duration.
	expect(t, string(appendAge(nil, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), now)), "2027y ago")
	expect(t, string(appendAge(nil, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), now)), "in 7978y")
}
