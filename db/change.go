package db

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Every change of credentials that exist goes through this file; engine.Insertion makes new ones. A change is one statement
// over a table n. Each row of n is a reference: the primary key of one row to change, the
// values that the row must still have, and its new values.
//
// On PostgreSQL n consists of arrays, and one statement changes all rows. Few rows are
// changed in the order of n, which is the order of their keys, so two processes lock them in
// the same order. For many rows the planner chooses the order. A deadlock is then possible,
// and the transaction is repeated. On SQLite the transaction holds the only write lock; the
// statement is prepared once and run for each reference. If a change was not listed before,
// it needs no references: see changeWhere.
//
// The statement returns the rows that it changed, and only these count as changed. Each kind
// looks up the other references in the same transaction: the row is gone, is another
// credential now, was already in the wanted state, or is still there. If a row is still
// there, a trigger, a rule or row security has prevented its change, which is an error and
// ends the transaction.

// Ref is a reference to one row. It also has the values that a change must find unchanged.
type Ref struct {
	// Key is the primary key: the key of a DRF token or session, or the digest of a
	// knox token. For a JWT it is the jti.
	Key   tokenctl.Secret
	Row   int64  // for a JWT, the primary key; for a session on PostgreSQL, a hash of its data
	Owner string // the primary key of the owner; for a session, the user id in its data
	Seen  string // for a knox token, the expiry as it is stored
}

// Format implements [fmt.Formatter]. It never prints the key, which may be a secret.
func (Ref) Format(f fmt.State, _ rune) { io.WriteString(f, "[reference]") } //nolint:errcheck // fmt ignores it too

// Clone returns a copy that does not keep the memory of a whole list alive.
func (r Ref) Clone() Ref {
	r.Key = tokenctl.NewSecret(strings.Clone(r.Key.Reveal()))
	r.Owner, r.Seen = strings.Clone(r.Owner), strings.Clone(r.Seen)
	return r
}

// Outcome says whether a change changed a row and, if not, why.
type Outcome uint8

// The outcomes.
const (
	Changed          Outcome = iota // the change changed the row, or has not happened yet
	ChangedMeanwhile                // somebody else changed the row: it is another credential now, or another owner's
	Gone                            // the row does not exist any more
	Already                         // the row was already in the wanted state
)

// Outcomes has the outcome of each reference whose row was not changed, by the index of the reference.
type Outcomes map[int]Outcome

