package db

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"tokenctl"
)

// values is what the rows of one statement have in a column: each its own, or
// all the same.
type values struct {
	column string
	each   []any // texts or users' keys; nil: all the same
	same   any
}

// insertion is a statement that inserts one row for each place in the lists of
// its columns, in their order. On PostgreSQL the lists are parameters that
// unnest takes apart: for batches of some thousands that takes as long as a copy
// into a temporary table and an insert from there, and needs no privilege to
// make one. On SQLite they are one JSON document.
func (l *Layout) insertion(t *Table, conflict string, columns ...values) (text string, args []any, err error) {
	var names, exprs, lists, fields []string
	var each [][]any
	for _, c := range columns {
		names = append(names, quote(c.column))
		typ := ""
		if l.Engine == PostgreSQL {
			typ = t.Column(c.column).Type
		}
		switch {
		case c.each == nil:
			args = append(args, c.same)
			exprs = append(exprs, "$"+strconv.Itoa(len(args)))
			if typ != "" {
				exprs[len(exprs)-1] = "cast($" + strconv.Itoa(len(args)) + " as " + quote(typ) + ")"
			}
		case l.Engine == SQLite:
			exprs = append(exprs, "json_extract(n.value, '$["+strconv.Itoa(len(each))+"]')")
			each = append(each, c.each)
		default:
			args = append(args, arrayOf(typ, c.each))
			lists = append(lists, "cast($"+strconv.Itoa(len(args))+" as "+quote(typ)+"[])")
			fields = append(fields, quote(c.column))
			exprs = append(exprs, "n."+quote(c.column))
		}
	}
	from := "unnest(" + strings.Join(lists, ", ") + ") as n (" + strings.Join(fields, ", ") + ")"
	if l.Engine == SQLite {
		document, err := jsonRows(each)
		if err != nil {
			return "", nil, err
		}
		args = append(args, document)
		// Without a condition SQLite takes "on conflict" for a join's.
		from = "json_each($" + strconv.Itoa(len(args)) + ") n where true"
	}
	return l.insertInto(t) + " (" + strings.Join(names, ", ") + ") select " + strings.Join(exprs, ", ") + " from " + from + " " + conflict, args, nil
}

// jsonRows turns columns into an array of rows.
func jsonRows(columns [][]any) (string, error) {
	rows := make([][]any, len(columns[0]))
	for i := range rows {
		for _, c := range columns {
			rows[i] = append(rows[i], c[i])
		}
	}
	text, err := json.Marshal(rows)
	return string(text), err
}

// keysOf are the keys of a table's users for a column that refers to them.
func (l *Layout) keysOf(table *UserTable, users []User) ([]any, error) {
	keys := make([]any, len(users))
	for i, u := range users {
		key, ok := table.keyArg(l.Engine, u.ID)
		if !ok {
			return nil, &tokenctl.Error{Code: tokenctl.CodeUserNotFound, Message: "there is no user with the id " + u.ID}
		}
		keys[i] = key
	}
	return keys, nil
}

// ownedBy narrows a query for a table under the alias t to what belongs to users who
// were named.
func (q *query) ownedBy(l *Layout, t *Table, users []User) error {
	if err := l.named(t); err != nil {
		return err
	}
	keys, err := l.keysOf(l.User, users)
	if err != nil {
		return err
	}
	return q.oneOf(l, "t.user_id", keys)
}

// insertAll inserts rows that must all be new. Where one was there already it is
// a CodeAlreadyExists error, and the end of the transaction: with "on conflict" the
// rest could go on, but PostgreSQL takes a third longer.
func (tx *Tx) insertAll(ctx context.Context, n int, t *Table, columns ...values) error {
	text, args, err := tx.Layout.insertion(t, "", columns...)
	if err != nil {
		return err
	}
	inserted, err := tx.execRows(ctx, text, args...)
	if err == nil && inserted < int64(n) {
		// A trigger of the application's may do that.
		err = &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "the database did not take all new rows of " + t.Name}
	}
	return err
}
