package db

import (
	"context"
	"io"
	"slices"

	"tokenctl"
	"tokenctl/db/engine"
)

// BulkUsers is the number of users that [Tx.CreateUsers] writes in one savepoint. A transaction with more
// than 64 savepoints slows down other transactions.
const BulkUsers = 20000

// fewUsers is the number of users up to which users are written one by one.
const fewUsers = 10

// CreateUsers inserts users, in their order. Django's tables have no defaults, so every column that is not
// null needs a value. If tokenctl has no value for a column, the error has the code
// [tokenctl.CodeColumnsRequired] and names all of these columns. random makes UUID keys. With an error it
// returns the number of users before the one that caused the error.
func (tx *Tx) CreateUsers(ctx context.Context, list []NewUser, random io.Reader) (int, error) {
	done := 0
	for done < len(list) {
		columns, n, err := tx.sameColumns(list[done:min(len(list), done+BulkUsers)])
		if err != nil {
			return done, err
		}
		part := list[done : done+n]
		if n > fewUsers && columns != nil {
			err = tx.Try(ctx, func() error { return tx.insertSameColumns(ctx, columns, part, random) })
			if err == nil {
				done += n
				continue
			}
		}
		// Creating users one by one shows which user causes an error.
		for i := range part {
			if _, err := tx.insertUser(ctx, &part[i], random); err != nil {
				return done + i, err
			}
		}
		done += n
	}
	return done, nil
}

// sameColumns returns the number of users at the beginning of list that one statement can write, and its
// columns. Users who need different defaults of the database need different statements, because NULL is not
// the default. For a model that inherits from another one the number is 0.
func (tx *Tx) sameColumns(list []NewUser) (userColumns, int, error) {
	var shapes []*userShape
	n := 0
	for n < len(list) {
		s, err := tx.userShape(&list[n])
		if err != nil && n == 0 {
			return nil, 0, err
		}
		if err != nil || len(shapes) > 0 && s.defaults != shapes[0].defaults {
			break
		}
		if !slices.Contains(shapes, s) {
			shapes = append(shapes, s)
		}
		n++
	}
	if len(tx.Layout.User.Children) > 0 {
		return nil, n, nil
	}
	columns := slices.Clone(shapes[0].columns[0])
	for _, s := range shapes[1:] {
		for _, c := range s.columns[0] {
			if !slices.ContainsFunc(columns, func(d userColumn) bool { return d.Column == c.Column }) {
				columns = append(columns, c)
			}
		}
	}
	return columns, n, nil
}

// insertSameColumns writes users who have values for the same columns.
func (tx *Tx) insertSameColumns(ctx context.Context, columns userColumns, list []NewUser, random io.Reader) error {
	next := func(n *NewUser) ([]any, error) {
		key, err := tx.newKey(random)
		if err != nil {
			return nil, err
		}
		return columns.values(n, key)
	}
	if tx.Layout.Engine == engine.PostgreSQL && columns.binary() {
		names := tokenctl.Mapped(columns, func(c userColumn) string { return c.Name })
		return tx.Copy(ctx, tx.Layout.User.Table, names, len(list), func(i int) ([]any, error) { return next(&list[i]) })
	}
	size := min(1000, 60000/len(columns)) // PostgreSQL accepts up to 65,535 parameters
	for part := range slices.Chunk(list, size) {
		rows := make([][]any, len(part))
		for i := range part {
			var err error
			if rows[i], err = next(&part[i]); err != nil {
				return err
			}
		}
		q := columns.insertMany(tx.Layout, rows)
		if err := tx.Exec(ctx, q.Text, q.Args...); err != nil {
			return err
		}
	}
	return nil
}

// insertMany returns the statement that inserts rows, in their order. On SQLite the rows are one JSON
// document, because its driver is slow with many parameters: it searches all names for each.
func (columns userColumns) insertMany(l *Layout, rows [][]any) *engine.Query {
	t := l.User.Table
	if l.Engine == engine.PostgreSQL {
		return &engine.Query{Text: columns.insert(t, len(rows)), Args: slices.Concat(rows...)}
	}
	values := make([]engine.Values, len(columns))
	for i, c := range columns {
		values[i].Column = c.Name
		for _, r := range rows {
			values[i].Each = append(values[i].Each, r[i])
		}
	}
	return l.Engine.Insertion(t, "", values...)
}

// binary reports whether values from the command line can be sent in PostgreSQL's binary format. The server
// must parse other values, such as dates.
func (columns userColumns) binary() bool {
	readable := []string{"bool", "int2", "int4", "int8", "uuid"}
	return !slices.ContainsFunc(columns, func(c userColumn) bool {
		return c.typed && !c.Text && !slices.Contains(readable, c.Type)
	})
}
