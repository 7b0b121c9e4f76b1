package output

import (
	"strconv"
	"time"
)

// peopleTable returns the style of a table at a terminal: times are ages.
func peopleTable(now time.Time) textStyle {
	return textStyle{null: "-", words: true, times: func(dst []byte, t time.Time) []byte { return appendAge(dst, t, now) }}
}

// peoplePairs returns the style of a single row at a terminal: times are shown in full, with ages.
func peoplePairs(now time.Time) textStyle {
	return textStyle{null: "-", words: true, times: func(dst []byte, t time.Time) []byte {
		return appendAge(append(appendFull(dst, t), ", "...), t, now)
	}}
}

// ageUnits are the units of ages. An age is counted in the largest one of which it has at least two.
var ageUnits = []struct {
	seconds int64
	name    string
}{{365 * 24 * 60 * 60, "y"}, {24 * 60 * 60, "d"}, {60 * 60, "h"}, {60, "m"}, {1, "s"}}

// appendAge appends the time between now and another time: "3d ago", "in 9h". It counts whole units: 9 hours and 59
// minutes are 9h. Below two years it counts days.
func appendAge(dst []byte, t, now time.Time) []byte {
	age := now.Unix() - t.Unix() // a time.Duration holds only 292 years
	before := age >= 0
	if !before {
		dst, age = append(dst, "in "...), -age
	}
	unit := ageUnits[len(ageUnits)-1]
	for _, u := range ageUnits {
		if age >= 2*u.seconds {
			unit = u
			break
		}
	}
	dst = append(strconv.AppendInt(dst, age/unit.seconds, 10), unit.name...)
	if before {
		dst = append(dst, " ago"...)
	}
	return dst
}
