package engine

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Role has the privileges of the connection's role beyond reading and writing rows.
type Role struct {
	Name       string
	Superuser  bool
	CreateRole bool
	BypassRLS  bool
	Owns       []*Table // tables that it can alter and drop
	Truncates  []*Table // other tables that it can truncate
	Triggers   []*Table // other tables on which it can create triggers
}

// Role reads the role's privileges from PostgreSQL, for the tables.
func (tx *Tx) Role(ctx context.Context, tables []*Table) (r Role, err error) {
	q := &Query{Columns: []string{"rolname", "rolsuper", "rolcreaterole", "rolbypassrls"}, From: "pg_catalog.pg_roles", Where: []string{"rolname = current_user"}}
	if err := tx.Scan(ctx, q, &r.Name, &r.Superuser, &r.CreateRole, &r.BypassRLS); err != nil {
		return r, err
	}
	schemas, names := tableNames(tables)
	q = &Query{Text: "select k.place, pg_has_role(c.relowner, 'usage'), has_table_privilege(c.oid, 'truncate'), has_table_privilege(c.oid, 'trigger') from " + fromTables + " order by 1", Args: []any{schemas, names}}
	return r, tx.Each(ctx, q, func(row Row) error {
		var place int
		var owns, truncates, triggers bool
		if err := row.Scan(&place, &owns, &truncates, &triggers); err != nil {
			return err
		}
		t := tables[place-1]
		if owns { // an owner has the other privileges too
			r.Owns = append(r.Owns, t)
			return nil
		}
		if truncates {
			r.Truncates = append(r.Truncates, t)
		}
		if triggers {
			r.Triggers = append(r.Triggers, t)
		}
		return nil
	})
}

// MayRead reports whether the role may read all of the columns of a table on PostgreSQL.
func (tx *Tx) MayRead(ctx context.Context, t *Table, columns ...string) (may bool, err error) {
	return may, tx.Scan(ctx, &Query{Text: `select coalesce(bool_and(has_column_privilege(c.oid, k.name, 'select')), false)
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace, unnest($3::text[]) k(name)
		where n.nspname = $1 and c.relname = $2`, Args: []any{t.Schema, t.Name, columns}}, &may)
}

// Clock returns the time of PostgreSQL's clock, in microseconds. SQLite has no clock of its own.
func (tx *Tx) Clock(ctx context.Context) (time.Time, error) {
	var micros int64
	err := tx.Scan(ctx, &Query{Text: "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"}, &micros)
	return time.UnixMicro(micros).UTC(), err
}

// Indexed reports whether an index of all rows begins with a column.
func (tx *Tx) Indexed(ctx context.Context, t *Table, column string) (yes bool, err error) {
	if tx.Engine == SQLite {
		q := &Query{Text: `select exists (select 1 from pragma_index_list($1) i where not i.partial and (select c.name from pragma_index_info(i.name) c where c.seqno = 0) = $2)`, Args: []any{t.Name, column}}
		err = tx.Scan(ctx, q, &yes)
		return yes || t.PrimaryKey() != nil && t.PrimaryKey().Name == column, err
	}
	q := &Query{Text: `select exists (select from pg_catalog.pg_index i
		join pg_catalog.pg_class c on c.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		where n.nspname = $1 and c.relname = $2 and a.attname = $3 and i.indisvalid and i.indpred is null)`, Args: []any{t.Schema, t.Name, column}}
	return yes, tx.Scan(ctx, q, &yes)
}

// TextColumn is a column for texts or JSON.
type TextColumn struct {
	Schema, Table, Column string
	Key                   string // the column of the primary key; empty if the table has no primary key of one column
}

// TextColumns returns the text columns of all tables that the role can see, without PostgreSQL's own.
func (tx *Tx) TextColumns(ctx context.Context) ([]TextColumn, error) {
	q := &Query{Text: `select n.nspname, c.relname, a.attname, coalesce((select k.attname from pg_catalog.pg_index i
			join pg_catalog.pg_attribute k on k.attrelid = c.oid and k.attnum = i.indkey[0]
			where i.indrelid = c.oid and i.indisprimary and i.indnkeyatts = 1), '')
		from pg_catalog.pg_attribute a
		join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind = 'r'
		join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_type t on t.oid = a.atttypid
		left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
		where a.attnum > 0 and not a.attisdropped and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_t%'
			and (t.typcategory = 'S' and t.typname <> 'name' or t.typname in ('json', 'jsonb', 'hstore', 'xml') or e.typcategory = 'S' or e.typname in ('json', 'jsonb'))
		order by 1, 2, a.attnum`}
	if tx.Engine == SQLite {
		q = &Query{Text: `select '', m.name, c.name, coalesce((select k.name from pragma_table_info(m.name) k where k.pk = 1 and not exists (select 1 from pragma_table_info(m.name) o where o.pk > 1)), '')
			from sqlite_schema m join pragma_table_info(m.name) c
			where m.type = 'table' and m.name not like 'sqlite\_%' escape '\' order by 2, c.cid`}
	}
	return Collect(ctx, tx, q, func(r *Row) (c TextColumn) {
		r.Scan(&c.Schema, &c.Table, &c.Column, &c.Key) //nolint:errcheck // Collect returns it
		return c
	})
}

// EachText calls f with each text of the columns that has at least so many bytes, with the number of its column
// and the primary key of its row. The columns must belong to one table. It reads the table once.
func (tx *Tx) EachText(ctx context.Context, columns []TextColumn, least int, f func(column int, key, text string) error) error {
	t := columns[0]
	q := &Query{Columns: []string{"null"}, From: Quote(t.Table) + " t"}
	if t.Schema != "" {
		q.From = Quote(t.Schema) + "." + q.From
	}
	if t.Key != "" {
		q.Columns[0] = "cast(t." + Quote(t.Key) + " as text)"
	}
	var some []string
	for _, c := range columns {
		text := "cast(t." + Quote(c.Column) + " as text)"
		long := "octet_length(" + text + ") >= " + strconv.Itoa(least)
		if tx.Engine == SQLite {
			long += " and typeof(t." + Quote(c.Column) + ") = 'text'"
		}
		if some = append(some, long); len(columns) > 1 {
			text = "case when " + long + " then " + text + " end"
		}
		q.Columns = append(q.Columns, text)
	}
	q.Where = []string{"(" + strings.Join(some, " or ") + ")"}
	return tx.Each(ctx, q, func(r Row) error {
		key, _ := r.TextOrNull()
		for i := range columns {
			text, long := r.TextOrNull()
			if r.Err != nil {
				return r.Err
			}
			if !long {
				continue
			}
			if err := f(i, key, text); err != nil {
				return err
			}
		}
		return nil
	})
}
