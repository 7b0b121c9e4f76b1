package engine

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl"
)

// Values are the values of a column in the rows of one statement: one for each row, or one for all.
type Values struct {
	Column string
	Each   []any // texts or integers, one for each row; nil: all rows have the same value
	Same   any
}

// Insertion returns a statement that inserts one row for each index of the columns' lists, in their
// order. On PostgreSQL each list is an array parameter for unnest: for some thousand rows this takes as
// long as a copy into a temporary table and an insert from it, and needs no privilege to create one. On
// SQLite all lists are one JSON document.
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
		// Without a condition SQLite parses "on conflict" as the condition of a join.
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

// InsertAll inserts rows that must all be new. If one exists already, the error has the code
// [tokenctl.CodeAlreadyExists], and the transaction cannot continue. With "on conflict" it could, but
// PostgreSQL takes a third longer.
func (tx *Tx) InsertAll(ctx context.Context, n int, t *Table, columns ...Values) error {
	q := tx.Engine.Insertion(t, "", columns...)
	inserted, err := tx.ExecRows(ctx, q.Text, q.Args...)
	if err == nil && inserted < int64(n) {
		// A trigger can skip rows.
		err = &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "the database did not insert all new rows of " + t.Name}
	}
	return err
}

// Copy inserts n rows with PostgreSQL's COPY in the binary format. In the text format the server would
// log a row that it refuses.
func (tx *Tx) Copy(ctx context.Context, t *Table, columns []string, n int, row func(int) ([]any, error)) error {
	return tx.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{t.Schema, t.Name}, columns, pgx.CopyFromSlice(n, row))
		return err
	})
}
