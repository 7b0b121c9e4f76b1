package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl"
)

// minPostgres is the oldest supported server_version_num: 12.
const minPostgres = 120000

// Search selects the tables to read from the catalogue.
type Search struct {
	Names   []string
	Columns [][]string // also tables with all of these columns; the first one is rare
	Views   string     // also PostgreSQL's views whose names begin with this text
	Follow  string     // also the tables to which this column, or a primary key, of a found table refers
}

// Catalogue is the result of a [Search].
type Catalogue struct {
	Tables  []*Table          // in the order of their names
	Visible map[string]*Table // by name: the tables in the schema, or along search_path
	Version string            // the server's, such as "15.18"
	Schema  string            // PostgreSQL: the schema in which new tables would be created
}

// ReadCatalogue finds tables in the schema of the options, or along search_path, and the tables to
// which they refer in any schema. The error has the code layout_unsupported if the server is too old.
func (tx *Tx) ReadCatalogue(ctx context.Context, s Search) (*Catalogue, error) {
	c := &Catalogue{Visible: map[string]*Table{}}
	read := tx.readPostgres
	if tx.Engine == SQLite {
		read = tx.readSQLite
	}
	if err := read(ctx, c, s); err != nil {
		return nil, err
	}
	mixed := slices.ContainsFunc(c.Tables, func(t *Table) bool { return t.Schema != c.Tables[0].Schema })
	for _, t := range c.Tables {
		t.qualified = mixed
	}
	tx.db.catalogue.Store(c)
	return c, nil
}

// readPostgres takes two round trips, and one more for each level of parents whose names are not
// known. The statements are small: a new connection has no part of the catalogue in its caches, so
// planning many joins would take longer.
func (tx *Tx) readPostgres(ctx context.Context, c *Catalogue, s Search) error {
	err := tx.conn.Raw(func(raw any) error {
		conn := raw.(*stdlib.Conn).Conn()
		found, err := tx.findTables(ctx, conn, c, s)
		if err != nil {
			return err
		}
		tables := referred[uint32]{}
		wanted := slices.Clone(found.tables)
		views, err := readViews(ctx, conn, found.views)
		for _, v := range views {
			wanted = append(wanted, v.base)
		}
		for err == nil && len(wanted) > 0 {
			slices.Sort(wanted)
			wanted, err = readTables(ctx, conn, tables, slices.Compact(wanted), s.Follow)
		}
		for _, v := range views {
			tables.get(v.oid).follow(tables.get(v.base), v.writes)
		}
		for oid, t := range tables {
			if t.Name == "" {
				continue
			}
			c.Tables = append(c.Tables, t)
			if found.visible[oid] {
				c.Visible[t.Name] = t
			}
		}
		return err
	})
	slices.SortFunc(c.Tables, func(x, y *Table) int { return strings.Compare(x.SQL(), y.SQL()) })
	return err
}

// found are the tables of a search, by their oids.
type found struct {
	visible map[uint32]bool
	tables  []uint32 // with the tables to which they refer
	views   []uint32
}

// findTables finds tables by name or by a rare column, and the tables to which they refer.
func (tx *Tx) findTables(ctx context.Context, conn *pgx.Conn, c *Catalogue, s Search) (f found, err error) {
	rare := tokenctl.Mapped(s.Columns, func(columns []string) string { return columns[0] })
	args := []any{s.Names, rare, s.Views}
	there := "pg_catalog.pg_table_is_visible(c.oid)"
	if schema := tx.db.opts.Schema; schema != "" {
		there, args = "c.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $4)", append(args, schema)
	}
	// PostgreSQL's own objects have lower oids (FirstNormalObjectId in access/transam.h).
	rows, err := conn.Query(ctx, `
		select c.oid, c.relkind in ('v', 'm'), array(select f.confrelid from pg_catalog.pg_constraint f where f.conrelid = c.oid and f.contype = 'f'),
			coalesce(current_schema(), ''), current_setting('server_version'), current_setting('server_version_num')::int
		from pg_catalog.pg_class c
		where c.relkind in ('r', 'p', 'f', 'v', 'm') and c.oid >= 16384
		and (c.relname = any($1) or c.relkind = 'v' and starts_with(c.relname, $3) or c.relkind in ('r', 'p') and not c.relispartition and exists (select
			from pg_catalog.pg_attribute k where k.attrelid = c.oid and k.attname = any($2) and not k.attisdropped))
		and `+there, args...)
	if err != nil {
		return f, err
	}
	f.visible = map[uint32]bool{}
	var oid uint32
	var view bool
	var targets []uint32
	version := minPostgres
	_, err = pgx.ForEachRow(rows, []any{&oid, &view, &targets, &c.Schema, &c.Version, &version}, func() error {
		f.visible[oid] = true
		f.tables = append(append(f.tables, oid), targets...)
		if view {
			f.views = append(f.views, oid)
		}
		return nil
	})
	if err == nil && version < minPostgres {
		err = &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: "PostgreSQL " + c.Version + " is too old: tokenctl needs 12 or newer"}
	}
	if c.Schema == "" {
		c.Schema = tx.db.opts.Schema
	}
	return f, err
}

// viewOf is a view and the only table behind it.
type viewOf struct {
	oid, base uint32
	writes    bool // a write to the view goes to the table
}

