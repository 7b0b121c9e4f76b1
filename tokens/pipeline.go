package tokens

import (
	"context"
	"iter"
)

// bundle is some rows of a list, and what is made of them.
type bundle[T any] struct {
	rows        []T
	credentials []Credential
	err         error         // what ended the list behind them
	done        chan struct{} // gets a value when the credentials are made
}

// bundleRows is how many rows are handed on at a time. Handing one on alone costs
// as much as making a credential of it.
const bundleRows = 128

// bundles is how many there are: a page of a database's, so that it goes on
// while the consumer has one.
const bundles = 8

// credentials are the rows of a kind as a list shows them. While the consumer has
// one, the next rows are read and made credentials of, on several processors. The
// memory of bundles is used again and again, and bounds how far that gets ahead.
func credentials[T any](ctx context.Context, rows func(context.Context) iter.Seq2[T, error], credential func(*T) Credential) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		ahead, cancel := context.WithCancel(ctx)
		queue, free := make(chan *bundle[T], bundles), make(chan *bundle[T], bundles)
		for range bundles {
			free <- &bundle[T]{done: make(chan struct{}, 1)}
		}
		go func() {
			defer close(queue)
			readAhead(ahead, rows(ahead), credential, queue, free)
		}()
		// Whatever the rows come from is closed, and nobody works on them, when
		// this returns.
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

// readAhead queues the rows in their order, in bundles that are free.
func readAhead[T any](ctx context.Context, rows iter.Seq2[T, error], credential func(*T) Credential, queue chan<- *bundle[T], free <-chan *bundle[T]) {
	take := func() *bundle[T] {
		select {
		case b := <-free:
			b.rows, b.credentials = b.rows[:0], b.credentials[:0]
			return b
		case <-ctx.Done():
			return nil
		}
	}
	hand := func(b *bundle[T]) {
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
		if b.rows = append(b.rows, row); len(b.rows) == bundleRows {
			hand(b)
			b = take()
		}
	}
	if b != nil {
		hand(b)
	}
}
