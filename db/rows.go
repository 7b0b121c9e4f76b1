package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"tokenctl/django"
)

// keyArg is the parameter for a column that refers to a user. A key that the
// column's type cannot hold belongs to nobody: ok is false.
func (u *UserTable) keyArg(engine Engine, id string) (arg any, ok bool) {
	switch u.KeyType {
	case KeyInteger:
		bits := 64
		switch u.Column(u.Key).Type {
		case "int4":
			bits = 32
		case "int2":
			bits = 16
		}
		n, err := strconv.ParseInt(id, 10, bits)
		return n, err == nil
	case KeyUUID:
		hex := strings.ToLower(strings.ReplaceAll(id, "-", ""))
		if len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
			return nil, false
		}
		if engine == SQLite {
			return hex, true
		}
		return dashed(hex), true
	}
	return id, !strings.ContainsRune(id, 0)
}

// keyText is the printed form of a stored key: UUIDs are dashed on both engines.
func (u *UserTable) keyText(stored string) string {
	if u.KeyType == KeyUUID && len(stored) == 32 {
		return dashed(stored)
	}
	return stored
}

func dashed(hex string) string {
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}

// anyOf is the condition that expr is one of the values that a parameter holds;
// list makes the parameter.
func (l *Layout) anyOf(expr, placeholder string) string {
	if l.Engine == SQLite {
		return expr + " in (select value from json_each(" + placeholder + "))"
	}
	return expr + " = any(" + placeholder + ")"
}

// query is a select that is put together from conditions.
type query struct {
	text    string // the whole statement, where it is no select
	columns []string
	from    string
	where   []string
	args    []any
	order   []string // expressions with direction, the last one unique
	key     string   // a unique, ordered expression to page by where nothing sorts
	limit   int      // 0: none
}

// and adds a condition; each %s in it becomes the placeholder of one argument.
func (q *query) and(condition string, args ...any) {
	marks := make([]any, len(args))
	for i, arg := range args {
		q.args = append(q.args, arg)
		marks[i] = "$" + strconv.Itoa(len(q.args))
	}
	q.where = append(q.where, fmt.Sprintf(condition, marks...))
}

func (q *query) sql() string {
	if q.text != "" {
		return q.text
	}
	var b strings.Builder
	b.WriteString("select " + strings.Join(q.columns, ", ") + " from " + q.from)
	if len(q.where) > 0 {
		b.WriteString(" where " + strings.Join(q.where, " and "))
	}
	switch {
	case len(q.order) > 0:
		b.WriteString(" order by " + strings.Join(q.order, ", "))
	case q.key != "":
		b.WriteString(" order by " + q.key)
	}
	if q.limit > 0 {
		b.WriteString(" limit " + strconv.Itoa(q.limit))
	}
	return b.String()
}

// row is one row of a result.
type row struct {
	rows  *sql.Rows
	extra []any // destinations behind those that the caller knows of
	zone  django.Zone
}

// Scan is sql.Rows.Scan, whose errors quote the value.
func (r row) Scan(dest ...any) error {
	r.zoned(dest)
	if err := r.rows.Scan(append(dest, r.extra...)...); err != nil {
		if lost := r.rows.Err(); lost != nil {
			return lost
		}
		return &django.Error{Code: django.CodeDatabaseError, Message: "a column holds a value that Django does not write there", Err: err}
	}
	return nil
}

// each calls f for every row of q.
func (tx *Tx) each(ctx context.Context, q *query, f func(row) error, extra ...any) error {
	// Closing reads to the end of a result, and only a cancelled one is short.
	ctx, cancel := context.WithCancelCause(ctx)
	rows, err := tx.conn.QueryContext(ctx, q.sql(), q.args...)
	if err != nil {
		err = tx.store.explain(ctx, err)
		cancel(nil)
		return err
	}
	defer rows.Close()
	defer cancel(errStop)
	for rows.Next() {
		if err := f(row{rows, extra, tx.store.opts.Zone}); err != nil {
			return tx.store.explain(ctx, err)
		}
	}
	return tx.store.explain(ctx, rows.Err())
}

// errStop ends a stream whose consumer has had enough.
var errStop = errors.New("stop")

