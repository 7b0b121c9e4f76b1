package scan

import (
	"testing"
	"time"
)

// TestLineTime: the time of a line is read in the forms that logs have, and never without a zone.
func TestLineTime(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`10.0.0.1 - alice [10/Oct/2000:13:55:36 -0700] "GET /?token=x HTTP/1.0" 200 2326`: "2000-10-10T20:55:36Z",
		`{"ts":"2026-11-29T12:00:00.5Z","uri":"/"}`:                                       "2026-11-29T12:00:00Z",
		`time=2026-11-29T12:00:00+01:00 level=INFO`:                                       "2026-11-29T11:00:00Z",
		`2026-11-29 12:00:00,123 +0530 GET /`:                                             "2026-11-29T06:30:00Z",
		`2026-11-29T12:00:00.123456789-02:00`:                                             "2026-11-29T14:00:00Z",
		`2026-11-29 12:00:00,123 INFO no zone`:                                            "",
		`2026-11-29T12:00:00`:                                                             "",
		`[32/Oct/2000:13:55:36 -0700]`:                                                    "",
		`2026-13-29T12:00:00Z`:                                                            "",
		`12026-11-29T12:00:00Z`:                                                           "",
		`"GET /?from=2020-01-01T00:00:00Z HTTP/1.0" 10.0.0.1 [10/Oct/2000:13:55:36 +0000] "x" "y"`: "2000-10-10T13:55:36Z",
	} {
		at, ok := lineTime(line)
		if got := at.Format(time.RFC3339); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s %v, want %s", line, got, ok, want)
		}
	}
}
