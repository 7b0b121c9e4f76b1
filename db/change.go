package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"tokenctl"
	"tokenctl/db/engine"
)

// Every change of stored credentials goes through this file. A change is one
// statement over a table n. Each row of n is a reference: the primary key of one row
// to change, what that row must still hold, and its new values. On PostgreSQL n is a
// few arrays, and one statement changes all of its rows. Few rows are changed in the order
// of n, which is the order of their keys, so two processes lock them in the same order. For
// many rows the planner chooses the order. A deadlock is possible then, and the
// transaction is repeated.
// On SQLite, whose transaction holds the only write lock, the statement is prepared
// once and run for each reference. A change of everything that a filter selects, which
// nobody was shown, needs no references: see changeWhere.
//
// The statement returns what it changed, and only that counts as changed. Each kind
// looks up the other references in the same transaction: the row is gone, is another
// credential now, was like that already, or is still there. A row that is still there
// was kept by a trigger, a rule or row security, which is an error and ends the
// transaction. Nothing is concluded from a row that was not seen.

// Ref names one row, and what a change must find unchanged in it.
type Ref struct {
	// Key is the primary key: the key of a DRF token or session, the digest of a
	// knox token. Of a JWT it is the jti.
	Key   tokenctl.Secret
	Row   int64  // of a JWT, the primary key; of a session on PostgreSQL, a hash of its data
	Owner string // the primary key of the owner; of a session, the user id in its data
	Seen  string // of a knox token, the expiry as it is stored
}

// Format keeps keys, which may be secrets, out of every message.
func (Ref) Format(f fmt.State, _ rune) { io.WriteString(f, "[reference]") } //nolint:errcheck // as fmt itself

// Clone is the reference without the memory of the list that it comes from.
func (r Ref) Clone() Ref {
	r.Key = tokenctl.NewSecret(strings.Clone(r.Key.Reveal()))
	r.Owner, r.Seen = strings.Clone(r.Owner), strings.Clone(r.Seen)
	return r
}

// Outcome says why a row was not changed.
type Outcome uint8

// The outcomes. A row without one was changed.
const (
	Changed Outcome = iota + 1 // it is another credential now, or another owner's
	Gone                       // there is no such row any more
	Already                    // it was in the wanted state before
)

// Outcomes are the outcomes of the references that were not changed, by their indexes in the
// list.
type Outcomes map[int]Outcome

// change is a statement over references.
type change struct {
	table *Table // whose rows change
	// text is the statement. In it n.NAME is a reference's own value of that name and
	// n.all the value that is the same for all. SQLite, which runs it for one reference
	// at a time, gets it without the "from n", "using n" or ", n" of a join with n.
	text string
	// changed is a condition that a changed row fulfils; empty: every row does. It is for an
	// update, whose values a trigger may replace.
	changed string
	// inserted is for an insert, which cannot return n.place: the column that has the first
	// value of n.
	inserted string
	same     any // n.all
	each     []columnValues
}

// columnValues holds one value for each reference, of the type of a column.
type columnValues struct {
	name   string
	column *engine.Column
	each   []any // texts, integers or users' keys
}

// textColumn is for values that are compared as texts.
var textColumn = &engine.Column{Type: "text"}

// keyValues, rowValues and seenValues are the values of Key, Row and Seen of refs.
func keyValues(refs []Ref) []any  { return anys(refs, func(r *Ref) any { return r.Key.Reveal() }) }
func rowValues(refs []Ref) []any  { return anys(refs, func(r *Ref) any { return r.Row }) }
func seenValues(refs []Ref) []any { return anys(refs, func(r *Ref) any { return r.Seen }) }

// ownerValues are the owners of references for a table's column that refers to them.
func (l *Layout) ownerValues(t *Table, refs []Ref) ([]any, error) {
	users := make([]User, len(refs))
	for i := range refs {
		users[i].ID = refs[i].Owner
	}
	return l.keysOf(t.Owner, users)
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
			list = "(select " + list + ")" // which hides from the planner how many there are
		}
		lists = append(lists, list)
	}
	text := c.text
	if c.same != nil {
		args = append(args, c.same)
		text = engine.OutsideQuotes(text, strings.NewReplacer("n.all", "$"+strconv.Itoa(len(args))).Replace)
	}
	// The references of unchanged rows are looked up only if the number of changed rows is too small.
	found, same, some := "n.place", "n.place", " and (select count(found) from done) < "+strconv.Itoa(len(c.each[0].each))
	if c.changed != "" {
		found = "case when " + c.changed + " then n.place end"
	}
	if c.inserted != "" {
		found, same, some = c.inserted, "n."+names[0], ""
	}
	q := &engine.Query{Args: args, Text: "with n as not materialized (select * from unnest(" + strings.Join(lists, ", ") + ") with ordinality as n (" + strings.Join(names, ", ") + ", place)), " +
		"done as (" + text + " returning " + found + " as found) " +
		"select n.place - 1 from n left join done on done.found = " + same + " where done.found is null" + some + " order by 1"}
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
	// An import can leave a key as bytes, which equal no text.
	still, err := tx.ExecEach(ctx, text, len(missed), func(i int) []any {
		args := values(missed[i])
		args[key] = []byte(args[key].(string))
		return args
	})
	return subset(missed, still), err
}

