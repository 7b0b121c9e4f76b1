package db

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tokenctl/django"
)

func openSQLite(path string) (*sql.DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &django.Error{Code: django.CodeDatabaseMissing, Message: "there is no database at " + path,
			Hint: "tokenctl init creates one there; -d or DATABASE_URL names another"}
	case err != nil:
		return nil, &django.Error{Code: django.CodeDatabaseUnreachable, Message: "cannot open " + path + ": " + err.(*fs.PathError).Err.Error(), Err: err}
	case info.IsDir():
		return nil, &django.Error{Code: django.CodeDatabaseUnreachable, Message: path + " is a directory, not a SQLite database"}
	case !info.Mode().IsRegular():
		return nil, &django.Error{Code: django.CodeDatabaseUnreachable, Message: path + " is no regular file, so no SQLite database"}
	}
	// mode=rw never creates the file. SQLite falls back to reading where the
	// file cannot be written. Foreign keys are off by default in SQLite; Django
	// turns them on, and without them orphans would break it later.
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: "mode=rw&_pragma=foreign_keys(1)&_pragma=busy_timeout(200)"}
	registerJWTFunction()
	return sql.Open("sqlite", dsn.String())
}

// beginSQLite takes the write lock at once, so that a transaction cannot fail
// with SQLITE_BUSY in its middle, and the read lock likewise.
func (tx *Tx) beginSQLite(ctx context.Context, mode mode) error {
	if !mode.readOnly {
		return tx.store.patiently(ctx, func() error {
			_, err := tx.conn.ExecContext(ctx, "begin immediate")
			return err
		})
	}
	if _, err := tx.conn.ExecContext(ctx, "begin"); err != nil {
		return err
	}
	return tx.store.patiently(ctx, func() error {
		var n int
		return tx.conn.QueryRowContext(ctx, "select count(*) from sqlite_schema").Scan(&n)
	})
}

// patiently repeats f while another process holds SQLite's lock, up to the
// store's timeout. SQLite's own busy handler cannot be interrupted, which is
// why its timeout is short and the waiting happens here.
func (s *Store) patiently(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(s.opts.Timeout)
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
