package db

import "time"

// What tokenctl itself made says nothing about what the application accepts. Django writes
// the microseconds of its clock into a row; the last four of those that tokenctl writes
// follow from the ones before, and so it knows its own rows again. It is no secret, and no
// promise: another writer hits it once in ten thousand rows.

// markUnit is the time within which rows of tokenctl's all have one moment.
const markUnit = 10 * time.Millisecond

// markedTime is the last moment up to t that tells tokenctl's rows.
func markedTime(t time.Time) time.Time {
	start := t.Truncate(markUnit)
	if marked := start.Add(markOffset(start)); !marked.After(t) {
		return marked
	}
	start = start.Add(-markUnit)
	return start.Add(markOffset(start))
}

// isMarked reports whether a moment is one of markedTime's.
func isMarked(t time.Time) bool {
	start := t.Truncate(markUnit)
	return !t.IsZero() && t.Sub(start) == markOffset(start)
}

func markOffset(start time.Time) time.Duration {
	const golden = 0x9E3779B97F4A7C15 // Knuth's multiplicative hash
	return time.Duration(uint64(start.UnixMicro())*golden>>32%9_999+1) * time.Microsecond
}
