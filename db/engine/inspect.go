package engine

import (
	"context"
	"fmt"
	"slices"
)

// tableNames returns the parameters with which a query finds tables in PostgreSQL's catalogue.
func tableNames(tables []*Table) (schemas, names []string) {
	for _, t := range tables {
		schemas, names = append(schemas, t.Schema), append(names, t.Name)
	}
	return schemas, names
}

// fromTables joins the tables of $1 and $2, as k, with their rows in pg_class, as c.
const fromTables = `unnest($1::text[], $2::text[]) with ordinality k(schema, name, place)
	join pg_catalog.pg_namespace n on n.nspname = k.schema
	join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = k.name`

// Trigger is a trigger or rule on a table.
type Trigger struct {
	Table, Name string
	// Before reports whether the trigger can prevent the change of a row, or change the row differently.
	Before bool
	Rule   bool
}

// Triggers returns the enabled triggers and rules on the tables, except PostgreSQL's internal ones.
func (tx *Tx) Triggers(ctx context.Context, tables []*Table) (list []Trigger, err error) {
	schemas, names := tableNames(tables)
	q := &Query{Text: `select k.place, tg.tgname, tg.tgtype & 66 <> 0, false from ` + fromTables + `
		join pg_catalog.pg_trigger tg on tg.tgrelid = c.oid and not tg.tgisinternal and tg.tgenabled <> 'D'
		union all select k.place, w.rulename, true, true from ` + fromTables + ` join pg_catalog.pg_rewrite w on w.ev_class = c.oid and w.ev_type <> '1'
		order by 1, 2`, Args: []any{schemas, names}}
	if tx.Engine == SQLite {
		q = &Query{Text: `select j.key + 1, m.name, m.sql not like '% after %', 0 from json_each($1) j join sqlite_schema m on m.type = 'trigger' and m.tbl_name = j.value order by 1, 2`, Args: []any{tx.Engine.ListArg(Anys(names))}}
	}
	return list, tx.Each(ctx, q, func(r Row) error {
		var position int
		var t Trigger
		err := r.Scan(&position, &t.Name, &t.Before, &t.Rule)
		if err == nil {
			t.Table = tables[position-1].String()
		}
		list = append(list, t)
		return err
	})
}

// Unwritable returns the views and foreign tables that cannot be written completely, each with the
// statements that it refuses: insert, update, delete.
func (tx *Tx) Unwritable(ctx context.Context, tables []*Table) (map[*Table][]string, error) {
	tables = slices.DeleteFunc(slices.Clone(tables), (*Table).Stored)
	if len(tables) == 0 {
		return nil, nil
	}
	schemas, names := tableNames(tables)
	q := &Query{Text: "select k.place, pg_relation_is_updatable(c.oid, true) from " + fromTables, Args: []any{schemas, names}}
	if tx.Engine == SQLite {
		instead := func(word string, bit int) string {
			return fmt.Sprintf("%d * exists (select 1 from sqlite_schema m where m.type = 'trigger' and m.tbl_name = j.value and m.sql like '%%instead of %s%%')", bit, word)
		}
		q = &Query{Text: "select j.key + 1, " + instead("update", 4) + " + " + instead("insert", 8) + " + " + instead("delete", 16) + " from json_each($1) j", Args: []any{tx.Engine.ListArg(Anys(names))}}
	}
	lacks := map[*Table][]string{}
	return lacks, tx.Each(ctx, q, func(r Row) error {
		var position, can int
		if err := r.Scan(&position, &can); err != nil {
			return err
		}
		t := tables[position-1]
		for _, word := range []struct {
			name string
			bit  int
		}{{"insert", 8}, {"update", 4}, {"delete", 16}} {
			if can&word.bit == 0 {
				lacks[t] = append(lacks[t], word.name)
			}
		}
		return nil
	})
}

// ValidKey reports whether PostgreSQL has checked a foreign key for all rows. SQLite does not record
// this; [Tx.Orphans] checks the rows there.
func (tx *Tx) ValidKey(ctx context.Context, t *Table, column string) (valid bool, err error) {
	if tx.Engine == SQLite {
		return true, nil
	}
	q := &Query{Columns: []string{"coalesce(bool_and(f.convalidated), false)"}, From: `pg_catalog.pg_constraint f
		join pg_catalog.pg_class c on c.oid = f.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = f.conkey[1]`, Where: []string{"f.contype = 'f'"}}
	q.And("n.nspname = %s", t.Schema)
	q.And("c.relname = %s", t.Name)
	q.And("a.attname = %s", column)
	return valid, tx.Scan(ctx, q, &valid)
}

