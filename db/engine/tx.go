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

// Mode is how a transaction is opened.
type Mode struct {
	ReadOnly  bool
	Temporary bool // although it only reads, it may need a temporary table
	Unlimited bool // a stream or bulk work: a statement may take as long as it takes
}

// Tx is a transaction. It carries the one timestamp that everything written in
// it gets, in UTC and whole microseconds.
type Tx struct {
	Now    time.Time
	Engine Dialect
	db     *DB
	conn   *sql.Conn
	state  *connState // PostgreSQL

	cursors atomic.Int32 // how many have been opened
	changes int64        // countChanges at its beginning
	settled func(Phase)  // see [Options.Intend]
	unclear atomic.Pointer[unclear]
}

// Snapshot runs f so that what it reads with the context it gets sees one state of
// the database, in one transaction: one list behind the other, or, with InTurns,
// several at the same time. sorted says that they are sorted, for which some take a
// temporary table. SQLite reads lists a page at a time and without a transaction
// over all.
func (db *DB) Snapshot(ctx context.Context, sorted bool, f func(context.Context) error) error {
	if db.Engine == SQLite {
		return f(ctx)
	}
	return db.Transact(ctx, Mode{ReadOnly: true, Temporary: sorted, Unlimited: true}, func(tx *Tx) error {
		return f(context.WithValue(ctx, snapshot{}, tx))
	})
}

// InTurns returns a context with which several lists of a Snapshot can be read at
// the same time, over its one connection.
func InTurns(ctx context.Context) context.Context { return context.WithValue(ctx, inTurns{}, true) }

// snapshot is the key under which a context carries a Snapshot's transaction, and
// inTurns the one that lists share it under.
type (
	snapshot struct{}
	inTurns  struct{}
)

// Transact runs f in a transaction and commits when f returns nil. An error of f rolls back
// and is returned as it is. A commit of which nobody knows whether it happened is a
// CodeOutcomeUnknown error. With the context of a Snapshot it is that transaction.
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

// TransactOn is Transact over a connection.
func (db *DB) TransactOn(ctx context.Context, conn *sql.Conn, m Mode, f func(*Tx) error) (err error) {
	if db.opts.Allow != nil && !m.ReadOnly {
		if err := db.opts.Allow(); err != nil {
			return err
		}
	}
	tx := &Tx{Now: db.Now(), Engine: db.Engine, db: db, conn: conn}
	tx.phase(m, Begun)
	done := false
	defer func() { tx.settle(done, err) }()
	defer func() {
		if done {
			return
		}
		if tokenctl.CodeOf(err) != tokenctl.CodeOutcomeUnknown {
			tx.phase(m, RolledBack)
		}
		// Also after a panic, and also when ctx is what ended the work.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, failed := conn.ExecContext(ctx, "rollback"); failed != nil {
			// Nobody must get a connection whose transaction may be open.
			conn.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // it is what was asked for
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
		tx.changes, err = tx.countChanges(ctx)
	}
	if err == nil {
		err = f(tx)
	}
	if err == nil {
		err = tx.intend(ctx, m)
	}
	if err != nil {
		return tx.explain(ctx, err)
	}
	err = tx.commit(ctx, m)
	// A commit that SQLite refused leaves the transaction open.
	done = err == nil
	return err
}

// Try runs f so that the transaction can go on when f fails.
func (tx *Tx) Try(ctx context.Context, f func() error) error {
	if err := tx.Exec(ctx, "savepoint part"); err != nil {
		return err
	}
	if err := f(); err != nil {
		if back := tx.Exec(context.WithoutCancel(ctx), "rollback to savepoint part; release savepoint part"); back != nil {
			return back
		}
		return tx.explain(ctx, err)
	}
	return tx.Exec(ctx, "release savepoint part")
}

// CheckConstraints makes PostgreSQL check deferred foreign keys now, so that commit has
// nothing left to fail on. SQLite has no such statement; its write lock is held, so nobody
// else can break them either.
func (tx *Tx) CheckConstraints(ctx context.Context) error {
	if tx.Engine == SQLite {
		return nil
	}
	return tx.Exec(ctx, "set constraints all immediate")
}

// Bulk prepares the transaction for many rows: its statements may take as long as
// they take.
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

// Exec runs a statement whose row count does not matter.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.conn.ExecContext(ctx, query, args...)
	return tx.explain(ctx, err)
}

// ExecRows runs a statement and returns how many rows it touched.
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

// ExecEach prepares a statement and runs it n times, each time with the arguments that
// args returns. It returns the places of those that changed no row.
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
		// The driver's watch over a context takes longer than one row.
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
