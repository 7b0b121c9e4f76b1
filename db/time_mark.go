package db

import "time"

// Rows that tokenctl has written do not prove what the application accepts. So tokenctl marks the times
// that it writes: the last four digits of the microseconds follow from the digits before them. The mark is
// neither a secret nor a proof: one in ten thousand other rows has it by chance.

// markUnit is the length of the intervals that have one marked time each.
const markUnit = 10 * time.Millisecond

// markedTime returns the latest marked time that is not after t.
func markedTime(t time.Time) time.Time {
	start := t.Truncate(markUnit)
	if marked := start.Add(markOffset(start)); !marked.After(t) {
		return marked
	}
	start = start.Add(-markUnit)
	return start.Add(markOffset(start))
}

// isMarked reports whether t is a marked time.
func isMarked(t time.Time) bool {
	start := t.Truncate(markUnit)
	return !t.IsZero() && t.Sub(start) == markOffset(start)
}

func markOffset(start time.Time) time.Duration {
	const golden = 0x9E3779B97F4A7C15 // Knuth's multiplicative hash
	return time.Duration(uint64(start.UnixMicro())*golden>>32%9_999+1) * time.Microsecond
}