// BypassedSecurity returns the tables with row-level security that this role bypasses.
func (tx *Tx) BypassedSecurity(ctx context.Context, tables []*Table) (list []string, err error) {
	if tx.Engine == SQLite {
		return nil, nil
	}
	schemas, names := tableNames(tables)
	q := &Query{Text: "select k.place from " + fromTables + " where c.relrowsecurity and not row_security_active(c.oid) order by 1", Args: []any{schemas, names}}
	return list, tx.Each(ctx, q, func(r Row) error {
		var position int
		err := r.Scan(&position)
		if err == nil {
			list = append(list, tables[position-1].String())
		}
		return err
	})
}

// Lack is a privilege on a table, schema or sequence that the role does not have.
type Lack struct {
	Table      *Table // nil: a schema or a sequence
	Grant      string // the statement that gives the privilege: grant … on … to …
	Object     string // for people
	Privileges string // such as "insert, update"
	Reads      bool   // the role may not even read
	Rows       bool   // row-level security hides rows; there is no grant for that
}

// Lacks returns the privileges that the role does not have. It needs select, insert, update and delete
// on the written tables, select on the read tables, usage on their schemas, and usage on the sequences of
// the written tables. Identity columns need no privilege of their own.
func (tx *Tx) Lacks(ctx context.Context, written, read []*Table) ([]Lack, error) {
	tables := slices.Concat(written, read)
	schemas, names := tableNames(tables)
	var role string
	q := &Query{Text: `
		with known as (
			select c.oid, c.relowner, n.oid as schema, quote_ident(n.nspname) as schema_name, format('%I.%I', n.nspname, c.relname) as name, k.place,
				case when k.place > $3 then array['select'] else array['select', 'insert', 'update', 'delete'] end as needs
			from ` + fromTables + `
		), lacking as (
			select 0 as class, min(place) as place, 'schema ' || schema_name as object, 'usage' as privileges, true as reads
			from known where not has_schema_privilege(schema, 'usage') group by schema_name
			union all
			select 1, place, name, string_agg(p, ', ' order by o), bool_or(p = 'select')
			from known, unnest(needs) with ordinality n(p, o)
			where not has_table_privilege(oid, p) group by place, name
			union all
			select 2, place, 'sequence ' || format('%I.%I', sn.nspname, s.relname), 'usage', false
			from known
			join pg_catalog.pg_depend d on d.refobjid = known.oid and d.deptype = 'a' and d.classid = 'pg_class'::regclass
			join pg_catalog.pg_class s on s.oid = d.objid
			join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
			where cardinality(needs) > 1 and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'usage') end
			union all
			select 3, place, name, '', false from known where row_security_active(oid)
		)
		select class = 3, case when class in (1, 3) then place else 0 end, object, privileges, reads, quote_ident(current_user) from lacking order by class, place, object`, Args: []any{schemas, names, len(written)}}
	return Collect(ctx, tx, q, func(r *Row) (k Lack) {
		var position int
		err := r.Scan(&k.Rows, &position, &k.Object, &k.Privileges, &k.Reads, &role)
		if err == nil && position > 0 {
			k.Table = tables[position-1]
		}
		if !k.Rows {
			k.Grant = "grant " + k.Privileges + " on " + k.Object + " to " + role
		}
		return k
	})
}

// RowsWithoutIndex returns the approximate number of rows of a table without an index on the column. It
// is 0 if an index begins with the column, or cannot be created while others use the table.
func (tx *Tx) RowsWithoutIndex(ctx context.Context, t *Table, column string) (rows int64, err error) {
	if yes, err := tx.Indexed(ctx, t, column); yes || err != nil {
		return 0, err
	}
	q := &Query{Columns: []string{"greatest(c.reltuples, 0)::bigint"}, From: "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
		Where: []string{"c.relkind = 'r'"}}
	q.And("n.nspname = %s", t.Schema)
	q.And("c.relname = %s", t.Name)
	if tx.Engine == SQLite {
		q = &Query{Columns: []string{"count(*)"}, From: "(select 1 from " + t.SQL() + " limit $1)", Args: []any{LargeTable}}
	}
	return rows, tx.Scan(ctx, &Query{Text: "select coalesce((" + q.SQL() + "), 0)", Args: q.Args}, &rows)
}

// Orphans are rows of a table that refer to rows of another table which do not exist.
type Orphans struct {
	Table, Parent string
	Rows          int
	Look          string // the statement that shows them
}

// MaxOrphans is the largest number of rows that [Tx.Orphans] counts.
const MaxOrphans = 1000

