package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tokenctl/django"
)

// This file is the one place where a driver's error becomes tokenctl's. A
// server's detail, context and query quote rows, and rows hold secrets, so none
// of them is passed on, nor the message of an SQLSTATE class that quotes values.

// explain is Tx.explain for what runs in no transaction of its own.
func (s *Store) explain(ctx context.Context, err error) error {
	return (&Tx{store: s, Layout: s.layout.Load()}).explain(ctx, err)
}

// explain translates err, or says that ctx ended the work.
func (tx *Tx) explain(ctx context.Context, err error) error {
	var known *django.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	// PostgreSQL refuses every statement after one that failed, and a connection that
	// was lost fails every one. What failed first is what is wrong.
	var pg *pgconn.PgError
	if tx.state == nil {
		return translate(err)
	}
	if errors.As(err, &pg) {
		if first := tx.state.failed.Load(); first != nil {
			return postgresError(first)
		}
		return translate(err)
	}
	err = translate(err)
	if errors.As(err, &known) && !tx.state.lost.CompareAndSwap(nil, known) {
		return tx.state.lost.Load()
	}
	return err
}

func translate(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return postgresError(&failure{PgError: pg})
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return sqliteError(lite)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &django.Error{Code: django.CodeTimeout, Message: "the database server gave no answer within --timeout", Err: err,
			Hint: "check the server and the network, or allow more with --timeout 2m"}
	case isLost(err):
		return &django.Error{Code: django.CodeDatabaseUnreachable, Message: "the connection to the database was lost", Err: err, Hint: "try again"}
	}
	return err
}

// isLost reports whether err is the loss of a connection.
func isLost(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) ||
		pgconn.Timeout(err) || strings.Contains(err.Error(), "conn closed")
}

// connectError explains why there is no connection.
func connectError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		hint := "check the user, the password (.pgpass, PGPASSWORD, a service file) and pg_hba.conf"
		switch pg.Code {
		case "3D000":
			hint = "check the database's name"
		case "53300":
			hint = "the server has no connection left; try again"
		case "57P03":
			hint = "the server is starting up or shutting down; try again"
		case "08P01":
			hint = "the connection pooler refused; check its log"
		}
		return &django.Error{Code: django.CodeDatabaseRefused, Message: "the database refused the connection: " + pg.Message, Hint: hint, Err: err}
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return sqliteError(lite)
	}
	message := "cannot reach the database"
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		message += fmt.Sprintf(" (%s on %s)", connect.Config.Database, connect.Config.Host)
	}
	if reason := reachReason(err); reason != "" {
		message += ": " + reason
	}
	return &django.Error{Code: django.CodeDatabaseUnreachable, Message: message, Err: err,
		Hint: "check -d, TOKENCTL_DATABASE_URL or DATABASE_URL, and that the server listens there"}
}

// reachReason is the innermost cause in the operating system's words. pgx's own
// text names the user and host, which the message has already.
func reachReason(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "no such host"
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return "no answer in time"
	case errors.As(err, &op):
		return op.Err.Error()
	case strings.Contains(err.Error(), "read only"), strings.Contains(err.Error(), "standby"), strings.Contains(err.Error(), "read-write"):
		return "no server of the kind that target_session_attrs asks for"
	case strings.Contains(err.Error(), "tls"), strings.Contains(err.Error(), "certificate"), strings.Contains(err.Error(), "TLS"):
		return "no TLS connection of the kind that sslmode asks for"
	}
	return ""
}

// endsConnection reports whether pg is the last word on a connection, the
// server's or a pooler's (class 08).
func endsConnection(pg *pgconn.PgError) bool {
	return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P")
}

