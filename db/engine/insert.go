package engine

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl"
)

// Values is what the rows of one statement have in a column: each its own, or
// all the same.
type Values struct {
	Column string
	Each   []any // texts or integers; nil: all the same
	Same   any
}

// Insertion is a statement that inserts one row for each place in the lists of
// its columns, in their order. On PostgreSQL the lists are parameters that
// unnest takes apart: for batches of some thousands that takes as long as a copy
// into a temporary table and an insert from there, and needs no privilege to
// make one. On SQLite they are one JSON document.
func (d Dialect) Insertion(t *Table, conflict string, columns ...Values) *Query {
	var args []any
	var names, exprs, lists, fields []string
	var each [][]any
	for _, c := range columns {
		names = append(names, Quote(c.Column))
		switch {
		case c.Each == nil:
			args = append(args, c.Same)
			exprs = append(exprs, "$"+strconv.Itoa(len(args))) // PostgreSQL gives it the type of the column
		case d == SQLite:
			exprs = append(exprs, "json_extract(n.value, '$["+strconv.Itoa(len(each))+"]')")
			each = append(each, c.Each)
		default:
			typ := t.Column(c.Column).Type
			args = append(args, ArrayOf(typ, c.Each))
			lists = append(lists, "cast($"+strconv.Itoa(len(args))+" as "+Quote(typ)+"[])")
			fields = append(fields, Quote(c.Column))
			exprs = append(exprs, "n."+Quote(c.Column))
		}
	}
	from := "unnest(" + strings.Join(lists, ", ") + ") as n (" + strings.Join(fields, ", ") + ")"
	if d == SQLite {
		args = append(args, jsonText(rowsOf(each)))
		// Without a condition SQLite takes "on conflict" for a join's.
		from = "json_each($" + strconv.Itoa(len(args)) + ") n where true"
	}
	return &Query{Text: d.InsertInto(t) + " (" + strings.Join(names, ", ") + ") select " + strings.Join(exprs, ", ") + " from " + from + " " + conflict, Args: args}
}

// rowsOf turns columns into rows.
func rowsOf(columns [][]any) [][]any {
	rows := make([][]any, len(columns[0]))
	for i := range rows {
		for _, c := range columns {
			rows[i] = append(rows[i], c[i])
		}
	}
	return rows
}

// InsertAll inserts rows that must all be new. Where one was there already it is
// a CodeAlreadyExists error, and the end of the transaction: with "on conflict" the
// rest could go on, but PostgreSQL takes a third longer.
func (tx *Tx) InsertAll(ctx context.Context, n int, t *Table, columns ...Values) error {
	q := tx.Engine.Insertion(t, "", columns...)
	inserted, err := tx.ExecRows(ctx, q.Text, q.Args...)
	if err == nil && inserted < int64(n) {
		// A trigger may do that.
		err = &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "the database did not take all new rows of " + t.Name}
	}
	return err
}

// Copy inserts n rows through PostgreSQL's COPY. In its text format the server would log
// a row that it refuses.
func (tx *Tx) Copy(ctx context.Context, t *Table, columns []string, n int, row func(int) ([]any, error)) error {
	return tx.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{t.Schema, t.Name}, columns, pgx.CopyFromSlice(n, row))
		return err
	})
}
