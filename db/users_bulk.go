package db

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// BulkUsers is how many users CreateUsers writes at once: each part is a
// savepoint, and a transaction with more than 64 of those slows down others.
const BulkUsers = 20000

// fewUsers are written one by one.
const fewUsers = 10

// CreateUsers is CreateUser for many, in their order. With an error it returns
// how many were created before the one that the error is about.
func (tx *Tx) CreateUsers(ctx context.Context, list []NewUser, random io.Reader) (int, error) {
	done := 0
	for done < len(list) {
		columns, n, err := tx.alike(list[done:min(len(list), done+BulkUsers)])
		if err != nil {
			return done, err
		}
		part := list[done : done+n]
		if n > fewUsers && columns != nil {
			err = tx.Try(ctx, func() error { return tx.insertAlike(ctx, columns, part, random) })
			if err == nil {
				done += n
				continue
			}
		}
		// One by one it also shows whom an error is about.
		for i := range part {
			if _, err := tx.insertUser(ctx, &part[i], random); err != nil {
				return done + i, err
			}
		}
		done += n
	}
	return done, nil
}

// alike returns how many of the list's first users one statement can write, and
// the columns that it writes: one whose absence is the database's default cannot
// be NULL instead. Models that inherit from another have no such statement.
func (tx *Tx) alike(list []NewUser) (userColumns, int, error) {
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

// insertAlike writes users who give the same columns.
func (tx *Tx) insertAlike(ctx context.Context, columns userColumns, list []NewUser, random io.Reader) error {
	next := func(n *NewUser) ([]any, error) {
		key, err := tx.newKey(random)
		if err != nil {
			return nil, err
		}
		return columns.values(n, key)
	}
	if tx.Layout.Engine == PostgreSQL && columns.binary() {
		return tx.copyUsers(ctx, columns, list, next)
	}
	size := min(1000, 60000/len(columns)) // PostgreSQL takes up to 65,535 parameters
	for part := range slices.Chunk(list, size) {
		rows := make([][]any, len(part))
		for i := range part {
			var err error
			if rows[i], err = next(&part[i]); err != nil {
				return err
			}
		}
		text, args, err := columns.insertMany(tx.Layout, rows)
		if err == nil {
			err = tx.exec(ctx, text, args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// insertMany is the statement that inserts rows, in their order. SQLite gets
// them as one JSON document: it finds a parameter by comparing the names of all.
func (columns userColumns) insertMany(l *Layout, rows [][]any) (string, []any, error) {
	t := l.User.Table
	if l.Engine == PostgreSQL {
		return columns.insert(t, len(rows)), slices.Concat(rows...), nil
	}
	names, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c.Name)
		values[i] = "json_extract(value, '$[" + strconv.Itoa(i) + "]')"
	}
	document, err := json.Marshal(rows)
	return l.insertInto(t) + " (" + strings.Join(names, ", ") + ") select " + strings.Join(values, ", ") + " from json_each($1)",
		[]any{string(document)}, err
}

// binary reports whether the values can be sent in PostgreSQL's binary format as
// the operator wrote them. Others, such as dates, are the server's to read.
func (columns userColumns) binary() bool {
	readable := []string{"bool", "int2", "int4", "int8", "uuid"}
	return !slices.ContainsFunc(columns, func(c userColumn) bool {
		return c.typed && !c.Text && !slices.Contains(readable, c.Type)
	})
}

// copyUsers sends users through COPY. In its text format the server would log a
// row, with the password's hash, when it refuses it.
func (tx *Tx) copyUsers(ctx context.Context, columns userColumns, list []NewUser, next func(*NewUser) ([]any, error)) error {
	t := tx.Layout.User.Table
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return tx.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{t.Schema, t.Name}, names,
			pgx.CopyFromSlice(len(list), func(i int) ([]any, error) { return next(&list[i]) }))
		return err
	})
}
