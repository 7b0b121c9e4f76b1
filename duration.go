package tokenctl

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// DurationForms are examples of durations, for messages.
const DurationForms = "30s, 15m, 12h, 90d, 2w, 6mo, 1y"

const (
	day     = 24 * time.Hour
	longest = 100 * 365 * day
)

// calendar are the units that Go does not have. A month is 30 days and a year 365.
var calendar = map[string]time.Duration{"d": day, "w": 7 * day, "mo": 30 * day, "y": 365 * day}

// ParseDuration reads a length of time as tokenctl's flags and settings have
// it: Go's units, and d, w, mo and y; "90d", "12h", "1w2d", "15m", "6mo". It is
// never negative.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration: write one like %s", s, DurationForms)
	if s == "" {
		return 0, bad
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && s[0] >= '0' && s[0] <= '9' {
		return 0, fmt.Errorf("%q is a duration without a unit: write one like %s", s, DurationForms)
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
		if length, ok := calendar[unit]; ok {
			n, err := strconv.ParseInt(number, 10, 32)
			if err != nil {
				return 0, bad
			}
			if n > int64(longest/length) {
				return 0, errors.New("a duration is at most 100 years")
			}
			part = time.Duration(n) * length
		} else {
			var err error
			if part, err = time.ParseDuration(number + unit); err != nil {
				return 0, bad
			}
		}
		total += part
		if total < 0 || part < 0 || total > longest {
			return 0, errors.New("a duration is at most 100 years")
		}
	}
	return total, nil
}

// Duration is a length of time in a settings file, as ParseDuration reads it. It
// is a struct, as Seconds is, because go-toml writes a bare number into an integer
// of any type without asking UnmarshalText.
type Duration struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler. No length is no setting.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	if parsed == 0 {
		return errors.New("must be longer than zero")
	}
	d.Duration = parsed
	return nil
}

// tooShort reports whether a length of time is less than what the peers count in. Zero
// is none at all.
func tooShort(d time.Duration) bool { return d != 0 && d < time.Second }

// String writes d so that ParseDuration reads it.
func (d Duration) String() string {
	if d.Duration != 0 && d.Duration%day == 0 {
		return strconv.FormatInt(int64(d.Duration/day), 10) + "d"
	}
	return d.Duration.String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Seconds is a length of time that Django takes as a timedelta or as a number of
// seconds: "30s", 30 or 0.5.
type Seconds struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Seconds) UnmarshalText(text []byte) error {
	if n, err := strconv.ParseFloat(strings.ReplaceAll(string(text), "_", ""), 64); err == nil {
		if !(n >= 0 && n <= 100*365*24*3600) { // NaN included
			return errors.New("must be a number of seconds that is not negative")
		}
		s.Duration = time.Duration(math.Round(n*1e6)) * time.Microsecond // timedelta counts microseconds
		return nil
	}
	parsed, err := ParseDuration(string(text))
	s.Duration = parsed
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (s Seconds) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
