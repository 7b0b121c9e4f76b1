package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"iter"
	"slices"
	"strconv"
)

// stream yields what scan makes of the rows of the query that build makes. On
// PostgreSQL the rows come as the server sends them, in one read-only
// transaction.
func stream[T any](ctx context.Context, s *Store, build func(*Layout) (*query, error), scan func(*Layout, *row) T) iter.Seq2[T, error] {
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
				if ctx.Value(inTurns{}) != nil {
					return pages(ctx, tx, q, scan, emit)
				}
				return tx.each(ctx, q, func(r row) error {
					v := scan(tx.Layout, &r)
					if r.err != nil {
						return r.err
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
func pages[T any](ctx context.Context, tx *Tx, q *query, scan func(*Layout, *row) T, emit func(T) error) error {
	name := "tokenctl_" + strconv.Itoa(int(tx.cursors.Add(1)))
	if err := tx.exec(ctx, "declare "+name+" no scroll cursor for "+q.sql(), q.args...); err != nil {
		return err
	}
	fetch := &query{text: "fetch " + strconv.Itoa(pageSize) + " from " + name}
	for {
		var page []T
		err := tx.each(ctx, fetch, func(r row) error {
			page = append(page, scan(tx.Layout, &r))
			return r.err
		})
		if err != nil {
			return err
		}
		for _, v := range page {
			if err := emit(v); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// pageSize is how many rows a list reads at once on SQLite.
const pageSize = 1000

// streamSQLite reads a page at a time. An open transaction keeps writers from
// committing and a consumer may block for hours, so none waits for it: while it
// has the rows of a page, the next is read, and its transaction closed. Rows are
// paged by key; where the database has to sort them, by their place in a temporary
// table, which has no part in the file's locks.
func streamSQLite[T any](ctx context.Context, s *Store, build func(*Layout) (*query, error), scan func(*Layout, *row) T, emit func(T) error) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var q *query
	var layout *Layout
	err = s.transactOn(ctx, conn, mode{readOnly: true}, func(tx *Tx) error {
		layout = tx.Layout
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
	width := len(q.columns)
	reading, cancel := context.WithCancel(ctx)
	pages := make(chan []driver.Value)
	go func() {
		err = s.readPages(reading, conn, q, pages)
		close(pages)
	}()
	// Nobody uses the connection when this returns.
	defer func() {
		cancel()
		for range pages {
		}
	}()
	var r row
	for page := range pages {
		for ; len(page) > 0; page = page[width+1:] {
			r = row{zone: s.opts.Zone, values: page[:width]}
			v := scan(layout, &r)
			if r.err != nil {
				return r.err
			}
			if err := emit(v); err != nil {
				return err
			}
		}
	}
	return err
}

// readPages sends the rows of q by pages: their values behind each other, each
// row's key behind its columns.
func (s *Store) readPages(ctx context.Context, conn *sql.Conn, q *query, pages chan<- []driver.Value) error {
	left := q.limit
	where, args := q.where, q.args
	q.columns = append(q.columns, q.key)
	width := len(q.columns)
	for {
		q.limit = pageSize
		if left > 0 {
			q.limit = min(pageSize, left)
		}
		page := make([]driver.Value, 0, q.limit*width)
		// A statement by itself is a transaction.
		err := s.patiently(ctx, func() error {
			return eachSQLite(ctx, conn, s.opts.Zone, q, func(r row) error {
				page = append(page, r.values...)
				return nil
			})
		})
		if err != nil {
			return s.explain(ctx, err)
		}
		pages <- page
		if left > 0 {
			if left -= q.limit; left == 0 {
				return nil
			}
		}
		if len(page) < q.limit*width {
			return nil
		}
		q.where, q.args = slices.Clone(where), slices.Clone(args)
		q.and(q.key+" > %s", page[len(page)-1])
	}
}
