package db

import (
	"context"
	"encoding/json"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"tokenctl/db/engine"
)

// The database cannot select and sort every list alone, because only Go can read the facts
// in a session's data and in a JWT's text. These lists are filtered lists: the database returns
// a superset, page by page, and Go reads the facts and the owners of a page and filters its
// rows. While a page is fetched, the texts of the previous page are read on all cores.
//
// A list that is sorted by a fact is read twice. First the primary keys of the rows and the
// facts go into a temporary table. Then the database returns the rows in their order.

// Facts are the values in a row's data or text that no column has.
type Facts struct {
	Status, Type     string
	Created, Expires time.Time // zero: unknown, or never
}

// Classify reads the facts of a row, and reports whether the list contains the row.
type Classify[T any] func(*T) (Facts, bool)

// filteredList is a list of rows that Go filters.
type filteredList[T any] struct {
	store    *Store
	filter   Filter
	classify Classify[T] // nil if only the owner decides whether the list contains a row
	note     func(*T)    // called once for each row that is read; may be nil

	table   filteredTable[T]
	name    string   // the name of its cursor and its temporary tables
	key     string   // the expression of the primary key
	goSorts []string // the fields of Filter.Sort that only Go can read
}

// filteredTable is what a filtered list knows of its table: [sessionTable] or [outstandingTable]. The first three
// methods are about SQL, the others about rows in Go, in the order in which the list calls them.
type filteredTable[T any] interface {
	// query returns the query for a superset of the list, unsorted.
	query(*Layout) (*engine.Query, error)
	// sorts returns the expressions for Filter.Sort. found is the alias of the temporary table; empty without one.
	sorts(l *Layout, found string) map[string]string
	// users returns the table of the users to whom the rows belong, or nil if it is not known.
	users(*Layout) *UserTable

	// scan reads the columns of a row.
	scan(*Layout, *engine.Row) T
	// read reads the facts in the row's text, on any core.
	read(*Layout, *T)
	// findOwners looks up the owners of a page.
	findOwners(context.Context, *Tx, []T, *ownerSearch) error
	// owner returns the owner in a row.
	owner(*T) *User
	// keyOf returns the primary key of a row.
	keyOf(*T) any
}

// rows yields the list.
func (d *filteredList[T]) rows(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped, remaining := false, d.filter.Limit
		emit := func(page []T) error {
			for i := range page {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				remaining--
				if stopped = !yield(page[i], nil) || remaining == 0; stopped {
					return engine.ErrStop
				}
			}
			return nil
		}
		run := d.postgres
		if d.store.Engine == engine.SQLite {
			run = d.sqlite
		}
		if err := run(ctx, emit); err != nil && !stopped {
			var none T
			yield(none, err)
		}
	}
}

// later reports whether the list is sorted by a field that only Go can read.
func (d *filteredList[T]) later() bool { return slices.Contains(d.goSorts, d.filter.Sort) }

// choose returns the rows of a page that the list contains. If chosen is not nil, it is called with each
// of these rows and its facts.
func (d *filteredList[T]) choose(page []T, chosen func(*T, Facts)) []T {
	n := 0
	for i := range page {
		if !d.filter.wantsOwner(d.table.owner(&page[i])) {
			continue
		}
		var found Facts
		if has := true; d.classify != nil {
			if found, has = d.classify(&page[i]); !has {
				continue
			}
		}
		if n < i {
			page[n] = page[i]
		}
		if chosen != nil {
			chosen(&page[n], found)
		}
		n++
	}
	return page[:n]
}

// wantsOwner reports whether f selects the rows of a user. The zero User stands for rows without an owner.
func (f *Filter) wantsOwner(u *User) bool {
	is := func(flag, want *bool) bool { return want == nil || *want == (flag != nil && *flag) }
	switch {
	case f.UserIDs != nil && !slices.Contains(f.UserIDs, u.ID):
	case f.NoFactor && u.hasFactor:
	case u.ID == "" && (f.NoFactor || f.Active != nil || f.Staff != nil || f.Superuser != nil):
	case f.Active != nil && *f.Active != u.Active():
	case !is(u.IsStaff, f.Staff) || !is(u.IsSuperuser, f.Superuser):
	default:
		return true
	}
	return false
}

// base returns the query for the rows, sorted if the database can sort them.
func (d *filteredList[T]) base(l *Layout) (*engine.Query, error) {
	q, err := d.table.query(l)
	if err != nil || d.later() {
		return q, err
	}
	sorts := d.table.sorts(l, "")
	return q, d.filter.sortBy(l, q, sorts["id"], sorts)
}

