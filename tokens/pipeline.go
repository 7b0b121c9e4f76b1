package tokens

import (
	"context"
	"iter"
)

// batch has some rows of a list, and the credentials that are made of them.
type batch[T any] struct {
	rows        []T
	credentials []Credential
	err         error         // what ended the list behind them
	done        chan struct{} // gets a value when the credentials are made
}

// batchRows is the number of rows that one goroutine gets at a time. To pass on a single row costs as much as to
// make a credential of it.
const batchRows = 128

// batchCount is the number of batches. Together they hold two pages of the database's rows, so that reading goes on
// while the consumer works on a page. If they held one page, lists of sessions would be 7 % slower.
const batchCount = 16

// credentials yields the credentials of a kind's rows. While the consumer has one, the next
// rows are read and made into credentials on several processors. Batches are reused. Their
// number bounds how far reading gets ahead.
func credentials[T any](ctx context.Context, rows func(context.Context) iter.Seq2[T, error], credential func(*T) Credential) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		ahead, cancel := context.WithCancel(ctx)
		queue, free := make(chan *batch[T], batchCount), make(chan *batch[T], batchCount)
		for range batchCount {
			free <- &batch[T]{done: make(chan struct{}, 1)}
		}
		go func() {
			defer close(queue)
			readAhead(ahead, rows(ahead), credential, queue, free)
		}()
		// When this returns, the source of the rows is closed and no goroutine uses them.
		defer func() {
			cancel()
			for b := range queue {
				<-b.done
			}
		}()
		for b := range queue {
			<-b.done
			for i := range b.credentials {
				// What has been read already must not keep a cancelled list going.
				if ctx.Err() != nil {
					yield(Credential{}, context.Cause(ctx))
					return
				}
				if !yield(b.credentials[i], nil) {
					return
				}
			}
			if b.err != nil {
				yield(Credential{}, b.err)
				return
			}
			free <- b
		}
		if ctx.Err() != nil {
			yield(Credential{}, context.Cause(ctx))
		}
	}
}

// readAhead queues the rows in their order, in free batches.
func readAhead[T any](ctx context.Context, rows iter.Seq2[T, error], credential func(*T) Credential, queue chan<- *batch[T], free <-chan *batch[T]) {
	take := func() *batch[T] {
		select {
		case b := <-free:
			b.rows, b.credentials = b.rows[:0], b.credentials[:0]
			return b
		case <-ctx.Done():
			return nil
		}
	}
	hand := func(b *batch[T]) {
		go func() {
			for i := range b.rows {
				b.credentials = append(b.credentials, credential(&b.rows[i]))
			}
			clear(b.rows) // a session may have a megabyte
			b.done <- struct{}{}
		}()
		queue <- b // it holds as many as there are
	}
	b := take()
	for row, err := range rows {
		if b == nil || err != nil {
			if b != nil {
				b.err = err
			}
			break
		}
		if b.rows = append(b.rows, row); len(b.rows) == batchRows {
			hand(b)
			b = take()
		}
	}
	if b != nil {
		hand(b)
	}
}
