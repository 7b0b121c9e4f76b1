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
		return nil, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "cannot open " + path + ": " + reason(err), Err: err}
	case info.IsDir():
		return nil, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: path + " is a directory, not a SQLite database"}
	case !info.Mode().IsRegular():
		return nil, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: path + " is no regular file, so no SQLite database"}
	}
	// mode=rw never creates the file. SQLite falls back to reading where the
	// file cannot be written. Foreign keys are off by default in SQLite; Django
	// turns them on, and without them orphans would break it later.
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

// beginSQLite takes the write lock at once, so that a transaction cannot fail
// with SQLITE_BUSY in its middle, and the read lock likewise.
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

// largeCache is for changes of many rows, whose keys are random: with SQLite's 2 MB
// the same pages are read and written again and again. It is of 32 MB, for which
// the driver takes twice as much memory, where the file is that large.
const largeCache = "pragma cache_size = -32768"

// smallCache is for lists that are read in turns, each over a connection of its own:
// what SQLite takes by itself, 2 MB for pages and as much to sort with, it takes for
// each.
const smallCache = "pragma cache_size = -512"

// patiently repeats f while another process holds SQLite's lock, up to the
// store's timeout. SQLite's own busy handler cannot be interrupted, which is
// why its timeout is short and the waiting happens here.
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

// CreateFile makes the empty file of a SQLite database, for its owner alone.
// A file that is there already is left as it is: created is false.
func CreateFile(t Target) (created bool, err error) {
	f, err := os.OpenFile(t.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "cannot create " + t.Path + ": " + reason(err), Err: err}
	}
	return true, f.Close()
}

// reason is the operating system's word for what went wrong with a file.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
