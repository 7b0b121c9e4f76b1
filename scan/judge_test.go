package scan

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"testing"

	"tokenctl"
)

// TestOnce: each candidate is looked up once, many at a time, however often it occurs. A found
// one is told at each place.
func TestOnce(t *testing.T) {
	var text strings.Builder
	const n = 2*batchSize + 100
	for range 3 {
		for i := range n {
			fmt.Fprintf(&text, "%040x\n", i+1)
		}
	}
	asked, calls, found := map[string]int{}, 0, 0
	known := fmt.Sprintf("%040x", 7)
	s := New(Options{Shapes: NewShapes(new(tokenctl.Settings)), Unread: func(path, why string) { t.Error(path, why) },
		Found: func(list []Finding) error { found += len(list); return nil },
		Members: func(_ context.Context, list []Candidate) ([][]*Match, error) {
			calls++
			if len(list) > batchSize {
				t.Errorf("%d at a time", len(list))
			}
			matches := make([][]*Match, len(list))
			for i, c := range list {
				if asked[c.Text]++; c.Text == known {
					matches[i] = []*Match{{ID: "x"}}
				}
			}
			return matches, nil
		}})
	if err := s.Reader(t.Context(), "-", strings.NewReader(text.String())); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for text, times := range asked {
		if times != 1 {
			t.Fatalf("%s was looked up %d times", text, times)
		}
	}
	if len(asked) != n || found != 3 || calls > 10 {
		t.Errorf("%d looked up in %d calls, %d found; want %d and 3", len(asked), calls, found, n)
	}
}

func TestHashSet(t *testing.T) {
	var set hashSet
	seed := maphash.MakeSeed()
	hash := func(i int) uint64 { return maphash.Comparable(seed, i) }
	for i := range 100_000 {
		set.add(hash(i))
		set.add(hash(i))
	}
	if set.n != 100_000 || len(set.slots) > 4*set.n {
		t.Errorf("%d in %d slots", set.n, len(set.slots))
	}
	for i := range 200_000 {
		if got := set.has(hash(i)); got != (i < 100_000) {
			t.Fatalf("%d: %v", i, got)
		}
	}
}
