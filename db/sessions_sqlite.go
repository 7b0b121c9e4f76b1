package db

import (
	"context"
	"database/sql"
	"slices"
)

// sqlite reads a page in each transaction, for the reasons that streamSQLite
// has.
func (l *sessionList) sqlite(ctx context.Context) error {
	conn, err := l.store.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	const owners, order = "temp.session_owners", "temp.session_order"
	defer conn.ExecContext(context.WithoutCancel(ctx), "drop table if exists "+owners+"; drop table if exists "+order) //nolint:errcheck // they end with the connection anyway
	var q *query
	err = l.store.transactOn(ctx, conn, mode{readOnly: true}, func(tx *Tx) error {
		if q, err = l.query(tx.Layout); err != nil || !l.byOwner() {
			return err
		}
		return tx.exec(ctx, "create temporary table session_owners (session_key text primary key, owner, status text)")
	})
	if err != nil {
		return err
	}
	if l.byOwner() {
		err := l.pages(ctx, conn, q, func(tx *Tx, page []Session) error { return l.fill(ctx, tx, owners, page) }, nil)
		if err != nil {
			return err
		}
	}
	if l.filter.Sort != "" {
		err := l.store.transactOn(ctx, conn, mode{readOnly: true}, func(tx *Tx) error {
			if l.byOwner() {
				if q, err = l.sorted(tx.Layout, owners); err != nil {
					return err
				}
			}
			q.columns = []string{"s.session_key as session_key"}
			if err := tx.exec(ctx, "create temporary table session_order as "+q.sql(), q.args...); err != nil {
				return err
			}
			sessions := tx.Layout.Session().SQL()
			if q, err = tx.Layout.sessions(); err == nil {
				q.brief().from = order + " x cross join " + sessions + " s on s.session_key = x.session_key"
				q.key = "x.rowid"
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return l.pages(ctx, conn, q, nil, l.emit)
}

// pages reads q by its key. While a page is read, the data of the one before are
// decoded. inside is called with a page in a transaction, outside when none is
// open.
func (l *sessionList) pages(ctx context.Context, conn *sql.Conn, q *query, inside func(*Tx, []Session) error, outside func([]Session) error) error {
	where, args := q.where, q.args
	q.columns = append(q.columns, q.key)
	q.limit = pageSize
	var last any
	var page, next []Session
	var owners ownerSearch
	for more := true; more || len(page) > 0; {
		next = next[:0]
		err := l.store.transactOn(ctx, conn, mode{readOnly: true}, func(tx *Tx) (err error) {
			wait := tx.decode(page)
			if more {
				next, err = tx.fetchSessions(ctx, q, next, &last)
				more = len(next) == pageSize
			}
			if wait(); err == nil {
				err = owners.find(ctx, tx, page, l.filter.Brief)
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
		q.where, q.args = slices.Clone(where), slices.Clone(args)
		q.and(q.key+" > %s", last)
	}
	return nil
}
