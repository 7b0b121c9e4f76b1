package db

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tokenctl/django"
)

// minPostgres is the oldest supported server_version_num: 12.
const minPostgres = 120000

// readPostgresCatalogue finds the named tables in the schema, or along
// search_path when it is empty, and the user table that they refer to, with
// its parents, wherever those live; with them the tables that have knox's
// columns, unless a setting names the one.
func (tx *Tx) readPostgresCatalogue(ctx context.Context, l *Layout, all map[[2]string]*Table, names []string) error {
	rows, err := tx.conn.QueryContext(ctx, `
		with recursive rel(oid, known) as (
			select c.oid, true
			from pg_catalog.pg_class c
			join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p', 'f')
			and (c.relname = any($1) or $3 and not c.relispartition and cardinality($4::text[]) = (select count(*)
				from pg_catalog.pg_attribute k where k.attrelid = c.oid and k.attname = any($4::text[]) and not k.attisdropped))
			and case when $2 = '' then pg_catalog.pg_table_is_visible(c.oid) else n.nspname = $2 end
			union
			select f.confrelid, false
			from rel
			join pg_catalog.pg_constraint f on f.conrelid = rel.oid and f.contype = 'f' and array_length(f.conkey, 1) = 1
			join pg_catalog.pg_attribute a on a.attrelid = rel.oid and a.attnum = f.conkey[1]
			where rel.known and a.attname = 'user_id'
			or exists (select from pg_catalog.pg_index i where i.indrelid = rel.oid and i.indisprimary and a.attnum = any(i.indkey))
		)
		select n.nspname, c.relname, bool_or(rel.known), a.attname, t.typname,
			case when t.typname in ('varchar', 'bpchar') then greatest(a.atttypmod - 4, 0) else 0 end,
			a.attnotnull, a.atthasdef or a.attidentity <> '',
			exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any(i.indkey)),
			exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisunique and i.indnkeyatts = 1
				and i.indkey[0] = a.attnum and i.indpred is null),
			t.typcategory = 'S',
			coalesce(min(fn.nspname), ''), coalesce(min(fc.relname), ''), coalesce(min(fa.attname), ''),
			coalesce(current_schema(), ''), current_setting('server_version'), current_setting('server_version_num')::int
		from rel
		join pg_catalog.pg_class c on c.oid = rel.oid
		join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		join pg_catalog.pg_type t on t.oid = a.atttypid
		left join pg_catalog.pg_constraint f on f.conrelid = c.oid and f.contype = 'f' and f.conkey = array[a.attnum]
		left join pg_catalog.pg_class fc on fc.oid = f.confrelid
		left join pg_catalog.pg_namespace fn on fn.oid = fc.relnamespace
		left join pg_catalog.pg_attribute fa on fa.attrelid = fc.oid and fa.attnum = f.confkey[1]
		group by n.nspname, c.relname, c.oid, a.attname, a.attnum, a.attnotnull, a.atthasdef, a.attidentity, a.atttypmod, t.typname, t.typcategory
		order by c.oid, a.attnum`, names, tx.store.opts.Schema, tx.store.opts.TokenTable == "", knoxColumns)
	if err != nil {
		return err
	}
	defer rows.Close()
	version := minPostgres
	for rows.Next() {
		var table string
		var in Table
		var known bool
		var c Column
		if err := rows.Scan(&in.Schema, &table, &known, &c.Name, &c.Type, &c.Length, &c.NotNull, &c.HasDefault,
			&c.PrimaryKey, &c.Unique, &c.Text, &c.refSchema, &c.refTable, &c.refColumn, &l.Schema, &l.Version, &version); err != nil {
			return err
		}
		t := all[[2]string{in.Schema, table}]
		if t == nil {
			t = &Table{Schema: in.Schema, Name: table}
			all[[2]string{in.Schema, table}] = t
		}
		if known {
			l.tables[table] = t
		}
		t.Columns = append(t.Columns, c)
	}
	if version < minPostgres {
		return &django.Error{Code: django.CodeLayoutUnsupported, Message: "PostgreSQL " + l.Version + " is too old: tokenctl needs 12 or newer"}
	}
	if l.Schema == "" {
		l.Schema = tx.store.opts.Schema
	}
	return rows.Err()
}

var declaredType = regexp.MustCompile(`^\s*([a-z_ ]*[a-z_])\s*(?:\(\s*([0-9]+)\s*\))?`)

// readSQLiteCatalogue does the same on SQLite: only for these tables, since
// every pragma costs, and an application has hundreds.
func (tx *Tx) readSQLiteCatalogue(ctx context.Context, l *Layout, all map[[2]string]*Table, names []string) error {
	wanted, err := json.Marshal(names)
	if err != nil {
		return err
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
			coalesce((select min(f."to") from pragma_foreign_key_list(m.name) f where f."from" = c.name), ''),
			sqlite_version()
		from rel m join pragma_table_info(m.name) c
		order by m.name, c.cid`, string(wanted), tx.store.opts.TokenTable == "")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table, declared string
		var pk int
		var c Column
		if err := rows.Scan(&table, &c.Name, &declared, &c.NotNull, &c.HasDefault, &pk, &c.Unique, &c.refTable, &c.refColumn, &l.Version); err != nil {
			return err
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
		t := all[[2]string{"", table}]
		if t == nil {
			t = &Table{Name: table}
			all[[2]string{"", table}] = t
			if slices.Contains(names, table) {
				l.tables[table] = t
			}
		}
		t.Columns = append(t.Columns, c)
	}
	return rows.Err()
}
