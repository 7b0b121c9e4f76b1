package db

import (
	"context"
	"database/sql"
	"slices"
	"strconv"

	"tokenctl/db/engine"
)

// postgres reads with a cursor, so that the same connection can look up the owners. A temporary table
// needs a transaction that may write. If ctx has a snapshot, transact runs in it, and the snapshot's mode counts.
func (d *filteredList[T]) postgres(ctx context.Context, emit func([]T) error) error {
	return d.store.transact(ctx, engine.Mode{ReadOnly: true, Temporary: d.later(), Unlimited: true}, func(tx *Tx) error {
		q, err := d.base(tx.Layout)
		if err != nil {
			return err
		}
		if !d.later() {
			return d.cursor(ctx, tx, q, d.note, func(page []T) error { return emit(d.choose(page, nil)) })
		}
		table := "pg_temp.tokenctl_" + d.name
		err = tx.Exec(ctx, "create temporary table tokenctl_"+d.name+" (row "+d.rowType()+", owner "+d.table.users(tx.Layout).castType()+", created text, expires text, status text, type text) on commit drop")
		if err != nil {
			return err
		}
		if err := d.cursor(ctx, tx, q, d.note, func(page []T) error { return d.fill(ctx, tx, table, page) }); err != nil {
			return err
		}
		if err := tx.Exec(ctx, "close tokenctl_"+d.name); err != nil {
			return err
		}
		if q, err = d.sorted(tx.Layout, table); err != nil {
			return err
		}
		return d.cursor(ctx, tx, q, nil, emit)
	})
}

// cursor calls f with each page of the result of q.
func (d *filteredList[T]) cursor(ctx context.Context, tx *Tx, q *engine.Query, note func(*T), f func([]T) error) error {
	name := "tokenctl_" + d.name
	if err := tx.Exec(ctx, "declare "+name+" no scroll cursor for "+q.SQL(), q.Args...); err != nil {
		return err
	}
	fetch := &engine.Query{Text: "fetch " + strconv.Itoa(engine.PageSize) + " from " + name}
	var owners ownerSearch
	var next []T
	page, err := d.fetch(ctx, tx, fetch, nil, nil)
	wait := d.texts(tx.Layout, page)
	defer func() { wait() }()
	for err == nil && len(page) > 0 {
		if next = next[:0]; len(page) == engine.PageSize {
			if next, err = d.fetch(ctx, tx, fetch, next, nil); err != nil {
				return err
			}
		}
		wait()
		wait = d.texts(tx.Layout, next)
		if err := d.finish(ctx, tx, page, &owners, note); err != nil {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		page, next = next, page
	}
	return err
}

// sqlite reads each page in its own transaction, for the same reason as [engine.Stream].
func (d *filteredList[T]) sqlite(ctx context.Context, emit func([]T) error) error {
	conn, err := d.store.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	found, order := "temp."+d.name+"_found", "temp."+d.name+"_order"
	defer conn.ExecContext(context.WithoutCancel(ctx), "drop table if exists "+found+"; drop table if exists "+order) //nolint:errcheck // the tables end with the connection anyway
	var q *engine.Query
	err = d.store.transactOn(ctx, conn, engine.Mode{ReadOnly: true}, func(tx *Tx) error {
		if q, err = d.base(tx.Layout); err != nil || !d.later() {
			return err
		}
		return tx.Exec(ctx, "create temporary table "+d.name+"_found (row primary key, owner, created text, expires text, status text, type text)")
	})
	if err != nil {
		return err
	}
	note := d.note
	if d.later() {
		err := d.pages(ctx, conn, q, note, func(tx *Tx, page []T) error { return d.fill(ctx, tx, found, page) }, nil)
		if err != nil {
			return err
		}
		note = nil
	}
	if d.filter.Sort != "" {
		err := d.store.transactOn(ctx, conn, engine.Mode{ReadOnly: true}, func(tx *Tx) error {
			if d.later() {
				if q, err = d.sorted(tx.Layout, found); err != nil {
					return err
				}
			}
			q.Columns = []string{d.key + " as row"}
			if err := tx.Exec(ctx, "create temporary table "+d.name+"_order as "+q.SQL(), q.Args...); err != nil {
				return err
			}
			if q, err = d.table.query(tx.Layout); err == nil {
				q.From = order + " x cross join " + q.From
				q.Where = append(q.Where, d.key+" = x.row")
				q.PageBy = "x.rowid"
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return d.pages(ctx, conn, q, note, nil, func(page []T) error { return emit(d.choose(page, nil)) })
}

// pages reads q page by page, ordered by its key. It calls inside with a page in the page's transaction,
// and outside after that transaction.
func (d *filteredList[T]) pages(ctx context.Context, conn *sql.Conn, q *engine.Query, note func(*T), inside func(*Tx, []T) error, outside func([]T) error) error {
	where, args := q.Where, q.Args
	q.Columns = append(q.Columns, q.PageBy)
	q.Limit = engine.PageSize
	var last any
	var page, next []T
	var owners ownerSearch
	wait := func() {}
	defer func() { wait() }()
	for more := true; more || len(page) > 0; {
		next = next[:0]
		err := d.store.transactOn(ctx, conn, engine.Mode{ReadOnly: true}, func(tx *Tx) (err error) {
			if more {
				next, err = d.fetch(ctx, tx, q, next, &last)
				more = len(next) == engine.PageSize
			}
			if wait(); err == nil {
				wait = d.texts(tx.Layout, next)
				err = d.finish(ctx, tx, page, &owners, note)
			}
			if err == nil && inside != nil {
				err = inside(tx, page)
			}
			return err
		})
		if err == nil && outside != nil {
			err = outside(page)
		}
		if err != nil {
			return err
		}
		page, next = next, page
		q.Where, q.Args = slices.Clone(where), slices.Clone(args)
		q.And(q.PageBy+" > %s", last)
	}
	return nil
}
