package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
)

var declaredType = tokenctl.Lazily(`^\s*([a-z_ ]*[a-z_])\s*(?:\(\s*([0-9]+)\s*\))?`)

// simpleView is a view of one table.
var simpleView = tokenctl.Lazily(`(?is)^create\s+view\s.*?\sas\s+select\s[^()]*?\sfrom\s+("(?:[^"]|"")+"|\w+)\s*(?:;\s*|where\s.*)?$`)

// readSQLite reads only the tables of the search: every pragma takes time, and an application has
// hundreds of tables.
func (tx *Tx) readSQLite(ctx context.Context, c *Catalogue, s Search) error {
	tables := referred[string]{}
	wanted := s
	type view struct{ t, base *Table }
	var views []view
	for len(wanted.Names) > 0 {
		found, bases, err := tx.readSQLiteTables(ctx, c, tables, wanted)
		if err != nil {
			return err
		}
		wanted = Search{Follow: s.Follow}
		for _, t := range found {
			c.Tables = append(c.Tables, t)
			if slices.Contains(s.Names, t.Name) {
				c.Visible[t.Name] = t
			}
			if base := bases[t]; base != "" {
				views = slices.Insert(views, 0, view{t, tables.get(base)})
				if tables.get(base).Name == "" {
					wanted.Names = append(wanted.Names, base)
				}
			}
		}
	}
	for _, v := range views {
		v.t.follow(v.base, false)
	}
	return nil
}

// readSQLiteTables reads tables and the tables to which they refer. bases are the tables behind
// views.
func (tx *Tx) readSQLiteTables(ctx context.Context, catalogue *Catalogue, tables referred[string], s Search) (found []*Table, bases map[*Table]string, err error) {
	names, err := json.Marshal(s.Names)
	if err != nil {
		return nil, nil, err
	}
	q := &Query{}
	named := q.Expr("name in (select value from json_each(%s))", string(names))
	for _, columns := range s.Columns {
		with := &Query{Args: q.Args}
		for _, name := range columns {
			with.And("sql like %s", "%"+name+"%")
		}
		named += " or type = 'table' and " + with.Condition()
		q.Args = with.Args
	}
	follow := q.Expr("%s", s.Follow)
	rows, err := tx.conn.QueryContext(ctx, `
		with recursive rel(name) as (
			select name from sqlite_schema where type in ('table', 'view') and (`+named+`)
			union
			select f."table" from rel join pragma_foreign_key_list(rel.name) f
			where f."from" = `+follow+` or f."from" in (select c.name from pragma_table_info(rel.name) c where c.pk)
		)
		select m.name, m.type = 'view', m.sql, c.name, lower(c.type), c."notnull", c.dflt_value is not null or c.hidden > 1, c.hidden > 1, c.pk,
			exists (select 1 from pragma_index_list(m.name) i where i."unique" and not i.partial
				and 1 = (select count(*) from pragma_index_info(i.name))
				and c.name = (select name from pragma_index_info(i.name))),
			coalesce((select min(f."table") from pragma_foreign_key_list(m.name) f where f."from" = c.name), ''),
			coalesce((select min(f."to") from pragma_foreign_key_list(m.name) f where f."from" = c.name), ''),
			sqlite_version()
		from rel join sqlite_schema m on m.name = rel.name and m.type in ('table', 'view') join pragma_table_xinfo(m.name) c on c.hidden <> 1
		order by m.name, c.cid`, q.Args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	bases = map[*Table]string{}
	for rows.Next() {
		var table, declared, target, definition string
		var view bool
		var pk int
		var c Column
		if err := rows.Scan(&table, &view, &definition, &c.Name, &declared, &c.NotNull, &c.HasDefault, &c.Generated, &pk, &c.Unique, &target, &c.RefersTo, &catalogue.Version); err != nil {
			return nil, nil, err
		}
		t := tables.get(table)
		if t.Name == "" {
			t.Name, t.Form, found = table, Ordinary, append(found, t)
			if view {
				t.Form = View
				if m := simpleView().FindStringSubmatch(definition); m != nil {
					bases[t] = strings.ReplaceAll(strings.Trim(m[1], `"`), `""`, `"`)
				}
			}
		}
		if !slices.Contains(found, t) {
			continue // read before
		}
		c.PrimaryKey = pk > 0
		c.Type = declared
		if m := declaredType().FindStringSubmatch(declared); m != nil {
			c.Type = m[1]
			c.Length, _ = strconv.Atoi(m[2])
		}
		// Django stores a UUID as char(32).
		c.Text = strings.Contains(c.Type, "char") && !(c.Type == "char" && c.Length == 32) || strings.Contains(c.Type, "text")
		// SQLite fills in an integer primary key.
		c.HasDefault = c.HasDefault || c.PrimaryKey && c.Type == "integer"
		if target != "" {
			c.Refers = tables.get(target)
		}
		t.Columns = append(t.Columns, c)
	}
	return found, bases, rows.Err()
}
