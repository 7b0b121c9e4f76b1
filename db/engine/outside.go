package engine

import (
	"context"
	"errors"
	"time"

	"tokenctl"
)

// BeforeCommit adds a change outside the database. It runs directly before the commit, after all rows are
// changed and the intent is written. Its error rolls back the transaction. A change that was added in a
// failed [Tx.Try] does not run.
func (tx *Tx) BeforeCommit(change func(context.Context) error) {
	tx.outside = append(tx.outside, change)
}

// AtEnd adds a function that runs after the end of the transaction, with its last phase; Committing means that
// the outcome is unknown. f completes a change outside the database after a commit, and undoes it after a rollback.
// If it cannot undo the change, it returns a sentence about what stands, else "".
func (tx *Tx) AtEnd(f func(context.Context, Phase) (stands string)) {
	tx.ended = append(tx.ended, f)
}

// endTime is the time that the functions of AtEnd may take after an interrupt.
const endTime = time.Second

// end calls the functions of AtEnd, and adds their sentences to the transaction's error.
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

// ending returns the phase in which a transaction has ended.
func ending(done bool, err error) Phase {
	switch {
	case done:
		return Committed
	case tokenctl.CodeOf(err) == tokenctl.CodeOutcomeUnknown:
		return Committing
	}
	return RolledBack
}
