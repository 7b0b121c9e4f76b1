package tokens

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// source is a list whose rows are numbers and take their time.
type source struct {
	n      int   // how many rows it has; -1: no end
	err    error // what stands behind them
	read   int
	closed bool
}

func (s *source) rows(ctx context.Context) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		defer func() { s.closed = true }()
		for i := 0; i != s.n; i++ {
			if i%batchRows == 0 {
				// As a database that has nothing yet.
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					yield(0, context.Cause(ctx))
					return
				}
			}
			if s.read++; !yield(i, nil) {
				return
			}
		}
		if s.err != nil {
			yield(0, s.err)
		}
	}
}

func (s *source) credentials(ctx context.Context) iter.Seq2[Credential, error] {
	return credentials(ctx, s.rows, func(n *int) Credential {
		if *n%100 == 0 {
			time.Sleep(time.Duration(rand.IntN(5)) * time.Second) // batchCount are not done in their order
		}
		return Credential{ID: strconv.Itoa(*n)}
	})
}

// bubble runs f where a goroutine that it leaves behind fails the test.
func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// TestReadAheadKeepsOrder: every row arrives, in its place, and an error behind
// all of them.
func TestReadAheadKeepsOrder(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, n := range []int{0, 1, batchRows - 1, batchRows, 20*batchRows + 7} {
		for _, err := range []error{nil, broken} {
			bubble(t, strconv.Itoa(n), func(t *testing.T) {
				s := source{n: n, err: err}
				got := 0
				var failed error
				for c, err := range s.credentials(t.Context()) {
					if failed != nil {
						t.Fatalf("%q, %v behind the error", c.ID, err)
					}
					if failed = err; err != nil {
						continue
					}
					if c.ID != strconv.Itoa(got) {
						t.Fatalf("row %s in the place of %d", c.ID, got)
					}
					got++
				}
				if got != n || failed != err || !s.closed {
					t.Errorf("%d rows of %d, then %v, want %v; the rows are closed: %t", got, n, failed, err, s.closed)
				}
			})
		}
	}
}

// TestReadAheadStops: a consumer that has had enough closes the rows, wherever
// it stands.
func TestReadAheadStops(t *testing.T) {
	t.Parallel()
	for _, enough := range []int{1, batchRows, 3*batchRows + 1} {
		bubble(t, strconv.Itoa(enough), func(t *testing.T) {
			s := source{n: -1}
			got := 0
			for _, err := range s.credentials(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if got++; got == enough {
					break
				}
			}
			if !s.closed {
				t.Error("the rows are still open")
			}
		})
	}
}

// TestReadAheadIsCancelled: nothing that was read ahead comes behind a cancel,
// and its cause is the list's error.
func TestReadAheadIsCancelled(t *testing.T) {
	t.Parallel()
	cause := errors.New("ctrl-c")
	for _, at := range []int{0, 1, batchRows, 3*batchRows + 1} {
		for _, n := range []int{-1, 4 * batchRows} {
			bubble(t, strconv.Itoa(at), func(t *testing.T) {
				s := source{n: n}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if at == 0 {
					cancel(cause)
				}
				got := 0
				var failed error
				for _, err := range s.credentials(ctx) {
					if failed = err; err == nil {
						got++
					}
					if got == at {
						cancel(cause)
					}
				}
				if got != at || failed != cause || at > 0 && !s.closed {
					t.Errorf("%d rows, then %v; want %d and the cause; the rows are closed: %t", got, failed, at, s.closed)
				}
			})
		}
	}
}

// TestReadAheadIsBounded: a consumer who stalls is not read ahead of for ever.
func TestReadAheadIsBounded(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := source{n: -1}
		for range s.credentials(t.Context()) {
			time.Sleep(time.Hour)
			synctest.Wait()
			if s.read < 2*batchRows || s.read > 100*batchRows {
				t.Errorf("%d rows were read before the second was wanted", s.read)
			}
			break
		}
	})
}