// Changed returns the indexes of those of n references whose rows are changed, or are still to change.
func (o Outcomes) Changed(n int) (indexes []int) {
	for i := range n {
		if o[i] == Changed {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// change is a statement over references.
type change struct {
	table *Table // the table of the changed rows
	// text is the statement. In it n.NAME is a reference's own value of that name, and n.all is
	// the value that all references share. SQLite runs the statement for one reference at a time,
	// without the "from n", "using n" or ", n" of a join with n.
	text string
	// changed is a condition that a changed row fulfils; empty: every returned row is changed. An
	// update needs it, because a trigger may replace its values.
	changed string
	// inserted is the column that has the first value of n. An insert needs it, because it cannot
	// return n.place.
	inserted string
	same     any // n.all
	each     []columnValues
}

// columnValues has one value for each reference, with the type of a column.
type columnValues struct {
	name   string
	column *engine.Column
	each   []any // texts, integers or users' keys
}

// textColumn is the column of values that are compared as texts.
var textColumn = &engine.Column{Type: "text"}

// keyValues, rowValues and seenValues return Key, Row and Seen of refs as parameters.
func keyValues(refs []Ref) []any  { return anys(refs, func(r *Ref) any { return r.Key.Reveal() }) }
func rowValues(refs []Ref) []any  { return anys(refs, func(r *Ref) any { return r.Row }) }
func seenValues(refs []Ref) []any { return anys(refs, func(r *Ref) any { return r.Seen }) }

// ownerValues returns the owners of references as parameters for a table's user_id.
func (l *Layout) ownerValues(t *Table, refs []Ref) ([]any, error) {
	users := tokenctl.Mapped(refs, func(r Ref) User { return User{ID: r.Owner} })
	return l.keysOf(t.Owner, users)
}

// applyOwned is apply for rows with an owner. key is the column of their primary key.
func (tx *Tx) applyOwned(ctx context.Context, c change, key string, refs []Ref, look func([]Ref) ([]Outcome, error)) (Outcomes, error) {
	owners, err := tx.Layout.ownerValues(c.table, refs)
	if err != nil {
		return nil, err
	}
	c.each = append([]columnValues{{"key", c.table.Column(key), keyValues(refs)}, {"owner", c.table.Column("user_id"), owners}}, c.each...)
	return tx.apply(ctx, c, refs, look)
}

// run executes c and returns the indexes of the references whose rows it did not change.
func (tx *Tx) run(ctx context.Context, c change) (missed []int, err error) {
	if tx.Layout.Engine == engine.SQLite {
		return tx.runInTurn(ctx, c)
	}
	var names, lists []string
	var args []any
	for _, g := range c.each {
		args = append(args, engine.ArrayOf(g.column.Type, g.each))
		names = append(names, g.name)
		list := "cast($" + strconv.Itoa(len(args)) + " as " + engine.Quote(g.column.Type) + "[])"
		if len(g.each) <= engine.FewRows {
			list = "(select " + list + ")" // hides the number of values from the planner
		}
		lists = append(lists, list)
	}
	text := c.text
	if c.same != nil {
		args = append(args, c.same)
		text = engine.OutsideQuotes(text, strings.NewReplacer("n.all", "$"+strconv.Itoa(len(args))).Replace)
	}
	// The references of unchanged rows are looked up only if the number of changed rows is too small.
	doneColumn, nColumn, onlyIfShort := "n.place", "n.place", " and (select count(found) from done) < "+strconv.Itoa(len(c.each[0].each))
	if c.changed != "" {
		doneColumn = "case when " + c.changed + " then n.place end"
	}
	if c.inserted != "" {
		doneColumn, nColumn, onlyIfShort = c.inserted, "n."+names[0], ""
	}
	q := &engine.Query{Args: args, Text: "with n as not materialized (select * from unnest(" + strings.Join(lists, ", ") + ") with ordinality as n (" + strings.Join(names, ", ") + ", place)), " +
		"done as (" + text + " returning " + doneColumn + " as found) " +
		"select n.place - 1 from n left join done on done.found = " + nColumn + " where done.found is null" + onlyIfShort + " order by 1"}
	err = tx.Each(ctx, q, func(r engine.Row) error {
		var index int
		err := r.Scan(&index)
		missed = append(missed, index)
		return err
	})
	return missed, replaced(c.table, err)
}

// runInTurn is run for SQLite: one statement for each reference.
func (tx *Tx) runInTurn(ctx context.Context, c change) (missed []int, err error) {
	words := []string{" from n where ", " where ", " using n where ", " where ", ", n where ", " where "}
	for i, g := range c.each {
		words = append(words, "n."+g.name, "$"+strconv.Itoa(i+1))
	}
	text := engine.OutsideQuotes(c.text, strings.NewReplacer(append(words, "n.all", "$"+strconv.Itoa(len(c.each)+1))...).Replace)
	args := make([]any, len(c.each), len(c.each)+1)
	if c.same != nil {
		args = append(args, c.same)
	}
	values := func(index int) []any {
		for i, g := range c.each {
			args[i] = g.each[index]
		}
		return args
	}
	missed, err = tx.ExecEach(ctx, text, len(c.each[0].each), values)
	if err != nil || missed == nil {
		return nil, err
	}
	key := slices.IndexFunc(c.each, func(g columnValues) bool {
		_, text := g.each[0].(string)
		return text && g.name == "key"
	})
	if key < 0 {
		return missed, nil
	}
	// An import can store a key as bytes, which never equal a text.
	still, err := tx.ExecEach(ctx, text, len(missed), func(i int) []any {
		args := values(missed[i])
		args[key] = []byte(args[key].(string))
		return args
	})
	return Subset(missed, still), err
}

// Subset returns the elements of list at indexes.
func Subset[T any](list []T, indexes []int) []T {
	selected := slices.Grow([]T(nil), len(indexes)) // nil without indexes
	for _, i := range indexes {
		selected = append(selected, list[i])
	}
	return selected
}

// runAll executes c, which must change the row of every reference.
func (tx *Tx) runAll(ctx context.Context, c change) error {
	missed, err := tx.run(ctx, c)
	if err == nil && missed != nil {
		err = kept(c.table, int64(len(missed)))
	}
	return err
}

// apply executes c and returns the outcomes of the references whose rows it did not change. look returns
// one outcome for each. Here a zero means that the row is still as it was, which is an error.
func (tx *Tx) apply(ctx context.Context, c change, refs []Ref, look func([]Ref) ([]Outcome, error)) (Outcomes, error) {
	missed, err := tx.run(ctx, c)
	if err != nil || missed == nil {
		return nil, err
	}
	found, err := look(Subset(refs, missed))
	if err != nil {
		return nil, err
	}
	if n := len(found) - len(slices.DeleteFunc(slices.Clone(found), func(o Outcome) bool { return o == 0 })); n > 0 {
		return nil, kept(c.table, int64(n))
	}
	list := Outcomes{}
	for i, index := range missed {
		list[index] = found[i]
	}
	return list, nil
}
