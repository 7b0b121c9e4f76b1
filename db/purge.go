package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Expired are the rows of a table that a purge is to delete.
//
// Where they are many among its rows they are deleted from one stretch of the table
// after the other: the server is told where it begins and ends, and what has expired.
// Few of them, or those of which only their text told that they have, are found
// first, which takes eight bytes for each in memory, and deleted by their places.
type Expired struct {
	Rows int64 // how many were found

	table     *Table
	condition *query  // true of each of them; nil: they are tokens of simplejwt
	places    []Place // nil: all that the condition is true of
	left      int64
	// The next stretch, and how far it makes sense to go, in PostgreSQL's blocks and
	// SQLite's rowids.
	from, width, end int64
}

// blockRows is more than fit into one of PostgreSQL's blocks, however large.
const blockRows = 1500

// errMany ends a transaction that would have deleted more than it should.
var errMany = errors.New("many")

// expired counts the rows of a table that q's conditions are true of.
func (s *Store) expired(ctx context.Context, t *Table, q *query) (*Expired, error) {
	e := &Expired{table: t, condition: q}
	err := s.transact(ctx, mode{readOnly: true, unlimited: true}, func(tx *Tx) error {
		first, last := "coalesce(min(rowid), 0)", "coalesce(max(rowid), 0)"
		switch {
		case tx.Layout.tidRanges():
			const block = "coalesce(cast((cast(cast(%s(ctid) as text) as point))[0] as bigint), 0)"
			first, last = fmt.Sprintf(block, "min"), fmt.Sprintf(block, "max")
		case s.Engine == PostgreSQL:
			first, last = "cast(0 as bigint)", "cast(0 as bigint)"
		}
		count := &query{columns: []string{"count(*)", first, last}, from: t.SQL(), where: q.where, args: q.args}
		return tx.each(ctx, count, func(r row) error { return r.Scan(&e.Rows, &e.from, &e.end) })
	})
	e.left = e.Rows
	e.end++ // SQLite would make a fraction of the largest one
	return e, err
}

// expiredAt are those that scan finds expired among the rows of a query.
func (s *Store) expiredAt(ctx context.Context, build func(*Layout) (*query, error), scan func(*Layout, *row) (Place, bool)) (*Expired, error) {
	type found struct {
		Place
		expired bool
	}
	e := new(Expired)
	rows := stream(ctx, s, build, func(l *Layout, r *row) (f found) {
		f.Place, f.expired = scan(l, r)
		return f
	})
	for f, err := range rows {
		if err != nil {
			return nil, err
		}
		if f.expired {
			e.places = append(e.places, f.Place)
		}
	}
	slices.Sort(e.places)
	e.Rows = int64(len(e.places))
	e.left = e.Rows
	return e, nil
}

// Done reports whether Delete has been through all of the rows.
func (e *Expired) Done() bool { return e.left <= 0 }

// Delete deletes the next of the rows, so many at most, in a transaction of its own,
// and returns how many there were. One that was renewed since it was found stays.
func (e *Expired) Delete(ctx context.Context, s *Store, most int) (n int64, err error) {
	if e.places == nil && e.width == 0 {
		if err := e.begin(ctx, s, most); err != nil {
			return 0, err
		}
	}
	write := s.Write
	if s.Engine == SQLite {
		write = s.WriteMany // with the large cache
	}
	for {
		err = write(ctx, func(tx *Tx) (err error) {
			switch batch := e.places[:min(most, len(e.places))]; {
			case batch == nil:
				n, err = e.stretch(ctx, tx, most)
			case e.condition == nil:
				n, err = tx.purgeOutstanding(ctx, batch)
			default:
				n, err = e.standing(ctx, tx, batch)
			}
			if err != nil {
				return err
			}
			return tx.CheckConstraints(ctx)
		})
		if err != errMany {
			break
		}
		e.width = max(1, e.width*int64(most)/n*3/4)
	}
	switch {
	case err != nil:
	case e.places != nil:
		e.places = e.places[min(most, len(e.places)):]
		e.left = int64(len(e.places))
	case e.last(most):
		e.left = 0
	default:
		e.left -= n
		e.from += e.width
		if n < int64(most)/2 {
			e.width *= 2
		}
	}
	return n, err
}

// begin chooses how to go through the table.
func (e *Expired) begin(ctx context.Context, s *Store, most int) error {
	l, err := s.Layout(ctx)
	if err != nil {
		return err
	}
	// A block holds some dozens of rows. One that is read for less than one of them
	// is better found by an index, if there is one.
	dense := e.Rows >= e.end-e.from && l.tidRanges() && most >= blockRows
	if l.Engine == SQLite {
		dense = e.Rows*32 >= e.end-e.from
	}
	if dense || e.left <= int64(most) {
		e.width = max(1, (e.end-e.from)*int64(most)/max(1, e.Rows)*15/16)
		return nil
	}
	found, err := s.expiredAt(ctx, func(l *Layout) (*query, error) {
		q := &query{columns: []string{l.place(e.table.SQL())}, from: e.table.SQL(), where: e.condition.where, args: e.condition.args}
		q.pageBy(l, e.table.SQL())
		return q, nil
	}, func(_ *Layout, r *row) (Place, bool) { return r.place(), true })
	if err == nil {
		e.places, e.left = found.places, found.left
	}
	return err
}

// tidRanges reports whether PostgreSQL finds the rows of some blocks without reading
// the whole table: from version 14 on.
func (l *Layout) tidRanges() bool {
	major, _, _ := strings.Cut(l.Version, ".")
	version, err := strconv.Atoi(major)
	return l.Engine == PostgreSQL && (err != nil || version >= 14)
}

// pageBy lets SQLite page by the place; PostgreSQL needs no order.
func (q *query) pageBy(l *Layout, table string) {
	q.key = ""
	if l.Engine == SQLite {
		q.key = l.place(table)
	}
}

// stretch deletes what has expired in the next stretch.
func (e *Expired) stretch(ctx context.Context, tx *Tx, most int) (int64, error) {
	q := &query{where: slices.Clone(e.condition.where), args: slices.Clone(e.condition.args)}
	bound := func(operator string, n int64) {
		if tx.Layout.Engine == SQLite {
			q.and("rowid "+operator+" %s", n)
		} else {
			q.and("ctid "+operator+" cast(%s as tid)", "("+strconv.FormatInt(n, 10)+",0)")
		}
	}
	bound(">=", e.from)
	if !e.last(most) {
		bound("<", e.from+e.width)
	}
	n, err := tx.deleteRows(ctx, e.table, q)
	if err == nil && n > int64(most) && e.left > int64(most) && e.width > 1 {
		err = errMany
	}
	return n, err
}

// last reports whether the next stretch is the last one, and has no end.
func (e *Expired) last(most int) bool {
	return e.left <= int64(most) || e.from+e.width >= e.end
}

// standing deletes what has expired at the places.
func (e *Expired) standing(ctx context.Context, tx *Tx, places []Place) (int64, error) {
	q := &query{where: slices.Clone(e.condition.where), args: slices.Clone(e.condition.args)}
	if err := q.standing(tx.Layout, places); err != nil {
		return 0, err
	}
	return tx.deleteRows(ctx, e.table, q)
}

// deleteRows deletes the rows that q's conditions are true of.
func (tx *Tx) deleteRows(ctx context.Context, t *Table, q *query) (int64, error) {
	return tx.execRows(ctx, "delete from "+t.SQL()+" where "+strings.Join(q.where, " and "), q.args...)
}
