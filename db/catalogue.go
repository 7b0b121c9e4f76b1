package db

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"tokenctl/django"
)

// minPostgres is the oldest supported server_version_num: 12.
const minPostgres = 120000

// readPostgresCatalogue finds the named tables in the schema, or along
// search_path when it is empty, and the user table that they refer to, with
// its parents, wherever those live; with them the tables that may be knox's,
// unless a setting names the one. It takes two round trips, and another
// for each further generation of parents without a known name. The statements are
// small: where a new connection has none of the catalogue in its caches, planning
// many joins takes longer than all of this.
func (tx *Tx) readPostgresCatalogue(ctx context.Context, l *Layout, names []string) (all []*Table, err error) {
	err = tx.conn.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		known, wanted, err := tx.findTables(ctx, conn, l, names)
		tables := referred[uint32]{}
		for err == nil && len(wanted) > 0 {
			wanted, err = readTables(ctx, conn, tables, wanted)
		}
		for oid, t := range tables {
			if t.Name == "" {
				continue
			}
			all = append(all, t)
			if known[oid] {
				l.tables[t.Name] = t
			}
		}
		return err
	})
	return all, err
}

// findTables finds tables by name or by a column of knox's, and with them whatever
// they refer to.
func (tx *Tx) findTables(ctx context.Context, conn *pgx.Conn, l *Layout, names []string) (known map[uint32]bool, wanted []uint32, err error) {
	args := []any{names, tx.store.opts.TokenTable == ""}
	there := "pg_catalog.pg_table_is_visible(c.oid)"
	if schema := tx.store.opts.Schema; schema != "" {
		there, args = "c.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $3)", append(args, schema)
	}
	// What is PostgreSQL's own has lower oids (FirstNormalObjectId in access/transam.h).
	rows, err := conn.Query(ctx, `
		select c.oid, array(select f.confrelid from pg_catalog.pg_constraint f where f.conrelid = c.oid and f.contype = 'f'),
			coalesce(current_schema(), ''), current_setting('server_version'), current_setting('server_version_num')::int
		from pg_catalog.pg_class c
		where c.relkind in ('r', 'p', 'f') and c.oid >= 16384
		and (c.relname = any($1) or $2 and not c.relispartition and exists (select
			from pg_catalog.pg_attribute k where k.attrelid = c.oid and k.attname = 'token_key' and not k.attisdropped))
		and `+there, args...)
	if err != nil {
		return nil, nil, err
	}
	known = map[uint32]bool{}
	var oid uint32
	var targets []uint32
	version := minPostgres
	_, err = pgx.ForEachRow(rows, []any{&oid, &targets, &l.Schema, &l.Version, &version}, func() error {
		known[oid] = true
		wanted = append(append(wanted, oid), targets...)
		return nil
	})
	if err == nil && version < minPostgres {
		err = &django.Error{Code: django.CodeLayoutUnsupported, Message: "PostgreSQL " + l.Version + " is too old: tokenctl needs 12 or newer"}
	}
	if l.Schema == "" {
		l.Schema = tx.store.opts.Schema
	}
	slices.Sort(wanted)
	return known, slices.Compact(wanted), err
}