// stream yields what scan makes of the rows of the query that build makes. On
// PostgreSQL the rows come as the server sends them, in one read-only
// transaction.
func stream[T any](ctx context.Context, s *Store, build func(*Layout) (*query, error), scan func(*Layout, row) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := false
		emit := func(v T) error {
			// Rows that have arrived already must not keep a cancelled list going.
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !yield(v, nil) {
				stopped = true
				return errStop
			}
			return nil
		}
		var err error
		if s.Engine == SQLite {
			err = streamSQLite(ctx, s, build, scan, emit)
		} else {
			err = s.transact(ctx, mode{readOnly: true, unlimited: true}, func(tx *Tx) error {
				q, err := build(tx.Layout)
				if err != nil {
					return err
				}
				if tx.shared {
					return pages(ctx, tx, q, scan, emit)
				}
				return tx.each(ctx, q, func(r row) error {
					v, err := scan(tx.Layout, r)
					if err != nil {
						return err
					}
					return emit(v)
				})
			})
		}
		if err != nil && !stopped {
			var zero T
			yield(zero, err)
		}
	}
}

// pages yields the rows of q from a cursor, a page at a time, so that other
// queries of the transaction can run while the consumer has a row.
func pages[T any](ctx context.Context, tx *Tx, q *query, scan func(*Layout, row) (T, error), emit func(T) error) error {
	tx.cursors++
	name := "tokenctl_" + strconv.Itoa(tx.cursors)
	if err := tx.exec(ctx, "declare "+name+" no scroll cursor for "+q.sql(), q.args...); err != nil {
		return err
	}
	fetch := &query{text: "fetch " + strconv.Itoa(pageSize) + " from " + name}
	for {
		var page []T
		err := tx.each(ctx, fetch, func(r row) error {
			v, err := scan(tx.Layout, r)
			page = append(page, v)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, v := range page {
			if err := emit(v); err != nil {
				return err
			}
		}
	}
}

// pageSize is how many rows a list holds in memory on SQLite.
const pageSize = 1000

// streamSQLite reads a page at a time. An open transaction keeps writers from
// committing and a consumer may block for hours, so none is open while a row is
// out. Rows are paged by key; where the database has to sort them, by their
// place in a temporary table, which has no part in the file's locks.
func streamSQLite[T any](ctx context.Context, s *Store, build func(*Layout) (*query, error), scan func(*Layout, row) (T, error), emit func(T) error) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var q *query
	err = s.transactOn(ctx, conn, mode{readOnly: true}, func(tx *Tx) error {
		if q, err = build(tx.Layout); err != nil || len(q.order) == 0 {
			return err
		}
		var names []string
		for i := range q.columns {
			names = append(names, "c"+strconv.Itoa(i))
			q.columns[i] += " as " + names[i]
		}
		defer func() { q = &query{columns: names, from: "temp.listing", key: "rowid"} }()
		return tx.exec(ctx, "create temporary table listing as "+q.sql(), q.args...)
	})
	if err != nil {
		return err
	}
	if q.from == "temp.listing" {
		defer conn.ExecContext(context.WithoutCancel(ctx), "drop table temp.listing") //nolint:errcheck // it ends with the connection anyway
	}
	left := q.limit
	where, args := q.where, q.args
	q.columns = append(q.columns, q.key)
	var last any
	for {
		q.limit = pageSize
		if left > 0 {
			q.limit = min(pageSize, left)
		}
		var batch []T
		err := s.transactOn(ctx, conn, mode{readOnly: true}, func(tx *Tx) error {
			return tx.each(ctx, q, func(r row) error {
				v, err := scan(tx.Layout, r)
				batch = append(batch, v)
				return err
			}, &last)
		})
		if err != nil {
			return err
		}
		for _, v := range batch {
			if err := emit(v); err != nil {
				return err
			}
		}
		if left > 0 {
			if left -= len(batch); left == 0 {
				return nil
			}
		}
		if len(batch) < q.limit {
			return nil
		}
		q.where, q.args = slices.Clone(where), slices.Clone(args)
		q.and(q.key+" > %s", last)
	}
}