// readViews finds the only table behind each view. It skips a view of several tables, which has the
// constraints of none of them.
func readViews(ctx context.Context, conn *pgx.Conn, views []uint32) (list []viewOf, err error) {
	// The next turn reads the views behind these views.
	for len(views) > 0 && len(list) < 32 {
		rows, err := conn.Query(ctx, `
			select w.ev_class, min(d.refobjid::int8)::oid, pg_relation_is_updatable(w.ev_class, false) & 28 = 28,
				bool_or((select c.relkind in ('v', 'm') from pg_catalog.pg_class c where c.oid = d.refobjid))
			from pg_catalog.pg_rewrite w
			join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
				and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> w.ev_class
			where w.ev_class = any($1::oid[])
			group by w.ev_class having count(distinct d.refobjid) = 1`, views)
		if err != nil {
			return nil, err
		}
		views = nil
		var v viewOf
		var further bool
		if _, err = pgx.ForEachRow(rows, []any{&v.oid, &v.base, &v.writes, &further}, func() error {
			// The innermost view comes first, because properties are copied outwards.
			list = slices.Insert(list, 0, v)
			if further {
				views = append(views, v.base)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// follow gives a view the foreign keys of the only table behind it, by the names of the columns. If
// writes to the view go to the table, the view gets the table's other constraints too.
func (t *Table) follow(base *Table, writes bool) {
	t.base = base
	for i := range t.Columns {
		c := &t.Columns[i]
		b := base.Column(c.Name)
		if b == nil || b.Type != c.Type {
			continue
		}
		c.Refers, c.RefersTo = b.Refers, b.RefersTo
		if writes {
			c.NotNull, c.HasDefault, c.Generated, c.PrimaryKey, c.Unique = b.NotNull, b.HasDefault, b.Generated, b.PrimaryKey, b.Unique
		}
	}
}

// forms are the forms of tables by pg_class.relkind.
var forms = map[string]Form{"r": Ordinary, "p": Partitioned, "v": View, "m": Materialized, "f": Foreign}

// readTables reads tables in one round trip, and returns the parents that are not read yet.
func readTables(ctx context.Context, conn *pgx.Conn, tables referred[uint32], oids []uint32, follow string) (parents []uint32, err error) {
	var oid, target uint32
	var schema, name, kind string
	var c Column
	var modifier int
	batch := &pgx.Batch{}
	batch.Queue(`
		select c.oid, (select n.nspname from pg_catalog.pg_namespace n where n.oid = c.relnamespace), c.relname, c.relkind::text
		from pg_catalog.pg_class c where c.oid = any($1::oid[])`, oids).
		Query(each([]any{&oid, &schema, &name, &kind}, func() {
			t := tables.get(oid)
			t.Schema, t.Name, t.Form = schema, name, forms[kind]
		}))
	batch.Queue(`
		select a.attrelid, a.attnum, a.attname, a.atttypmod, a.attnotnull, a.atthasdef or a.attidentity <> '', a.attgenerated <> '',
			(select t.typname from pg_catalog.pg_type t where t.oid = a.atttypid),
			(select t.typcategory = 'S' from pg_catalog.pg_type t where t.oid = a.atttypid)
		from pg_catalog.pg_attribute a
		where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
		order by a.attnum`, oids).
		Query(each([]any{&oid, &c.number, &c.Name, &modifier, &c.NotNull, &c.HasDefault, &c.Generated, &c.Type, &c.Text}, func() {
			c.Length = 0
			if c.Type == "varchar" || c.Type == "bpchar" {
				c.Length = max(modifier-4, 0)
			}
			t := tables.get(oid)
			t.Columns = append(t.Columns, c)
		}))
	var numbers []int16
	var primary, single bool
	batch.Queue(`
		select i.indrelid, i.indkey::int2[], i.indisprimary, i.indnkeyatts = 1 and i.indpred is null
		from pg_catalog.pg_index i where i.indrelid = any($1::oid[]) and i.indisunique`, oids).
		Query(each([]any{&oid, &numbers, &primary, &single}, func() {
			columns := tables.get(oid).Columns
			for i := range columns {
				c := &columns[i]
				c.PrimaryKey = c.PrimaryKey || primary && slices.Contains(numbers, c.number)
				c.Unique = c.Unique || single && numbers[0] == c.number
			}
		}))
	batch.Queue(`
		select f.conrelid, f.conkey, f.confrelid,
			(select a.attname from pg_catalog.pg_attribute a where a.attrelid = f.confrelid and a.attnum = f.confkey[1])
		from pg_catalog.pg_constraint f
		where f.conrelid = any($1::oid[]) and f.contype = 'f' and array_length(f.conkey, 1) = 1`, oids).
		Query(each([]any{&oid, &numbers, &target, &name}, func() {
			columns := tables.get(oid).Columns
			for i := range columns {
				c := &columns[i]
				if c.number != numbers[0] {
					continue
				}
				c.Refers, c.RefersTo = tables.get(target), name
				if (c.PrimaryKey || c.Name == follow) && c.Refers.Name == "" {
					parents = append(parents, target)
				}
			}
		}))
	err = conn.SendBatch(ctx, batch).Close()
	return parents, err
}

// each scans every row of a query into the same places and calls f.
func each(targets []any, f func()) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, targets, func() error {
			f()
			return nil
		})
		return err
	}
}

// referred are tables by the key with which foreign keys name them. A table that is not read stays
// empty.
type referred[K comparable] map[K]*Table

func (r referred[K]) get(key K) *Table {
	if r[key] == nil {
		r[key] = &Table{}
	}
	return r[key]
}
