package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"tokenctl"
)

// Mode has the properties of a transaction.
type Mode struct {
	ReadOnly  bool
	Temporary bool // it only reads, but may need a temporary table
	Unlimited bool // statements have no time limit: for streams and bulk work
}

// Tx is a transaction. Now is the timestamp of everything that it writes, in UTC and whole microseconds.
type Tx struct {
	Now    time.Time
	Engine Dialect
	db     *DB
	conn   *sql.Conn
	state  *connState // PostgreSQL

	cursors         atomic.Int32                          // the number of opened cursors
	mark            int64                                 // changeMark at the beginning
	writeSettlement func(Phase)                           // the result of [Options.Intend]; nil: no intent
	outside         []func(context.Context) error         // the functions of BeforeCommit
	ended           []func(context.Context, Phase) string // the functions of AtEnd
	unclear         atomic.Pointer[unclear]
}

// Snapshot runs f with a context that carries one transaction, so that all reads of f see one state of
// the database: one list after the other or, with [InTurns], several at the same time. sorted means that
// the lists are sorted, for which some need a temporary table. On SQLite lists are read page by page and
// without a common transaction.
func (db *DB) Snapshot(ctx context.Context, sorted bool, f func(context.Context) error) error {
	if db.Engine == SQLite {
		return f(ctx)
	}
	return db.Transact(ctx, Mode{ReadOnly: true, Temporary: sorted, Unlimited: true}, func(tx *Tx) error {
		return f(context.WithValue(ctx, snapshot{}, tx))
	})
}

// InTurns returns a context with which several lists of a [DB.Snapshot] can be read at the same time, on
// its only connection.
func InTurns(ctx context.Context) context.Context { return context.WithValue(ctx, inTurns{}, true) }

// snapshot is the context key of a Snapshot's transaction. With the key inTurns lists share it.
type (
	snapshot struct{}
	inTurns  struct{}
)

// Transact runs f in a transaction and commits if f returns nil. An error of f rolls back and is
// returned as it is. The error has the code [tokenctl.CodeOutcomeUnknown] if a commit was sent and not
// answered. With the context of a [DB.Snapshot] f runs in that transaction.
func (db *DB) Transact(ctx context.Context, m Mode, f func(*Tx) error) error {
	if tx, ok := ctx.Value(snapshot{}).(*Tx); ok && tx.db == db {
		return f(tx)
	}
	conn, err := db.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return db.TransactOn(ctx, conn, m, f)
}

// TransactOn is [DB.Transact] on a connection.
func (db *DB) TransactOn(ctx context.Context, conn *sql.Conn, m Mode, f func(*Tx) error) (err error) {
	if db.opts.Allow != nil && !m.ReadOnly {
		if err := db.opts.Allow(); err != nil {
			return err
		}
	}
	tx := &Tx{Now: db.Now(), Engine: db.Engine, db: db, conn: conn}
	tx.phase(m, Begun)
	done := false
	// These run from the last to the first: roll back, then Tx.end, then Tx.settle.
	defer func() { tx.settle(ending(done, err)) }()
	defer func() { err = tx.end(ctx, ending(done, err), err) }()
	defer func() {
		if done {
			return
		}
		if tokenctl.CodeOf(err) != tokenctl.CodeOutcomeUnknown {
			tx.phase(m, RolledBack)
		}
		// Roll back after a panic too, and after the end of ctx.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, failed := conn.ExecContext(ctx, "rollback"); failed != nil {
			// The pool must not reuse a connection whose transaction may be open.
			conn.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // this error is intended
			return
		}
		tx.clarify(ctx, err)
	}()
	if db.Engine == SQLite {
		err = tx.beginSQLite(ctx, m)
	} else {
		err = tx.beginPostgres(ctx, m)
	}
	if err == nil && db.opts.Intend != nil && !m.ReadOnly {
		tx.mark, err = tx.changeMark(ctx)
	}
	if err == nil {
		err = f(tx)
	}
	if err == nil {
		err = tx.intend(ctx, m)
	}
	for _, change := range tx.outside {
		if err == nil {
			err = change(ctx)
		}
	}
	if err != nil {
		return tx.explain(ctx, err)
	}
	err = tx.commit(ctx, m)
	// If SQLite refuses a commit, the transaction stays open.
	done = err == nil
	return err
}

// Try runs f in a savepoint, so that the transaction can continue if f fails. It returns f's error.
func (tx *Tx) Try(ctx context.Context, f func() error) error {
	if err := tx.Exec(ctx, "savepoint part"); err != nil {
		return err
	}
	outside := len(tx.outside)
	if err := f(); err != nil {
		tx.outside = tx.outside[:outside]
		if back := tx.Exec(context.WithoutCancel(ctx), "rollback to savepoint part; release savepoint part"); back != nil {
			return back
		}
		return tx.explain(ctx, err)
	}
	return tx.Exec(ctx, "release savepoint part")
}

// CheckConstraints makes PostgreSQL check deferred foreign keys now, so that the commit does not fail on
// them. SQLite has no statement for this. It needs none: the transaction holds the write lock, so no
// other process can break a foreign key.
func (tx *Tx) CheckConstraints(ctx context.Context) error {
	if tx.Engine == SQLite {
		return nil
	}
	return tx.Exec(ctx, "set constraints all immediate")
}

// Bulk prepares the transaction for many rows: it removes the time limit of statements.
func (tx *Tx) Bulk(ctx context.Context) error {
	if tx.Engine == SQLite {
		return tx.Exec(ctx, largeCache)
	}
	err := tx.Exec(ctx, "set local statement_timeout = 0")
	if err == nil {
		tx.state.limit = 0
	}
	return err
}

// Exec runs a statement.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.conn.ExecContext(ctx, query, args...)
	return tx.explain(ctx, err)
}

// ExecRows runs a statement and returns the number of rows that it changed.
func (tx *Tx) ExecRows(ctx context.Context, query string, args ...any) (n int64, err error) {
	if tx.Engine == PostgreSQL {
		err = execPostgres(ctx, tx.conn, query, args, func(_ *pgtype.Map, result *pgconn.ResultReader) error {
			tag, err := result.Close()
			n = tag.RowsAffected()
			return err
		})
		return n, tx.explain(ctx, err)
	}
	result, err := tx.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, tx.explain(ctx, err)
	}
	return result.RowsAffected()
}

// ExecEach prepares a statement and runs it for each i from 0 to n-1 with the arguments args(i). It
// returns each i for which the statement changed no row.
func (tx *Tx) ExecEach(ctx context.Context, query string, n int, args func(int) []any) (missed []int, err error) {
	statement, err := tx.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, tx.explain(ctx, err)
	}
	defer statement.Close()
	for i := range n {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// Watching the context would take the driver longer than one row.
		result, err := statement.ExecContext(context.WithoutCancel(ctx), args(i)...)
		if err != nil {
			return nil, tx.explain(ctx, err)
		}
		switch changed, err := result.RowsAffected(); {
		case err != nil:
			return nil, err
		case changed == 0:
			missed = append(missed, i)
		}
	}
	return missed, nil
}
