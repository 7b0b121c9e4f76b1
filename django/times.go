package django

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl"
)

// Django's SQLite backend writes datetimes as text: in UTC if USE_TZ is on, with a space, without an
// offset, and with six fraction digits unless these are zero (adapt_datetimefield_value in
// django/db/backends/sqlite3/operations.py, 4.2). SQL compares them as strings, so every other form
// would sort wrongly among Django's values.
const (
	sqliteTime         = "2006-01-02 15:04:05"
	sqliteTimeFraction = "2006-01-02 15:04:05.000000"
)

// FormatSQLiteTime writes t as Django does on SQLite, truncated to microseconds.
func FormatSQLiteTime(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format(sqliteTime)
	}
	return t.Format(sqliteTimeFraction)
}

// ParseSQLiteTime reads a datetime on SQLite like Django's parse_datetime, which also accepts forms
// that Django does not write. A value without an offset is UTC. The error is [ErrDateBreaks], or
// another one for text that Django reads as null.
func ParseSQLiteTime(s string) (time.Time, error) {
	t, _, err := parseSQLiteTime(s)
	return t, err
}

// parseSQLiteTime also reports whether the text has no offset.
func parseSQLiteTime(s string) (t time.Time, naive bool, err error) {
	// Django's own form: with two characters changed it is RFC 3339, which package time parses fast.
	// Package time also reads more digits of a fraction than Django, and an hour of one digit.
	if len(s) >= len(sqliteTime) && len(s) <= len(sqliteTimeFraction) && s[len("2006-01-02")] == ' ' && s[len("2006-01-02 15")] == ':' {
		var buffer [32]byte
		text := append(append(buffer[:0], s...), 'Z')
		text[len("2006-01-02")] = 'T'
		if t.UnmarshalText(text) == nil && t.Year() > 0 {
			return t, true, nil
		}
	}
	if !utf8.ValidString(s) {
		return time.Time{}, false, ErrDateBreaks
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, true, nil
	}
	m := datetimeForm().FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false, errNoDate
	}
	for i := range m[:7] {
		if len(m[i]) == 1 {
			m[i] = "0" + m[i]
		}
	}
	text := m[1] + "-" + m[2] + "-" + m[3] + " " + m[4] + ":" + m[5] + ":" + cmp.Or(m[6], "00") + "." + cmp.Or(m[7], "0")
	offset := strings.ReplaceAll(m[8], ":", "")
	naive = offset == ""
	switch len(offset) {
	case 0, 1:
		offset = "+0000"
	case 3:
		offset += "00"
	}
	if t, err = time.Parse("2006-01-02 15:04:05-0700", text+offset); err != nil || t.Year() == 0 {
		return time.Time{}, false, ErrDateBreaks
	}
	return t.UTC(), naive, nil
}

// datetimeForm is datetime_re of django/utils/dateparse.py (4.2).
var datetimeForm = tokenctl.Lazily(`^(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[\.,](\d{1,6})\d{0,6})?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$`)

// ErrDateBreaks is the error for a text on which Django raises an exception: a text in the form of a
// datetime that is not a date, such as the 31st of February, or one that is not UTF-8.
var ErrDateBreaks = errors.New("a datetime on which Django fails")

// errNoDate is the error for a text that Django reads as null.
var errNoDate = errors.New("not a datetime that Django reads")

// BriefDuration writes a duration for people, in its two largest units: "10h", "1d 2h", "5m".
func BriefDuration(d time.Duration) string {
	if d = d.Round(time.Second); d > time.Hour {
		d = d.Round(time.Minute)
	}
	var parts []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		n := d / u.size
		if d -= n * u.size; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+u.name)
		}
	}
	if parts == nil {
		return "0s"
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}
