package db

import (
	"context"
	"slices"

	"tokenctl/db/engine"
)

// changeWhere runs a statement that changes all rows that a query selects, and returns the number of
// changed rows. key is the expression of a row's key in the query, and returned the expression of the
// key of a changed row. The statement uses the parameters of the query. Rows that other transactions
// add or delete at the same time are neither changed nor missed: on PostgreSQL the statement itself
// returns the rows that it selected and did not change.
func (tx *Tx) changeWhere(ctx context.Context, t *Table, statement, returned string, q *engine.Query, key string, args ...any) (n int64, err error) {
	still := &engine.Query{From: q.From, Where: slices.Clone(q.Where), Args: slices.Clone(q.Args)}
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
	if err := tx.noneKept(ctx, t, still); err != nil {
		return 0, err
	}
	return n, nil
}

// deleteWhere deletes the rows that q selects. In q the table has the alias t, and q may join the owners
// with the alias u.
func (tx *Tx) deleteWhere(ctx context.Context, t *Table, q *engine.Query, aboutOwner bool, key string) (int64, error) {
	text := "delete from " + t.SQL() + " as t"
	conditions := q.Condition()
	switch u := t.Owner; {
	case aboutOwner:
		text += " where exists (select 1 from " + u.From("u") + " where u." + engine.Quote(u.Key) + " = t.user_id and " + conditions + ")"
	default:
		text += " where " + conditions
		q.From = t.SQL() + " t"
	}
	return tx.changeWhere(ctx, t, text, "t."+key, q, "t."+key)
}
