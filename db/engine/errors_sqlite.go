package engine

import (
	"context"
	"math"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tokenctl"
)

// sqliteSubject matches the name in SQLite's message about a constraint: columns, or a check constraint.
var sqliteSubject = tokenctl.Lazily(`constraint failed: (.*) \([0-9]+\)$`)

// sqliteError translates an error of SQLite.
func (tx *Tx) sqliteError(lite *sqlite.Error) error {
	file := "the SQLite database"
	if tx.db.path != "" {
		file += " " + tx.db.path
	}
	e := &tokenctl.Error{Err: lite}
	set := func(code tokenctl.Code, message, hint string) { e.Code, e.Message, e.Hint = code, message, hint }
	const permissions = "check the permissions of the file and of its folder, which holds the journal"
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		set(tokenctl.CodeDatabaseLocked, "another process holds the SQLite database's lock", "try again, or wait longer with --timeout")
	case sqlite3.SQLITE_READONLY:
		set(tokenctl.CodeDatabaseReadOnly, file+" cannot be written", permissions)
		switch lite.Code() {
		case sqlite3.SQLITE_READONLY_DBMOVED:
			set(tokenctl.CodeDatabaseReadOnly, file+" was moved or replaced while it was open", "try again")
		case sqlite3.SQLITE_READONLY_DIRECTORY:
			set(tokenctl.CodeDatabaseReadOnly, file+" cannot be written: its folder, which holds the journal, is read-only", "check the permissions of the folder")
		case sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY:
			set(tokenctl.CodeDatabaseReadOnly, file+" has an unfinished journal of another process, and cannot be written to complete it", permissions)
		}
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		set(tokenctl.CodeDatabaseUnreachable, file+" cannot be opened", permissions)
	case sqlite3.SQLITE_FULL:
		set(tokenctl.CodeDatabaseFull, "the disk under "+file+" is full, or the file has reached its greatest size", "make room, then try again")
		if table := tx.usedUp(); table != "" {
			set(tokenctl.CodeDatabaseError, "the numbers of the ids of "+table+" are used up: its sequence has given the last one", "lower its seq in the table sqlite_sequence to the greatest id below a gap")
		}
	case sqlite3.SQLITE_IOERR:
		set(tokenctl.CodeDatabaseError, "reading or writing "+file+" failed", "check the disk")
		if lite.Code() == sqlite3.SQLITE_IOERR_SHORT_READ {
			set(tokenctl.CodeDatabaseUnreachable, file+" is damaged: it is shorter than it says", "restore it from a backup")
		}
	case sqlite3.SQLITE_CORRUPT:
		set(tokenctl.CodeDatabaseUnreachable, file+" is damaged", "sqlite3 FILE 'pragma integrity_check' shows where; restore it from a backup")
	case sqlite3.SQLITE_NOTADB:
		set(tokenctl.CodeDatabaseUnreachable, file+" is not a SQLite database, or is encrypted", "check the path")
	case sqlite3.SQLITE_CONSTRAINT:
		tx.constraintError(lite, e)
	case sqlite3.SQLITE_MISMATCH:
		set(tokenctl.CodeInvalidValue, "a value is not of its column's type: an integer primary key accepts only integers", "tokenctl doctor shows the layout")
	case sqlite3.SQLITE_TOOBIG:
		set(tokenctl.CodeInvalidValue, "a value is larger than SQLite allows", "")
	case sqlite3.SQLITE_NOMEM:
		set(tokenctl.CodeDatabaseError, "there is no memory left for SQLite", "free some, then try again")
	case sqlite3.SQLITE_SCHEMA:
		set(tokenctl.CodeLayoutUnsupported, "the tables changed while tokenctl read them", layoutHint)
	case sqlite3.SQLITE_PROTOCOL:
		set(tokenctl.CodeDatabaseLocked, "the lock of "+file+" could not be taken", "try again; SQLite does not work on a network's file system")
	case sqlite3.SQLITE_INTERRUPT:
		return context.Canceled
	default:
		// SQLite's own messages name only objects of the schema. The message of a trigger has the code of
		// a constraint and never gets here.
		text := strings.TrimPrefix(lite.Error(), "SQL logic error: ")
		if i := strings.LastIndex(text, " ("); i > 0 {
			text = text[:i]
		}
		set(tokenctl.CodeDatabaseError, "SQLite refuses this: "+text, layoutHint)
		if strings.Contains(text, "no such ") || strings.Contains(text, "has no column") {
			set(tokenctl.CodeLayoutUnsupported, "the tables changed while tokenctl read them: "+text, layoutHint)
		}
	}
	return e
}

func (tx *Tx) constraintError(lite *sqlite.Error, e *tokenctl.Error) {
	subject := ""
	if m := sqliteSubject().FindStringSubmatch(lite.Error()); m != nil {
		subject = m[1]
	}
	switch lite.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		var columns []string
		for _, name := range strings.Split(subject, ", ") {
			_, column, _ := strings.Cut(name, ".")
			columns = append(columns, column)
		}
		e.Code, e.Message, e.Err = tokenctl.CodeAlreadyExists, "a row with this value is already there ("+subject+")", &Duplicate{lite, columns}
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		e.Code, e.Message, e.Hint = tokenctl.CodeColumnsRequired, subject+" must have a value", "give the column a default in the database; for users there is --set"
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		e.Code, e.Message = tokenctl.CodeInvalidValue, "the table does not allow this value ("+subject+")"
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		e.Code, e.Message, e.Hint = tokenctl.CodeReferenced, "a row refers to a row that does not exist", "tokenctl doctor lists broken foreign keys"
	case sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		e.Code, e.Message = tokenctl.CodeInvalidValue, "a value is not of its column's type in a strict table"
	default:
		e.Code, e.Message = tokenctl.CodeDatabaseError, "a constraint or trigger of the application refused this"
	}
}

// usedUp returns a table whose ids have reached the largest number, or "". SQLite reports this as a full
// disk.
func (tx *Tx) usedUp() (table string) {
	if tx.conn == nil {
		return ""
	}
	tx.conn.QueryRowContext(context.Background(), "select name from sqlite_sequence where seq = $1", int64(math.MaxInt64)).Scan(&table) //nolint:errcheck // then nothing is found out
	return table
}
