package db

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// change is a statement that is done for many rows at once, each told by the
// values that it was seen with. A row that is like that no more stays as it is.
type change struct {
	// text is the statement. In it n.NAME is a row's own value of that name and
	// n.all the value that is the same for all. SQLite, which does it row by row,
	// gets it without the "from n", "using n" or ", n" by which it joins with them.
	text  string
	found string // of an insertion: a column of the new row that equals the first of the values
	same  any    // n.all
	each  []given
	// places are where the rows stood when they were seen, in PostgreSQL's table
	// under the alias t; nil where that is not known. They are looked for there
	// first, and no index has to be read for those that have not moved.
	places []Place
}

// given is one value of every row, of the type of a column.
type given struct {
	name   string
	column *Column
	each   []any // texts, integers or users' keys
}

// Refusals are why rows of a batch were left as they are, by their places in it.
type Refusals map[int]error

// only is the error about a batch of which no row may be refused: that of the
// first one.
func only(refused Refusals, err error) error {
	if err != nil || len(refused) == 0 {
		return err
	}
	return refused[slices.Min(slices.Collect(maps.Keys(refused)))]
}

// changeEach does c, and refuses the rows that were not found as they were seen;
// why makes their errors.
func (tx *Tx) changeEach(ctx context.Context, c change, why func(place int) error) (Refusals, error) {
	do := tx.changeAtOnce
	if tx.Layout.Engine == SQLite {
		do = tx.changeInTurn
	}
	missed, err := do(ctx, c)
	if err != nil {
		return nil, err
	}
	refused := Refusals{}
	for _, place := range missed {
		refused[place] = why(place)
	}
	return refused, nil
}

// at is c for some of its rows, wherever they stand now.
func (c change) at(places []int) change {
	each := make([]given, len(c.each))
	for i, g := range c.each {
		each[i] = given{g.name, g.column, make([]any, len(places))}
		for j, place := range places {
			each[i].each[j] = g.each[place]
		}
	}
	c.each, c.places = each, nil
	return c
}

// changeAtOnce does c in one statement, and another for the rows that have moved,
// and returns the places of the rows that were not found as they were seen.
func (tx *Tx) changeAtOnce(ctx context.Context, c change) ([]int, error) {
	moved, err := tx.changeFound(ctx, c)
	if c.places == nil || err != nil || moved == nil {
		return moved, err
	}
	missed, err := tx.changeFound(ctx, c.at(moved))
	for i, place := range missed {
		missed[i] = moved[place]
	}
	return missed, err
}

// changeFound does c in one statement and returns the places of the rows that
// were not found where they stood.
func (tx *Tx) changeFound(ctx context.Context, c change) (missed []int, err error) {
	var names, lists []string
	var args []any
	add := func(name, typ string, values []any) {
		args = append(args, arrayOf(typ, values))
		names = append(names, name)
		// Were the planner to know how many there are, it would rather read the
		// whole table, for every batch.
		lists = append(lists, "(select cast($"+strconv.Itoa(len(args))+" as "+quote(typ)+"[]))")
	}
	for _, g := range c.each {
		add(g.name, g.column.Type, g.each)
	}
	text := c.text
	if c.places != nil {
		places := make([]any, len(c.places))
		for i, p := range c.places {
			places[i] = p
		}
		add("at", "tid", places)
		text += " and t.ctid = n.at"
	}
	if c.same != nil {
		args = append(args, c.same)
		text = strings.ReplaceAll(text, "n.all", "$"+strconv.Itoa(len(args)))
	}
	found, same := "n.place", "n.place"
	if c.found != "" {
		found, same = c.found, "n."+names[0]
	}
	q := &query{args: args, text: "with n as materialized (select * from unnest(" + strings.Join(lists, ", ") + ") with ordinality as n (" + strings.Join(names, ", ") + ", place)), " +
		"done as (" + text + " returning " + found + " as found) " +
		"select n.place - 1 from n left join done on done.found = " + same + " where done.found is null order by 1"}
	return missed, tx.each(ctx, q, func(r row) error {
		var place int
		err := r.Scan(&place)
		missed = append(missed, place)
		return err
	})
}

// changeInTurn is changeAtOnce for SQLite: a statement that was prepared once and
// is done row by row, which is as fast there.
func (tx *Tx) changeInTurn(ctx context.Context, c change) (missed []int, err error) {
	words := []string{" from n where ", " where ", " using n where ", " where ", ", n where ", " where "}
	for i, g := range c.each {
		words = append(words, "n."+g.name, "$"+strconv.Itoa(i+1))
	}
	text := strings.NewReplacer(append(words, "n.all", "$"+strconv.Itoa(len(c.each)+1))...).Replace(c.text)
	statement, err := tx.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, tx.store.explain(ctx, err)
	}
	defer statement.Close()
	args := make([]any, len(c.each), len(c.each)+1)
	if c.same != nil {
		args = append(args, c.same)
	}
	for place := range c.each[0].each {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for i, g := range c.each {
			args[i] = g.each[place]
		}
		// One row takes no time, but the driver's watch over a context does.
		result, err := statement.ExecContext(context.WithoutCancel(ctx), args...)
		if err != nil {
			return nil, tx.store.explain(ctx, err)
		}
		switch n, err := result.RowsAffected(); {
		case err != nil:
			return nil, err
		case n == 0:
			missed = append(missed, place)
		}
	}
	return missed, nil
}