// changeWhere runs a statement that changes all that a query selects, and returns how
// many rows it changed. key is the expression of a row's key in the query, and returned
// that of a changed row; the query's conditions number the parameters of the statement. Rows
// that other transactions add or delete meanwhile are neither changed nor missed: on
// PostgreSQL the statement itself tells which rows it selected and did not change.
func (tx *Tx) changeWhere(ctx context.Context, t *Table, statement, returned string, q *engine.Query, key string, args ...any) (n int64, err error) {
	still := &engine.Query{Columns: []string{"count(*)"}, From: q.From, Where: slices.Clone(q.Where), Args: slices.Clone(q.Args)}
	if tx.Layout.Engine == engine.SQLite {
		if n, err = tx.ExecRows(ctx, statement, append(slices.Clone(q.Args), args...)...); err != nil {
			return 0, err
		}
	} else {
		selected := &engine.Query{Columns: []string{"cast(" + key + " as text)"}, From: q.From, Where: q.Where}
		text := "with done as (" + statement + " returning cast(" + returned + " as text) as key) select changed, case when changed < selected then (select coalesce(cast(json_agg(k) as text), '[]') from (" +
			selected.SQL() + " except select key from done) as missed (k)) end from (select count(*) as changed from done) a, (select count(*) as selected from (" + selected.SQL() + ") as s) b"
		var missed *string
		err = tx.Each(ctx, &engine.Query{Text: text, Args: append(slices.Clone(q.Args), args...)}, func(r engine.Row) error {
			n, missed = r.Integer(), r.Optional()
			return r.Err
		})
		if err != nil || missed == nil {
			return n, replaced(t, err)
		}
		still.And("cast("+key+" as text) in (select json_array_elements_text(cast(%s as json)))", *missed)
	}
	var left int64
	if err := tx.Scan(ctx, still, &left); err != nil || left == 0 {
		return n, err
	}
	return 0, kept(t, left)
}

// replaced translates err if it comes from a PostgreSQL rule that rewrites the statement: such
// a statement cannot return what it changed.
func replaced(t *Table, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "0A000" {
		return &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "a rule of the database replaces what would change " + t.String(), Err: pg,
			Hint: "tokenctl doctor names the rule; act without it, or let the application make the change"}
	}
	return err
}

// kept is the error for rows that a statement should have changed and did not.
func kept(t *Table, n int64) error {
	rows := "a row"
	if n > 1 {
		rows = strconv.FormatInt(n, 10) + " rows"
	}
	return &tokenctl.Error{Code: tokenctl.CodeRowsKept, Message: "the database did not change " + rows + " of " + t.String(),
		Hint: "a trigger, a rule or row security of the table prevents it: tokenctl doctor names them"}
}

// subset returns the elements of list at indexes.
func subset[T any](list []T, indexes []int) []T {
	selected := slices.Grow([]T(nil), len(indexes)) // nil without indexes
	for _, i := range indexes {
		selected = append(selected, list[i])
	}
	return selected
}

// outcomes returns what look finds for the references at the indexes missed. look returns one
// outcome for each; zero means that the row is still as it was, which is an error.
func outcomes(t *Table, refs []Ref, missed []int, look func([]Ref) ([]Outcome, error)) (Outcomes, error) {
	if len(missed) == 0 {
		return nil, nil
	}
	found, err := look(subset(refs, missed))
	if err != nil {
		return nil, err
	}
	if n := len(found) - len(slices.DeleteFunc(slices.Clone(found), func(o Outcome) bool { return o == 0 })); n > 0 {
		return nil, kept(t, int64(n))
	}
	list := Outcomes{}
	for i, index := range missed {
		list[index] = found[i]
	}
	return list, nil
}