// Orphans returns the rows of a SQLite database whose foreign keys are broken, at most [MaxOrphans]. It
// reads every table, so the caller bounds its time.
func (tx *Tx) Orphans(ctx context.Context) ([]Orphans, error) {
	q := &Query{Text: `
		select "table", parent, count(*)
		from (select "table", parent from pragma_foreign_key_check limit $1)
		group by 1, 2 order by 1, 2`, Args: []any{MaxOrphans}}
	return Collect(ctx, tx, q, func(r *Row) (o Orphans) {
		r.Scan(&o.Table, &o.Parent, &o.Rows) //nolint:errcheck // Collect returns it
		o.Look = "pragma foreign_key_check(" + Quote(o.Table) + ")"
		return o
	})
}

// SchemasWith returns the schemas of PostgreSQL that have a table with one of the names. If besides is
// set, it skips the schemas that tokenctl searches anyway.
func (tx *Tx) SchemasWith(ctx context.Context, names []string, besides bool) ([]string, error) {
	q := &Query{Columns: []string{"distinct n.nspname::text"}, From: "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
		Where: []string{"c.relkind in ('r', 'p', 'f', 'v', 'm')"}, Order: []string{"1"}}
	q.And("c.relname = any(%s)", names)
	switch schema := tx.db.opts.Schema; {
	case !besides:
	case schema != "":
		q.And("n.nspname <> %s", schema)
	default:
		q.Where = append(q.Where, "n.nspname <> all(current_schemas(false))")
	}
	return tx.texts(ctx, q)
}

// TablesWith returns the names of tables that have all of the columns, at most ten.
func (tx *Tx) TablesWith(ctx context.Context, columns ...string) ([]string, error) {
	q := &Query{Columns: []string{"m.name"}, From: "sqlite_schema m", Order: []string{"1"}, Limit: 10, Where: []string{"m.type = 'table'"}}
	column := `exists (select 1 from pragma_table_info(m.name) c where c.name = %s)`
	if tx.Engine == PostgreSQL {
		q.Columns, q.From, q.Where = []string{"c.relname"}, "pg_catalog.pg_class c", []string{"c.relkind in ('r', 'p', 'f', 'v')", "not c.relispartition", "c.oid >= 16384"}
		column = "exists (select from pg_catalog.pg_attribute k where k.attrelid = c.oid and k.attname = %s and not k.attisdropped)"
		if schema := tx.db.opts.Schema; schema != "" {
			q.And("c.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = %s)", schema)
		} else {
			q.Where = append(q.Where, "pg_catalog.pg_table_is_visible(c.oid)")
		}
	}
	for _, name := range columns {
		q.And(column, name)
	}
	return tx.texts(ctx, q)
}

// LargeTable is the number of rows from which an index on a table pays.
const LargeTable = 100000

// HasSchema reports whether PostgreSQL has a schema.
func (tx *Tx) HasSchema(ctx context.Context, name string) (has bool, err error) {
	return has, tx.Scan(ctx, &Query{Text: "select exists (select from pg_catalog.pg_namespace where nspname = $1)", Args: []any{name}}, &has)
}

// Reference is a foreign key.
type Reference struct {
	Table    *Table // without its columns
	Column   string
	NotNull  bool
	To       *Table
	ToColumn string // empty: the primary key
}

// References returns the foreign keys that refer to the tables.
func (tx *Tx) References(ctx context.Context, tables []*Table) (list []Reference, err error) {
	q := &Query{Columns: []string{"n.nspname", "c.relname", "a.attname", "a.attnotnull", "fn.nspname", "fc.relname", "fa.attname"},
		From: `pg_catalog.pg_constraint f
			join pg_catalog.pg_class c on c.oid = f.conrelid and c.relispartition is false
			join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			join pg_catalog.pg_class fc on fc.oid = f.confrelid
			join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
			join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = f.conkey[1]
			join pg_catalog.pg_attribute fa on fa.attrelid = fc.oid and fa.attnum = f.confkey[1]`,
		Where: []string{"f.contype = 'f'"}, Order: []string{"2", "3"}}
	if tx.Engine == SQLite {
		q = &Query{Columns: []string{"''", "m.name", `f."from"`, `(select c."notnull" from pragma_table_info(m.name) c where c.name = f."from")`, "''", `f."table"`, `coalesce(f."to", '')`},
			From: "sqlite_schema m join pragma_foreign_key_list(m.name) f", Where: []string{"m.type = 'table'"}, Order: []string{"2", "3"}}
	}
	return list, tx.Each(ctx, q, func(r Row) error {
		f, to := Reference{Table: &Table{}}, Table{}
		err := r.Scan(&f.Table.Schema, &f.Table.Name, &f.Column, &f.NotNull, &to.Schema, &to.Name, &f.ToColumn)
		for _, f.To = range tables {
			if err == nil && f.To.Schema == to.Schema && f.To.Name == to.Name {
				f.Table.qualified = f.To.qualified
				list = append(list, f)
			}
		}
		return err
	})
}