// readTables reads tables in one round trip, and returns which parents of theirs
// have not been read.
func readTables(ctx context.Context, conn *pgx.Conn, tables referred[uint32], oids []uint32) (parents []uint32, err error) {
	var oid, target uint32
	var schema, name string
	var c Column
	var modifier int
	batch := &pgx.Batch{}
	batch.Queue(`
		select c.oid, (select n.nspname from pg_catalog.pg_namespace n where n.oid = c.relnamespace), c.relname
		from pg_catalog.pg_class c where c.oid = any($1::oid[])`, oids).
		Query(each([]any{&oid, &schema, &name}, func() {
			t := tables.get(oid)
			t.Schema, t.Name = schema, name
		}))
	batch.Queue(`
		select a.attrelid, a.attnum, a.attname, a.atttypmod, a.attnotnull, a.atthasdef or a.attidentity <> '',
			(select t.typname from pg_catalog.pg_type t where t.oid = a.atttypid),
			(select t.typcategory = 'S' from pg_catalog.pg_type t where t.oid = a.atttypid)
		from pg_catalog.pg_attribute a
		where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
		order by a.attnum`, oids).
		Query(each([]any{&oid, &c.number, &c.Name, &modifier, &c.NotNull, &c.HasDefault, &c.Type, &c.Text}, func() {
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
		select f.conrelid, f.conkey, f.confrelid
		from pg_catalog.pg_constraint f
		where f.conrelid = any($1::oid[]) and f.contype = 'f' and array_length(f.conkey, 1) = 1`, oids).
		Query(each([]any{&oid, &numbers, &target}, func() {
			columns := tables.get(oid).Columns
			for i := range columns {
				c := &columns[i]
				if c.number != numbers[0] {
					continue
				}
				c.refers = tables.get(target)
				if c.PrimaryKey && c.refers.Name == "" {
					parents = append(parents, target)
				}
			}
		}))
	err = conn.SendBatch(ctx, batch).Close()
	return parents, err
}

// each scans every row of a query into the same places and calls f.
func each(places []any, f func()) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, places, func() error {
			f()
			return nil
		})
		return err
	}
}

// referred are tables by what foreign keys call them. One that is not among those
// that are read stays empty.
type referred[K comparable] map[K]*Table

func (r referred[K]) get(key K) *Table {
	if r[key] == nil {
		r[key] = &Table{}
	}
	return r[key]
}

var declaredType = regexp.MustCompile(`^\s*([a-z_ ]*[a-z_])\s*(?:\(\s*([0-9]+)\s*\))?`)

// readSQLiteCatalogue does the same on SQLite: only for these tables, since
// every pragma costs, and an application has hundreds.
func (tx *Tx) readSQLiteCatalogue(ctx context.Context, l *Layout, names []string) (all []*Table, err error) {
	wanted, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	rows, err := tx.conn.QueryContext(ctx, `
		with recursive rel(name) as (
			select name from sqlite_schema where type = 'table' and (name in (select value from json_each($1))
				or $2 and sql like '%digest%' and sql like '%token_key%' and sql like '%expiry%')
			union
			select f."table" from rel join pragma_foreign_key_list(rel.name) f
			where f."from" = 'user_id' or f."from" in (select c.name from pragma_table_info(rel.name) c where c.pk)
		)
		select m.name, c.name, lower(c.type), c."notnull", c.dflt_value is not null, c.pk,
			exists (select 1 from pragma_index_list(m.name) i where i."unique" and not i.partial
				and 1 = (select count(*) from pragma_index_info(i.name))
				and c.name = (select name from pragma_index_info(i.name))),
			coalesce((select min(f."table") from pragma_foreign_key_list(m.name) f where f."from" = c.name), ''),
			sqlite_version()
		from rel m join pragma_table_info(m.name) c
		order by m.name, c.cid`, string(wanted), tx.store.opts.TokenTable == "")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := referred[string]{}
	for rows.Next() {
		var table, declared, target string
		var pk int
		var c Column
		if err := rows.Scan(&table, &c.Name, &declared, &c.NotNull, &c.HasDefault, &pk, &c.Unique, &target, &l.Version); err != nil {
			return nil, err
		}
		c.PrimaryKey = pk > 0
		c.Type = declared
		if m := declaredType.FindStringSubmatch(declared); m != nil {
			c.Type = m[1]
			c.Length, _ = strconv.Atoi(m[2])
		}
		// char(32) is how Django stores a UUID.
		c.Text = strings.Contains(c.Type, "char") && !(c.Type == "char" && c.Length == 32) || strings.Contains(c.Type, "text")
		// An integer primary key is filled in by SQLite.
		c.HasDefault = c.HasDefault || c.PrimaryKey && c.Type == "integer"
		if target != "" {
			c.refers = tables.get(target)
		}
		t := tables.get(table)
		if t.Name == "" {
			t.Name, all = table, append(all, t)
			if slices.Contains(names, table) {
				l.tables[table] = t
			}
		}
		t.Columns = append(t.Columns, c)
	}
	return all, rows.Err()
}
