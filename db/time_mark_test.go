package db

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestOwnTime(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC)
	wrong := 0
	for range 100_000 {
		at := from.Add(time.Duration(rand.Int64N(int64(100 * 365 * 24 * time.Hour)))).Truncate(time.Microsecond)
		own := markedTime(at)
		if d := at.Sub(own); d < 0 || d >= 2*markUnit || !isMarked(own) || markedTime(own) != own || own != own.Truncate(time.Microsecond) {
			t.Fatalf("%s becomes %s", at, own)
		}
		if isMarked(at) {
			wrong++
		}
	}
	if wrong > 50 {
		t.Errorf("%d of 100000 moments are taken for tokenctl's", wrong)
	}
	for _, other := range []time.Time{{}, from, from.Add(10 * time.Millisecond)} {
		if isMarked(other) {
			t.Errorf("%s is taken for tokenctl's", other)
		}
	}
}
