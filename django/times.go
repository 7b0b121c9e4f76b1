package django

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Django's SQLite backend writes datetimes as text, in UTC when USE_TZ is on,
// with a space, without an offset, and with exactly six fraction digits that
// are left out when they are zero (django/db/backends/sqlite3/operations.py,
// adapt_datetimefield_value). SQL compares them as strings, so any other form
// sorts wrongly against Django's own values.
const (
	sqliteTime         = "2006-01-02 15:04:05"
	sqliteTimeFraction = "2006-01-02 15:04:05.000000"
)

// FormatSQLiteTime writes t as Django does on SQLite, cut to microseconds.
func FormatSQLiteTime(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format(sqliteTime)
	}
	return t.Format(sqliteTimeFraction)
}

// ParseSQLiteTime reads a datetime that Django, or a tool that imitated it,
// wrote to SQLite. Like Django's parse_datetime it also accepts a T and an
// offset; without an offset the value is UTC.
func ParseSQLiteTime(s string) (time.Time, error) {
	t, _, err := parseSQLiteTime(s)
	return t, err
}

// parseSQLiteTime also reports whether the text has no offset.
func parseSQLiteTime(s string) (t time.Time, naive bool, err error) {
	// Django's own form, which time has a fast way to read but for two characters.
	if len(s) >= len(sqliteTime) && s[len("2006-01-02")] == ' ' {
		var buffer [32]byte
		text := append(append(buffer[:0], s...), 'Z')
		text[len("2006-01-02")] = 'T'
		if t.UnmarshalText(text) == nil {
			return t, true, nil
		}
	}
	text := strings.Replace(s, "T", " ", 1)
	for _, layout := range []string{sqliteTime, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05Z07", "2006-01-02 15:04", "2006-01-02"} {
		// time.Parse accepts a fraction after the seconds of any layout.
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), !strings.Contains(layout, "Z07"), nil
		}
	}
	return time.Time{}, false, fmt.Errorf("not a datetime that Django writes")
}

// ParseDuration reads a length of time as tokenctl's flags and settings have
// it: Go's units, and d (24 h) and w (7 d); "90d", "12h", "1w2d", "15m". It is
// never negative.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration: write 90d, 12h, 2w or 15m", s)
	if s == "" {
		return 0, bad
	}
	var total time.Duration
	rest := s
	for rest != "" {
		i := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if i <= 0 {
			return 0, bad
		}
		j := i + strings.IndexFunc(rest[i:]+"0", func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
		number, unit := rest[:i], rest[i:j]
		rest = rest[j:]
		var part time.Duration
		switch unit {
		case "d", "w":
			n, err := strconv.ParseInt(number, 10, 32)
			if err != nil {
				return 0, bad
			}
			part = time.Duration(n) * 24 * time.Hour
			if unit == "w" {
				part *= 7
			}
			if n > 100*365 {
				return 0, errors.New("a duration is at most 100 years")
			}
		default:
			var err error
			if part, err = time.ParseDuration(number + unit); err != nil {
				return 0, bad
			}
		}
		total += part
		if total < 0 || part < 0 || total > 100*365*24*time.Hour {
			return 0, errors.New("a duration is at most 100 years")
		}
	}
	return total, nil
}