func postgresError(pg *failure) error {
	e := &django.Error{Err: pg.PgError}
	// Inside a function the message may be one that an application's trigger
	// wrote, about a row.
	own := pg.Where == ""
	switch pg.Code {
	case "42501":
		e.Code, e.Message = django.CodePermissionDenied, "permission denied"
		if own {
			e.Message = pg.Message
		}
		e.Hint = "grant the role select, insert, update and delete on Django's tables (and usage on their sequences)"
	case "25006":
		e.Code, e.Message = django.CodeDatabaseReadOnly, "the database takes no changes from here: it is a standby, or default_transaction_read_only is on"
		e.Hint = "connect to the primary, for example with target_session_attrs=read-write, as a role that may write"
	case "55P03":
		e.Code, e.Message = django.CodeDatabaseLocked, "another transaction holds a row or table that this needs"
		e.Hint = "try again, or wait longer with --timeout"
	case "57014":
		e.Code, e.Message = django.CodeTimeout, "the database took longer than --timeout allows"
		e.Hint = "allow more with --timeout 2m"
		if !pg.late {
			e.Code, e.Message = django.CodeDatabaseError, "somebody cancelled the query in the database"
			e.Hint = "ask who calls pg_cancel_backend there, or try again"
		}
	case "57P01", "57P02", "57P03":
		e.Code, e.Message = django.CodeDatabaseUnreachable, "the database server is shutting down"
		e.Hint = "try again"
	case "40001", "40P01":
		e.Code, e.Message = django.CodeDeadlock, "another transaction changes the same rows, and the database let that one go on"
		e.Hint = "try again"
	case "53100":
		e.Code, e.Message = django.CodeDatabaseFull, "the database server's disk is full"
	case "42P01", "42703":
		e.Code, e.Message = django.CodeLayoutUnsupported, "the tables changed while tokenctl was looking at them"
		e.Hint = "try again; tokenctl doctor shows what is there"
	case "23505":
		e.Code, e.Message = django.CodeAlreadyExists, fmt.Sprintf("a row with this value is already in %s (%s)", pg.TableName, pg.ConstraintName)
	case "23503":
		e.Code, e.Message = django.CodeReferenced, fmt.Sprintf("%s refers to a row that is not there (%s)", pg.TableName, pg.ConstraintName)
	case "23502":
		e.Code, e.Message = django.CodeColumnsRequired, fmt.Sprintf("%s.%s must have a value", pg.TableName, pg.ColumnName)
	case "23514":
		e.Code, e.Message = django.CodeInvalidValue, fmt.Sprintf("%s does not allow this value (%s)", pg.TableName, pg.ConstraintName)
	case "22001":
		e.Code, e.Message = django.CodeInvalidValue, "a value is too long for its column"
	case "22003", "22007", "22008", "22P02", "22P05", "22021":
		e.Code, e.Message = django.CodeInvalidValue, "a value is not of its column's type"
	default:
		e.Code, e.Message = django.CodeDatabaseError, "the database reports SQLSTATE "+pg.Code
		if endsConnection(pg.PgError) {
			e.Code, e.Message = django.CodeDatabaseUnreachable, "the connection to the database was lost"
			e.Hint = "try again"
		}
		// Classes whose messages name objects of the schema, never values.
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", "28", "3D", "3F", "42", "53", "55", "57", "58":
			if own {
				e.Message += ": " + pg.Message
			}
		}
	}
	return e
}

func sqliteError(lite *sqlite.Error) error {
	e := &django.Error{Err: lite}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		e.Code, e.Message = django.CodeDatabaseLocked, "another process holds the SQLite database's lock"
		e.Hint = "try again, or wait longer with --timeout"
	case sqlite3.SQLITE_READONLY:
		e.Code, e.Message = django.CodeDatabaseReadOnly, "the SQLite database cannot be written"
		e.Hint = "check the permissions of the file and of its folder, which holds the journal"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		e.Code, e.Message = django.CodeDatabaseUnreachable, "the SQLite database cannot be opened"
		e.Hint = "check the permissions of the file and of its folder, which holds the journal"
	case sqlite3.SQLITE_FULL:
		e.Code, e.Message = django.CodeDatabaseFull, "the disk under the SQLite database is full"
	case sqlite3.SQLITE_IOERR:
		e.Code, e.Message = django.CodeDatabaseError, "reading or writing the SQLite database failed"
		e.Hint = "check the disk"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		e.Code, e.Message = django.CodeDatabaseUnreachable, "the file is not a SQLite database, or a damaged one"
	case sqlite3.SQLITE_CONSTRAINT:
		switch lite.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			e.Code, e.Message = django.CodeAlreadyExists, "a row with this value is already there"
		case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
			e.Code, e.Message = django.CodeColumnsRequired, "a column must have a value"
		case sqlite3.SQLITE_CONSTRAINT_CHECK:
			e.Code, e.Message = django.CodeInvalidValue, "the table does not allow this value"
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			e.Code, e.Message = django.CodeReferenced, "a row refers to one that is not there"
		default:
			e.Code, e.Message = django.CodeDatabaseError, "a constraint or trigger of the application refused this"
		}
	case sqlite3.SQLITE_INTERRUPT:
		return context.Canceled
	default:
		e.Code, e.Message = django.CodeDatabaseError, fmt.Sprintf("SQLite reports error %d", lite.Code())
	}
	return e
}
