// Package engine contains everything about PostgreSQL and SQLite that does not depend on Django's
// tables: URLs, connections, transactions, queries and their rows, inserts of many rows, the catalogue,
// and the meaning of a driver's errors. Package db knows Django's tables.
package engine

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// Options are the settings for the use of a database.
type Options struct {
	Schema      string        // PostgreSQL: the schema of the tables; empty: they are found along search_path
	Timeout     time.Duration // bounds connecting, waits for locks and single short statements
	Version     string        // tokenctl's, for application_name
	Now         tokenctl.Clock
	Zone        django.Zone // of times in the database
	Connections int         // the largest number of connections; 0: no limit

	Allow func() error // called before a transaction that writes; its error refuses the transaction. May be nil
	// Intend is called before the commit of a transaction that has changed something. It writes the intent in
	// the journal: see intent.go. Its error rolls back the transaction. It returns a function, or nil, that
	// writes the settlement and gets the last phase of the transaction: Committing means that the outcome is
	// unknown. Intend may be nil.
	Intend func(context.Context) (settle func(Phase), err error)
	Phase  func(Phase)       // called at each phase of a transaction that writes; may be nil
	Warn   func(text string) // called with a warning about a commit that succeeded; may be nil
}

// DB is a database. The errors of its methods, and of those of [Tx], are [*tokenctl.Error] values
// whose text never quotes a row.
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

// Now returns the time, in UTC and whole microseconds.
func (db *DB) Now() time.Time { return db.opts.Now().UTC().Truncate(time.Microsecond) }

// Connect returns a connection, which the caller closes.
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
