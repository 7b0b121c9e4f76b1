// Package engine is how tokenctl works with a database, PostgreSQL or SQLite: URLs, connections,
// transactions, queries and their rows, inserts of many rows, the catalogue, and what a driver's
// error means. It knows no table: those of Django, and what their columns mean, are in package db.
package engine

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// Options say how a database is used.
type Options struct {
	Schema      string        // PostgreSQL: look for tables here, not along search_path
	Timeout     time.Duration // bounds connecting, waiting for locks and single short statements
	Version     string        // tokenctl's, for application_name
	Now         tokenctl.Clock
	Zone        django.Zone // of times in the database
	Connections int         // at most so many at a time; 0: no limit

	Allow func() error // is asked before a transaction that writes, and may refuse it; nil: all are allowed
	// Intend is called before a transaction commits that has changed something, and may
	// refuse the commit. It returns a function, or nil, that is told what became of the
	// transaction: a phase, of which Committing means that nobody knows. nil: nobody is asked.
	Intend func(context.Context) (settle func(Phase), err error)
	Phase  func(Phase)       // is told how far a transaction is that writes; may be nil
	Warn   func(text string) // is told what a user must know of a commit that succeeded; may be nil
}

// DB is a database. Its methods, and those of Tx, return *tokenctl.Error values whose
// text never quotes a row.
type DB struct {
	Engine    Dialect
	pool      *sql.DB
	opts      Options
	local     []setting // run-time parameters of the URL, set in every transaction
	role      string    // PostgreSQL: who connects
	path      string    // SQLite: the file
	catalogue atomic.Pointer[Catalogue]
}

// Open prepares a database. PostgreSQL is not contacted before the first
// transaction; a SQLite file that does not exist is an error at once.
func Open(t Target, o Options) (*DB, error) {
	db := &DB{Engine: t.Engine, opts: o, path: t.Path}
	var err error
	if t.Engine == SQLite {
		db.pool, err = openSQLite(t.Path)
	} else {
		err = db.openPostgres(t.url)
	}
	if err != nil {
		return nil, err
	}
	if o.Connections > 0 {
		db.pool.SetMaxOpenConns(o.Connections)
		db.pool.SetMaxIdleConns(o.Connections)
	}
	return db, nil
}

// Close releases the connections.
func (db *DB) Close() error { return db.pool.Close() }

// Now is the time, in UTC and whole microseconds.
func (db *DB) Now() time.Time { return db.opts.Now().UTC().Truncate(time.Microsecond) }

// Connect takes a connection, which the caller closes.
func (db *DB) Connect(ctx context.Context) (*sql.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, db.opts.Timeout)
	defer cancel()
	conn, err := db.pool.Conn(limited)
	if err == nil && db.Engine == SQLite && ctx.Value(inTurns{}) != nil {
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
	return nil, db.connectError(err)
}
