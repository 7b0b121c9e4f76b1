package db

import "strconv"

// Place tells where a row is that is to be deleted or changed: its primary key where that is a number,
// else where it stands in its table, which is PostgreSQL's ctid and SQLite's rowid.
// No index has to be read to find it, and the table is gone through in its own order.
//
// Where a row has moved, another may stand in its place. Who deletes by a place
// says once more what the row must be.
type Place int64

// place is the expression that selects a row's place, by table name or alias.
func (l *Layout) place(table string) string {
	if l.Engine == SQLite {
		return table + ".rowid"
	}
	return table + ".ctid"
}

// place reads that expression.
func (r *row) place() Place {
	if r.columns == nil {
		return Place(r.integer())
	}
	// Four bytes for the block, two for the row in it.
	_, value, ok := r.next()
	if !ok || len(value) != 6 {
		r.fail(errNull)
		return 0
	}
	return Place(bigEndian(value))
}

// placesArg is a parameter for PostgreSQL's tid[].
func placesArg(places []Place) []string {
	list := make([]string, len(places))
	for i, p := range places {
		list[i] = "(" + strconv.FormatInt(int64(p>>16), 10) + "," + strconv.FormatInt(int64(p&0xffff), 10) + ")"
	}
	return list
}

// placeIfAny reads the place where it was selected; elsewhere, and on SQLite, it
// is zero.
func (r *row) placeIfAny() Place {
	if len(r.columns) == 0 {
		return 0
	}
	return r.place()
}

// placed adds the place of the row of t to what a query selects. SQLite finds a
// row by its key as fast.
func (q *query) placed(l *Layout, table string) {
	if l.Engine == PostgreSQL {
		q.columns = append(q.columns, l.place(table))
	}
}

// knownPlaces are places, or nil where one of them is not known.
func knownPlaces[T any](rows []T, place func(*T) Place) []Place {
	list := make([]Place, len(rows))
	for i := range rows {
		if list[i] = place(&rows[i]); list[i] == 0 {
			return nil
		}
	}
	return list
}

// standing adds the condition that a row stands in one of the places.
func (q *query) standing(l *Layout, places []Place) error {
	if l.Engine == SQLite {
		arg, err := l.listArg(nil, numbers(places))
		q.and(l.anyOf("rowid", "%s"), arg)
		return err
	}
	// Were the planner to know how many there are, it would rather read the whole
	// table, for every batch. Without the outer cast this were a list of rows.
	q.and("ctid = any(cast((select cast(%s as tid[])) as tid[]))", placesArg(places))
	return nil
}

func numbers(places []Place) []any {
	list := make([]any, len(places))
	for i, p := range places {
		list[i] = int64(p)
	}
	return list
}
