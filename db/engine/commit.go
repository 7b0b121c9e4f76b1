package engine

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl"
)

// Phase is the progress of a transaction that writes.
type Phase int

// The phases. A transaction whose outcome is unknown stays Committing.
const (
	Begun Phase = iota
	Committing
	Committed
	RolledBack
)

// errAbandoned is the cause that ends the wait for a commit.
var errAbandoned = errors.New("abandoned")

// grace is the time that tokenctl waits for the answer to a commit after its context has ended. Without
// the answer the outcome is unknown. A user who interrupts waits one second at most.
const grace = 400 * time.Millisecond

// OutcomeUnknown returns the error for a commit that was sent and not answered.
func OutcomeUnknown(why string, err error) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeOutcomeUnknown, Err: err,
		Message: why + " while the transaction was being committed: it may or may not have happened"}
}

// commit ends the transaction.
func (tx *Tx) commit(ctx context.Context, m Mode) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	tx.phase(m, Committing)
	var err error
	if tx.Engine == SQLite {
		err = tx.commitSQLite(ctx)
	} else {
		err = tx.commitPostgres(ctx, m)
	}
	if err == nil {
		tx.phase(m, Committed)
	}
	return err
}

// phase reports the progress of a transaction that writes.
func (tx *Tx) phase(m Mode, p Phase) {
	if tell := tx.db.opts.Phase; tell != nil && !m.ReadOnly {
		tell(p)
	}
}

func (tx *Tx) commitSQLite(ctx context.Context) error {
	return tx.explain(ctx, tx.db.patiently(ctx, func() error {
		// After an interrupt the driver reports a failure, even if the commit has happened.
		_, err := tx.conn.ExecContext(context.WithoutCancel(ctx), "commit")
		return err
	}))
}

func (tx *Tx) commitPostgres(ctx context.Context, m Mode) error {
	awaited, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	// Cancelling the commit itself would only make the outcome unknown.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { abandon(errAbandoned) }) })()
	awaited, cancel := context.WithTimeout(awaited, tx.db.opts.Timeout)
	defer cancel()
	tx.state.unreplicated.Store(false)
	sent := false
	err := tx.conn.Raw(func(c any) error {
		pg := c.(*stdlib.Conn).Conn()
		sent = !pg.IsClosed()
		tag, err := pg.Exec(awaited, "commit")
		if err == nil && tag.String() != "COMMIT" {
			// PostgreSQL answers a commit of a failed transaction with ROLLBACK.
			err = tx.explain(ctx, &pgconn.PgError{Code: abortedTransaction})
		}
		return err
	})
	if tx.state.unreplicated.Load() {
		if warn := tx.db.opts.Warn; warn != nil {
			warn("the change is committed, but may not have reached the standby: it would be lost if that became the primary now")
		}
		return nil
	}
	var pg *pgconn.PgError
	var known *tokenctl.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &pg) && !endsConnection(pg), m.ReadOnly:
		return tx.explain(ctx, err)
	case !sent:
		return tx.translate(err)
	case context.Cause(awaited) == errAbandoned:
		return OutcomeUnknown(context.Cause(ctx).Error(), err)
	case awaited.Err() != nil:
		return OutcomeUnknown("the database server gave no answer", err)
	}
	// pgconn.SafeToRetry cannot be used: if the connection ends before the answer, pgx reports that it
	// was closed before anything was sent.
	return OutcomeUnknown("the connection was lost", err)
}
