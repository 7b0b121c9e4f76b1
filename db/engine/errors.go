package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"tokenctl"
)

// Only this file and errors_*.go turn errors of a driver into errors of tokenctl. The detail, the
// context and the query of a server's error quote rows, and rows contain secrets, so they are dropped.
// The messages of SQLSTATE classes that quote values are dropped too.

// explain translates err, or says that ctx ended the work.
func (tx *Tx) explain(ctx context.Context, err error) error {
	var known *tokenctl.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	// After a failure PostgreSQL refuses every statement of the transaction, and on a lost connection
	// every statement fails. The first failure is the cause.
	var pg *pgconn.PgError
	if tx.state == nil {
		return tx.translate(err)
	}
	if errors.As(err, &pg) {
		if first := tx.state.failed.Load(); first != nil {
			return tx.postgresError(first)
		}
	}
	err = tx.translate(err)
	if pg != nil {
		return err
	}
	if errors.As(err, &known) && !tx.state.connErr.CompareAndSwap(nil, known) {
		return tx.state.connErr.Load()
	}
	return err
}

func (tx *Tx) translate(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return tx.postgresError(&failure{PgError: pg})
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return tx.sqliteError(lite)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &tokenctl.Error{Code: tokenctl.CodeTimeout, Message: "the database server gave no answer within --timeout", Err: err,
			Hint: "check the server and the network, or allow more with --timeout 2m"}
	case isLost(err):
		return &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "the connection to the database was lost", Err: err, Hint: "try again"}
	}
	return err
}

// isLost reports whether err means that the connection was lost.
func isLost(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) ||
		pgconn.Timeout(err) || strings.Contains(err.Error(), "conn closed")
}

// endsConnection reports whether the connection ends with this error of the server or of a pooler
// (class 08). The outcome of a commit is then unknown. 25P03 is an exception: it ends an idle
// transaction before the commit was sent.
func endsConnection(pg *pgconn.PgError) bool {
	fatal := pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC"
	return pg.Code != "25P03" && (fatal || strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P"))
}

// unclear is an error of PostgreSQL whose cause needs another query. The failed transaction allows no
// query.
type unclear struct {
	err           *tokenctl.Error
	code          string // SQLSTATE
	schema, table string // empty if unknown
}

// clarify completes an error that ended the transaction. If a query fails, the error stays as it is.
func (tx *Tx) clarify(ctx context.Context, err error) {
	u := tx.unclear.Load()
	if u == nil || !errors.Is(err, u.err) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	switch u.code {
	case "25006":
		var standby, byDefault bool
		if tx.conn.QueryRowContext(ctx, "select pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool").Scan(&standby, &byDefault) != nil {
			return
		}
		switch {
		case standby:
			u.err.Message = "the database accepts no changes here: the server is a standby"
			u.err.Hint = "connect to the primary, for example with target_session_attrs=read-write"
		case byDefault:
			u.err.Message = "the database accepts no changes here: default_transaction_read_only is on for the role " + tx.db.role + ", the database or the server"
			u.err.Hint = "connect as a role that may write"
		}
	case "23505":
		if u.err.Code != tokenctl.CodeDatabaseError {
			return
		}
		for _, s := range tx.sequences(ctx, u) {
			if s.key {
				u.err.Message = fmt.Sprintf("the sequence %s is behind %s.%s: it gives numbers that are taken", s.name, u.table, s.column)
				u.err.Hint = setvalHint(u.schema, u.table, s.column, s.name)
			}
		}
	case "2200H", "22003":
		for _, s := range tx.sequences(ctx, u) {
			if s.usedUp {
				u.err.Code = tokenctl.CodeDatabaseError
				u.err.Message = fmt.Sprintf("the numbers of %s.%s are used up: the column is %s, and its sequence %s has given the last one", u.table, s.column, s.typ, s.name)
				u.err.Hint = "widen both to bigint, or let the sequence begin in a gap"
			}
		}
	}
}
