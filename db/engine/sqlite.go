package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tokenctl"
)

func openSQLite(path string) (*sql.DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &tokenctl.Error{Code: tokenctl.CodeDatabaseMissing, Message: "there is no database at " + path,
			Hint: "tokenctl init creates one there; -d or DATABASE_URL names another"}
	case err != nil:
		return nil, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "cannot open " + path + ": " + tokenctl.Reason(err), Err: err}
	case !info.Mode().IsRegular():
		return nil, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: path + " is " + tokenctl.FileKind(info.Mode()) + ", not a SQLite database"}
	}
	// mode=rw never creates the file; SQLite opens it read-only if it cannot be written. SQLite does not
	// check foreign keys by default. Django turns them on, and broken ones would make it fail later.
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: "mode=rw&_pragma=foreign_keys(1)&_pragma=busy_timeout(200)"}
	return sql.OpenDB(sqliteConnector{dsn.String()}), nil
}

// sqliteConnector connects to a SQLite database.
type sqliteConnector struct{ dsn string }

// Connect implements [driver.Connector].
func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }

// Driver implements [driver.Connector].
func (sqliteConnector) Driver() driver.Driver { return sqliteDriver() }

// beginSQLite takes the write lock or the read lock at once, so that no later statement of the
// transaction fails with SQLITE_BUSY.
func (tx *Tx) beginSQLite(ctx context.Context, mode Mode) error {
	if !mode.ReadOnly {
		err := tx.db.patiently(ctx, func() error {
			_, err := tx.conn.ExecContext(ctx, "begin immediate")
			return err
		})
		if err != nil || !mode.Unlimited {
			return err
		}
		return tx.Bulk(ctx)
	}
	if _, err := tx.conn.ExecContext(ctx, "begin"); err != nil {
		return err
	}
	return tx.db.patiently(ctx, func() error {
		var n int
		return tx.conn.QueryRowContext(ctx, "select count(*) from sqlite_schema").Scan(&n)
	})
}

// largeCache is for changes of many rows: their keys are random, so with SQLite's default of 2 MB the
// same pages would be read and written repeatedly. It is 32 MB, for which the driver takes up to twice
// as much memory if the file is large enough.
const largeCache = "pragma cache_size = -32768"

// smallCache is for lists that are read in turns, each on its own connection. With SQLite's defaults each
// connection would take 2 MB for pages and 2 MB for sorting.
const smallCache = "pragma cache_size = -512"

// patiently repeats f while another process holds SQLite's lock, for at most the database's timeout.
// SQLite's own busy handler cannot be interrupted, so its timeout is short, and patiently waits instead.
func (db *DB) patiently(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(db.opts.Timeout)
	for {
		err := f()
		if !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// CreateFile makes the empty file of a SQLite database with permissions for its owner only. If the file
// exists, it stays as it is, and created is false.
func CreateFile(t Target) (created bool, err error) {
	f, err := os.OpenFile(t.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "cannot create " + t.Path + ": " + tokenctl.Reason(err), Err: err}
	}
	return true, f.Close()
}
