package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// Options say how a database is used.
type Options struct {
	Schema         string        // PostgreSQL: look for Django's tables here, not along search_path
	Timeout        time.Duration // bounds connecting, waiting for locks and single short statements
	Version        string        // tokenctl's, for application_name
	Now            tokenctl.Clock
	UserTable      string      // setting auth.user_table
	UsernameField  string      // setting auth.username_field
	TokenTable     string      // setting knox.token_table
	AuthTokenTable string      // setting drf.token_table
	SessionTable   string      // setting session.session_table
	Connections    int         // at most so many at a time; 0: no limit
	Zone           django.Zone // settings time.use_tz and time.time_zone

	Phase func(Phase)       // is told how far a transaction is that writes; may be nil
	Warn  func(text string) // is told what a user must know of a commit that succeeded; may be nil
}

// Store is an application's database. Its methods, and those of Tx, return
// *tokenctl.Error values whose text never quotes a row.
type Store struct {
	Engine Engine
	db     *sql.DB
	opts   Options
	local  []setting // run-time parameters of the URL, set in every transaction
	role   string    // PostgreSQL: who connects
	path   string    // SQLite: the file
	layout atomic.Pointer[Layout]
}

// Open prepares a store. PostgreSQL is not contacted before the first
// transaction; a SQLite file that does not exist is an error at once.
func Open(t Target, o Options) (*Store, error) {
	s := &Store{Engine: t.Engine, opts: o, path: t.Path}
	var err error
	if t.Engine == SQLite {
		s.db, err = openSQLite(t.Path)
	} else {
		err = s.openPostgres(t.url)
	}
	if err != nil {
		return nil, err
	}
	if o.Connections > 0 {
		s.db.SetMaxOpenConns(o.Connections)
		s.db.SetMaxIdleConns(o.Connections)
	}
	return s, nil
}

// Close releases the connections.
func (s *Store) Close() error { return s.db.Close() }

// mode is how a transaction is opened.
type mode struct {
	readOnly  bool
	temporary bool // although it only reads, it may need a temporary table
	unlimited bool // a stream or bulk work: a statement may take as long as it takes
	bare      bool // without looking at the layout
}

// Tx is a transaction. It carries the one timestamp that everything written in
// it gets, in UTC and whole microseconds.
type Tx struct {
	Now    time.Time
	Layout *Layout
	store  *Store
	conn   *sql.Conn
	state  *connState // PostgreSQL

	cursors atomic.Int32 // how many have been opened
	unclear atomic.Pointer[unclear]
	shapes  []*userShape
}

// Read runs f in a read-only transaction that sees one state of the database.
func (s *Store) Read(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, mode{readOnly: true}, f)
}

// Write runs f in a transaction and commits when f returns nil. An error of f
// rolls back and is returned as it is. A commit of which nobody knows whether
// it happened is a CodeOutcomeUnknown error.
func (s *Store) Write(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, mode{}, f)
}

// WriteMany is Write for work of any size: its statements may take as long as they
// take, and only locks are not waited for longer than otherwise.
func (s *Store) WriteMany(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, mode{unlimited: true}, f)
}

// Snapshot runs f so that what it reads with the context it gets sees one state of
// the database, in one transaction: one list behind the other, or, with InTurns,
// several at the same time. sorted says that they are sorted, for which some take a
// temporary table. SQLite reads lists a page at a time and without a transaction
// over all.
func (s *Store) Snapshot(ctx context.Context, sorted bool, f func(context.Context) error) error {
	if s.Engine == SQLite {
		return f(ctx)
	}
	return s.transact(ctx, mode{readOnly: true, temporary: sorted, unlimited: true}, func(tx *Tx) error {
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

func (s *Store) transact(ctx context.Context, m mode, f func(*Tx) error) error {
	if tx, ok := ctx.Value(snapshot{}).(*Tx); ok && tx.store == s {
		return f(tx)
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return s.transactOn(ctx, conn, m, f)
}

func (s *Store) transactOn(ctx context.Context, conn *sql.Conn, m mode, f func(*Tx) error) (err error) {
	tx := &Tx{Now: s.opts.Now().UTC().Truncate(time.Microsecond), store: s, conn: conn}
	tx.phase(m, Begun)
	done := false
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
	if s.Engine == SQLite {
		err = tx.beginSQLite(ctx, m)
	} else {
		err = tx.beginPostgres(ctx, m)
	}
	if err != nil {
		return tx.explain(ctx, err)
	}
	if !m.bare {
		if tx.Layout = s.layout.Load(); tx.Layout == nil {
			if tx.Layout, err = tx.detect(ctx); err != nil {
				return tx.explain(ctx, err)
			}
			s.layout.Store(tx.Layout)
		}
		if err := tx.Layout.schemaProblem; err != nil {
			return err
		}
	}
	if err := f(tx); err != nil {
		return tx.explain(ctx, err)
	}
	err = tx.commit(ctx, m)
	// A commit that SQLite refused leaves the transaction open.
	done = err == nil
	return err
}

func (s *Store) connect(ctx context.Context) (*sql.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	conn, err := s.db.Conn(limited)
	if err == nil && s.Engine == SQLite && ctx.Value(inTurns{}) != nil {
		if _, err = conn.ExecContext(limited, smallCache); err != nil {
			conn.Close()
		}
	}
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, s.connectError(err)
}

// Layout returns what was found out about the database, looking if nobody has.
func (s *Store) Layout(ctx context.Context) (*Layout, error) {
	if s.layout.Load() == nil {
		if err := s.Read(ctx, func(*Tx) error { return nil }); err != nil {
			return nil, err
		}
	}
	return s.layout.Load(), nil
}

// CheckConstraints makes PostgreSQL check Django's deferred foreign keys now,
// so that commit has nothing left to fail on. SQLite has no such statement;
// its write lock is held, so nobody else can break them either.
func (tx *Tx) CheckConstraints(ctx context.Context) error {
	if tx.store.Engine == SQLite {
		return nil
	}
	return tx.exec(ctx, "set constraints all immediate")
}

// Bulk prepares the transaction for many rows: its statements may take as long as
// they take.
func (tx *Tx) Bulk(ctx context.Context) error {
	if tx.store.Engine == SQLite {
		return tx.exec(ctx, largeCache)
	}
	err := tx.exec(ctx, "set local statement_timeout = 0")
	if err == nil {
		tx.state.limit = 0
	}
	return err
}

// exec runs a statement whose row count does not matter.
func (tx *Tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.conn.ExecContext(ctx, query, args...)
	return tx.explain(ctx, err)
}

// execRows runs a statement and returns how many rows it touched.
func (tx *Tx) execRows(ctx context.Context, query string, args ...any) (int64, error) {
	if tx.store.Engine == PostgreSQL {
		n, err := countPostgres(ctx, tx.conn, query, args)
		return n, tx.explain(ctx, err)
	}
	result, err := tx.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, tx.explain(ctx, err)
	}
	return result.RowsAffected()
}
