package django

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

func TestSQLiteTime(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// What Django writes, to the byte: six digits, or none.
	for _, test := range []struct{ stored, moment string }{
		{"2026-11-22 01:02:03.456789", "2026-11-22T01:02:03.456789Z"},
		{"2026-11-22 01:02:03.400000", "2026-11-22T01:02:03.4Z"},
		{"2026-11-22 01:02:03", "2026-11-22T01:02:03Z"},
		{"0001-01-02 00:00:00", "0001-01-02T00:00:00Z"},
		{"9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999Z"},
	} {
		if got := FormatSQLiteTime(at(test.moment)); got != test.stored {
			t.Errorf("FormatSQLiteTime(%s) is %q, want %q", test.moment, got, test.stored)
		}
		if got, err := ParseSQLiteTime(test.stored); err != nil || !got.Equal(at(test.moment)) {
			t.Errorf("ParseSQLiteTime(%q) is %s, %v", test.stored, got, err)
		}
	}
	// What other tools write, which Django reads too.
	for stored, moment := range map[string]string{
		"2026-11-22T01:02:03Z":             "2026-11-22T01:02:03Z",
		"2026-11-22 01:02:03+02:00":        "2026-11-21T23:02:03Z",
		"2026-11-22 01:02:03.5+0530":       "2026-11-21T19:32:03.5Z",
		"2026-11-22 01:02":                 "2026-11-22T01:02:00Z",
		"2026-1-2 3:4":                     "2026-01-02T03:04:00Z",
		"2026-11-22 01:02:03,25 ":          "2026-11-22T01:02:03.25Z",
		"2026-11-22":                       "2026-11-22T00:00:00Z",
		"2026-11-22 01:02:03.123456789":    "2026-11-22T01:02:03.123456Z",
		"2026-11-22T01:02:03.000001-00:00": "2026-11-22T01:02:03.000001Z",
	} {
		if got, err := ParseSQLiteTime(stored); err != nil || !got.Equal(at(moment)) {
			t.Errorf("ParseSQLiteTime(%q) is %s, %v", stored, got, err)
		}
	}
	if got := FormatSQLiteTime(at("2026-11-22T01:02:03.123456789+01:00")); got != "2026-11-22 00:02:03.123456" {
		t.Errorf("nanoseconds and an offset are written as %q", got)
	}
	// Of some Django makes null, and on others it fails.
	for bad, breaks := range map[string]bool{"": false, "now": false, "1795309323": false, "2026-11-22 01:02:03 +0000 UTC": false, "2026-02-31": false,
		"2026-13-01 00:00:00": true, "2026-11-22 25:00:00": true, "2026-02-31 00:00:00": true, "0000-01-01 00:00:00": true, "\xff": true} {
		if got, err := ParseSQLiteTime(bad); err == nil || errors.Is(err, ErrDateBreaks) != breaks {
			t.Errorf("ParseSQLiteTime(%q) is %s, %v", bad, got, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{"90d": 90 * day, "12h": 12 * time.Hour, "2w": 14 * day, "15m": 15 * time.Minute,
		"1w2d": 9 * day, "1d12h30m": 36*time.Hour + 30*time.Minute, "0d": 0, "1.5h": 90 * time.Minute, "36500d": 36500 * day, "1y": 365 * day, "6mo": 180 * day} {
		if got, err := tokenctl.ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "90", "d", "-1d", "1.5d", "1.5y", "101y", "90 d", "1d-2h", "99999999999d", "40000d", "1e3h", "5000000h", "∞"} {
		if got, err := tokenctl.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) is %s", text, got)
		}
	}
}

// FuzzTime: what is read back is what was written, and nothing else is read.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2026-11-22 01:02:03.456789", "2026-11-22T01:02:03+05:30", "0000-00-00", "90d", "1w2d3h4m5s", "9999999999999w",
		"0001-01-01 0:00:00,0000001", "2026-11-22 01:02:03.1234567", "2026-11-22 01:02:03.1234567890123"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseSQLiteTime(text)
		if n := len("2026-11-22"); len(text) > n && text[n] == ' ' {
			// Django's own form is read in a way of its own, and the same.
			other, otherErr := ParseSQLiteTime(text[:n] + "T" + text[n+1:])
			if at != other || (err == nil) != (otherErr == nil) {
				t.Fatalf("%q is %v, %v, and with a T %v, %v", text, at, err, other, otherErr)
			}
		}
		if err == nil {
			stored := FormatSQLiteTime(at)
			again, err := ParseSQLiteTime(stored)
			if err != nil && at.Year() >= 0 && at.Year() <= 9999 {
				t.Fatalf("%q is written as %q, which cannot be read", text, stored)
			}
			if err == nil && !again.Equal(at.Truncate(time.Microsecond)) {
				t.Fatalf("%q is written as %q and read as %s", text, stored, again)
			}
		}
		if d, err := tokenctl.ParseDuration(text); err == nil && (d < 0 || d > 100*365*24*time.Hour || strings.ContainsAny(text, " -")) {
			t.Fatalf("%q is %s long", text, d)
		}
	})
}

func BenchmarkParseSQLiteTime(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSQLiteTime("2026-11-22 01:02:03.456789"); err != nil {
			b.Fatal(err)
		}
	}
}
