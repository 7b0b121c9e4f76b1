package db

import "context"

// LargeTable is how many rows a table has at least for which an index pays.
const LargeTable = 100000

// IndexLacking is an index that Django's migrations do not make and that would
// spare reading a large table.
type IndexLacking struct {
	Table, Column string
	Rows          int64  // on PostgreSQL the planner's estimate, on SQLite LargeTable
	Create        string // the statement
}

// IndexesLacking looks at the columns that purge, and lists by expiry, pick rows
// by and that have no index from Django: knox's expiry (knox/models.py, 5.0) and
// simplejwt's expires_at (token_blacklist/models.py, 5.5). That of sessions has
// one (contrib/sessions/base_session.py, 5.2).
func (tx *Tx) IndexesLacking(ctx context.Context) ([]IndexLacking, error) {
	l := tx.Layout
	var list []IndexLacking
	for _, c := range []struct {
		table *Table
		name  string
	}{{l.Knox(), "expiry"}, {l.Knox(), "expires"}, {l.Outstanding(), "expires_at"}} {
		if c.table == nil || !c.table.Stored() || c.table.Column(c.name) == nil {
			continue
		}
		rows, err := tx.rowsWithoutIndex(ctx, c.table, c.name)
		if err != nil {
			return nil, err
		}
		if rows < LargeTable {
			continue
		}
		i := IndexLacking{Table: c.table.String(), Column: c.name, Rows: rows}
		on := "on " + c.table.SQL() + " (" + quote(c.name) + ")"
		if l.Engine == SQLite {
			i.Create = "create index " + quote(c.table.Name+"_"+c.name) + " " + on
		} else {
			i.Create = "create index concurrently " + on
		}
		list = append(list, i)
	}
	return list, nil
}

// rowsWithoutIndex is how many rows a table has about; none where an index
// begins with the column, or cannot be made while others use the table.
func (tx *Tx) rowsWithoutIndex(ctx context.Context, t *Table, column string) (rows int64, err error) {
	q := &query{columns: []string{"greatest(c.reltuples, 0)::bigint"}, from: "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
		where: []string{"c.relkind = 'r'"}}
	q.and("n.nspname = %s", t.Schema)
	q.and("c.relname = %s", t.Name)
	q.and(`not exists (select from pg_catalog.pg_index i
		join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		where i.indrelid = c.oid and a.attname = %s and i.indisvalid and i.indpred is null)`, column)
	if tx.Layout.Engine == SQLite {
		q = &query{columns: []string{"count(*)"}, from: "(select 1 from " + t.SQL() + " limit $1)", args: []any{LargeTable}}
		q.and(`not exists (select 1 from pragma_index_list(%s) i
			where not i.partial and (select c.name from pragma_index_info(i.name) c where c.seqno = 0) = %s)`, t.Name, column)
	}
	err = tx.conn.QueryRowContext(ctx, "select coalesce(("+q.sql()+"), 0)", q.args...).Scan(&rows)
	return rows, tx.explain(ctx, err)
}
