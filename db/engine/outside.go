package engine

import (
	"context"
	"errors"
	"time"

	"tokenctl"
)

// BeforeCommit adds a change outside the database. It is made when all rows are changed and the
// intent is announced, just before the commit; an error of it rolls back. A change that was added
// in a [Tx.Try] which failed is not made.
func (tx *Tx) BeforeCommit(change func(context.Context) error) {
	tx.outside = append(tx.outside, change)
}

// AtEnd has f called when the transaction has ended, with its outcome: Committing means that
// nobody knows it. f returns what stands outside the database although the transaction did not
// happen, as a sentence for people; empty: nothing.
func (tx *Tx) AtEnd(f func(context.Context, Phase) (stands string)) {
	tx.ended = append(tx.ended, f)
}

// endTime is how long the functions of AtEnd may take when the command is to end.
const endTime = time.Second

// end calls the functions of AtEnd. It adds what stands to the transaction's error.
func (tx *Tx) end(ctx context.Context, p Phase, err error) error {
	if tx.ended == nil {
		return err
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
	}
	for _, f := range tx.ended {
		stands := f(ctx, p)
		if known := new(tokenctl.Error); stands != "" && errors.As(err, &known) {
			said := *known
			if said.Hint = stands; known.Hint != "" {
				said.Hint += "; " + known.Hint
			}
			err = &said
		}
	}
	return err
}

// ending is the phase in which a transaction has ended.
func ending(done bool, err error) Phase {
	switch {
	case done:
		return Committed
	case tokenctl.CodeOf(err) == tokenctl.CodeOutcomeUnknown:
		return Committing
	}
	return RolledBack
}