// sorted returns the query for the rows whose keys are in the temporary table.
func (d *filteredList[T]) sorted(l *Layout, table string) (*engine.Query, error) {
	q, err := d.table.query(l)
	if err != nil {
		return nil, err
	}
	u := d.table.users(l)
	if q.From = table + " found cross join " + q.From; u != nil {
		q.From += " left join " + u.From("sorting") + " on sorting." + engine.Quote(u.Key) + " = found.owner"
	}
	q.Where = append(q.Where, d.key+" = found.row")
	sorts := d.table.sorts(l, "found")
	return q, d.filter.sortBy(l, q, sorts["id"], sorts)
}

// fetch appends the rows of q to a page. On SQLite last, if not nil, gets the last row's value after its
// columns.
func (d *filteredList[T]) fetch(ctx context.Context, tx *Tx, q *engine.Query, page []T, last *any) ([]T, error) {
	err := tx.Each(ctx, q, func(r engine.Row) error {
		page = append(page, d.table.scan(tx.Layout, &r))
		if last != nil {
			*last = r.NextSQLite()
		}
		return r.Err
	})
	return page, err
}

// texts reads the texts of a page on all cores. wait returns after the last text.
func (d *filteredList[T]) texts(l *Layout, page []T) (wait func()) {
	var group sync.WaitGroup
	for part := range slices.Chunk(page, len(page)/runtime.GOMAXPROCS(0)+1) {
		group.Go(func() {
			for i := range part {
				d.table.read(l, &part[i])
			}
		})
	}
	return group.Wait
}

// fill writes the keys and facts of the selected rows of a page into the temporary table.
func (d *filteredList[T]) fill(ctx context.Context, tx *Tx, table string, page []T) error {
	var rows [][7]any
	users := d.table.users(tx.Layout)
	d.choose(page, func(v *T, found Facts) {
		r := [7]any{d.table.keyOf(v), nil, nil, nil, found.Status}
		if key, ok := r[0].([]byte); ok {
			r[0], r[6] = string(key), 1 // JSON has no bytes
		}
		if u := d.table.owner(v); u.ID != "" && users != nil {
			r[1], _ = users.keyArg(tx.Layout.Engine, u.ID)
		}
		for i, t := range []time.Time{found.Created, found.Expires} {
			if !t.IsZero() {
				r[2+i] = t.UTC().Format("2006-01-02T15:04:05.000000Z") // sorts correctly as a text
			}
		}
		if found.Type != "" {
			r[5] = found.Type
		}
		rows = append(rows, r)
	})
	if rows == nil {
		return nil
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	from := "case when value ->> 6 then cast(value ->> 0 as blob) else value ->> 0 end, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 from json_each($1)"
	if tx.Layout.Engine == engine.PostgreSQL {
		from = "cast(value ->> 0 as " + d.rowType() + "), cast(value ->> 1 as " + d.table.users(tx.Layout).castType() + "), value ->> 2, value ->> 3, value ->> 4, value ->> 5 from jsonb_array_elements(cast($1 as jsonb))"
	}
	return tx.Exec(ctx, "insert into "+table+" select "+from, string(text))
}

// rowType returns the type with which PostgreSQL compares the primary key.
func (d *filteredList[T]) rowType() string {
	var v T
	if _, number := d.table.keyOf(&v).(int64); number {
		return "bigint"
	}
	return "text"
}

// castType returns the type with which PostgreSQL compares a user's primary key.
func (u *UserTable) castType() string {
	if u == nil || u.Column(u.Key).Text {
		return "text"
	}
	return engine.Quote(u.Column(u.Key).Type)
}

// finish looks up the owners of a page whose texts have been read.
func (d *filteredList[T]) finish(ctx context.Context, tx *Tx, page []T, owners *ownerSearch, note func(*T)) error {
	if note != nil {
		for i := range page {
			note(&page[i])
		}
	}
	if err := d.table.findOwners(ctx, tx, page, owners); err != nil || !d.filter.NoFactor {
		return err
	}
	users := make([]User, 0, len(page))
	for i := range page {
		users = append(users, *d.table.owner(&page[i]))
	}
	with, err := tx.UsersWithFactor(ctx, users)
	for i := range page {
		u := d.table.owner(&page[i])
		u.hasFactor = with[u.ID]
	}
	return err
}
