package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"iter"
	"slices"
	"strconv"
)

// Stream yields the rows of a query, read by scan. On PostgreSQL it runs in one read-only transaction
// and yields each row when the server sends it.
func Stream[T any](ctx context.Context, db *DB, q *Query, scan func(*Row) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := false
		emit := func(v T) error {
			// A cancelled list must not yield the rows that have arrived already.
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !yield(v, nil) {
				stopped = true
				return ErrStop
			}
			return nil
		}
		var err error
		if db.Engine == SQLite {
			err = streamSQLite(ctx, db, q, scan, emit)
		} else {
			err = db.Transact(ctx, Mode{ReadOnly: true, Unlimited: true}, func(tx *Tx) error {
				if ctx.Value(inTurns{}) != nil {
					return pages(ctx, tx, q, scan, emit)
				}
				return tx.Each(ctx, q, func(r Row) error {
					v := scan(&r)
					if r.Err != nil {
						return r.Err
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

// pages yields the rows of q from a cursor, page by page, so that other queries of the transaction can
// run while the consumer handles a row.
func pages[T any](ctx context.Context, tx *Tx, q *Query, scan func(*Row) T, emit func(T) error) error {
	name := "tokenctl_" + strconv.Itoa(int(tx.cursors.Add(1)))
	if err := tx.Exec(ctx, "declare "+name+" no scroll cursor for "+q.SQL(), q.Args...); err != nil {
		return err
	}
	fetch := &Query{Text: "fetch " + strconv.Itoa(PageSize) + " from " + name}
	for {
		page, err := Collect(ctx, tx, fetch, scan)
		if err != nil {
			return err
		}
		for _, v := range page {
			if err := emit(v); err != nil {
				return err
			}
		}
		if len(page) < PageSize {
			return nil
		}
	}
}

// PageSize is the number of rows in a page of a list that is read page by page.
const PageSize = 1000

// streamSQLite reads page by page. An open transaction prevents commits of writers, and a consumer may
// block for hours, so no transaction stays open while the consumer has rows: each page is read in its
// own transaction, ahead of the consumer. The pages are ordered by PageBy. Sorted rows are first written
// to a temporary table, which takes no lock of the file, and are paged by its rowid.
func streamSQLite[T any](ctx context.Context, db *DB, q *Query, scan func(*Row) T, emit func(T) error) error {
	conn, err := db.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if len(q.Order) > 0 {
		listing := &Query{From: "temp.listing", PageBy: "rowid"}
		for i := range q.Columns {
			listing.Columns = append(listing.Columns, "c"+strconv.Itoa(i))
			q.Columns[i] += " as " + listing.Columns[i]
		}
		err := db.TransactOn(ctx, conn, Mode{ReadOnly: true}, func(tx *Tx) error {
			return tx.Exec(ctx, "create temporary table listing as "+q.SQL(), q.Args...)
		})
		if err != nil {
			return err
		}
		defer conn.ExecContext(context.WithoutCancel(ctx), "drop table temp.listing") //nolint:errcheck // the table ends with the connection anyway
		q = listing
	}
	width := len(q.Columns)
	reading, cancel := context.WithCancel(ctx)
	pages := make(chan []driver.Value)
	go func() {
		err = db.readPages(reading, conn, q, pages)
		close(pages)
	}()
	// The reader must have left the connection when this function returns.
	defer func() {
		cancel()
		for range pages {
		}
	}()
	var r Row
	for page := range pages {
		for ; len(page) > 0; page = page[width+1:] {
			r = Row{zone: db.opts.Zone, values: page[:width]}
			v := scan(&r)
			if r.Err != nil {
				return r.Err
			}
			if err := emit(v); err != nil {
				return err
			}
		}
	}
	return err
}

// readPages sends the pages of q. A page is the concatenated values of its rows; each row ends with the
// value by which the pages are ordered.
func (db *DB) readPages(ctx context.Context, conn *sql.Conn, q *Query, pages chan<- []driver.Value) error {
	left := q.Limit
	where, args := q.Where, q.Args
	q.Columns = append(q.Columns, q.PageBy)
	width := len(q.Columns)
	for {
		q.Limit = PageSize
		if left > 0 {
			q.Limit = min(PageSize, left)
		}
		page := make([]driver.Value, 0, q.Limit*width)
		// A single statement is its own transaction.
		err := db.patiently(ctx, func() error {
			return eachSQLite(ctx, conn, db.opts.Zone, q, func(r Row) error {
				page = append(page, r.values...)
				return nil
			})
		})
		if err != nil {
			return (&Tx{db: db}).explain(ctx, err)
		}
		pages <- page
		if left > 0 {
			if left -= q.Limit; left == 0 {
				return nil
			}
		}
		if len(page) < q.Limit*width {
			return nil
		}
		q.Where, q.Args = slices.Clone(where), slices.Clone(args)
		q.And(q.PageBy+" > %s", page[len(page)-1])
	}
}
