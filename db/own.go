package db

import "time"

// What tokenctl itself made says nothing about what the application accepts. Django writes
// the microseconds of its clock into a row; the last four of those that tokenctl writes
// follow from the ones before, and so it knows its own rows again. It is no secret, and no
// promise: another writer hits it once in ten thousand rows.

// ownUnit is the time within which rows of tokenctl's all have one moment.
const ownUnit = 10 * time.Millisecond

// ownTime is the last moment up to t that tells tokenctl's rows.
func ownTime(t time.Time) time.Time {
	start := t.Truncate(ownUnit)
	if own := start.Add(ownRest(start)); !own.After(t) {
		return own
	}
	start = start.Add(-ownUnit)
	return start.Add(ownRest(start))
}

// isOwn reports whether a moment is one of ownTime's.
func isOwn(t time.Time) bool {
	start := t.Truncate(ownUnit)
	return !t.IsZero() && t.Sub(start) == ownRest(start)
}

func ownRest(start time.Time) time.Duration {
	const golden = 0x9E3779B97F4A7C15 // Knuth's multiplicative hash
	return time.Duration(uint64(start.UnixMicro())*golden>>32%9_999+1) * time.Microsecond
}
