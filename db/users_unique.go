package db

import (
	"context"

	"tokenctl/db/engine"
)

// NameIndex reports whether the database prevents two users from having the same name.
type NameIndex struct {
	Unique bool
	Short  []string // unique indexes that have the column and yet allow it, with the reason: "users_lower (an expression)"
	Create string   // the statement that creates the index
}

// UsernameIndex searches for a unique index on only the column of USERNAME_FIELD. An index that is partial,
// invalid, on an expression, of another collation or on further columns allows two users with the same name.
// The result is nil for a view, whose indexes are not known.
func (tx *Tx) UsernameIndex(ctx context.Context) (*NameIndex, error) {
	l := tx.Layout
	u, err := l.Users()
	if err != nil {
		return nil, err
	}
	c := u.Column(u.Username)
	x := &NameIndex{Create: "create unique index concurrently on " + u.SQL() + " (" + engine.Quote(c.Name) + ")"}
	q := &engine.Query{Text: `
		select i.indexrelid::regclass::text, case when not i.indisvalid then 'invalid' when i.indpred is not null then 'partial'
			when i.indnkeyatts > 1 then 'further columns' when i.indkey[0] = 0 then 'an expression'
			when i.indcollation[0] <> a.attcollation and not o.collisdeterministic then 'another collation' else '' end
		from pg_catalog.pg_class t join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname = $3
		left join pg_catalog.pg_collation o on o.oid = a.attcollation
		left join pg_catalog.pg_index i on i.indrelid = t.oid and i.indisunique and (a.attnum = any(i.indkey) or exists (select
			from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = t.oid and d.refobjsubid = a.attnum))
		where t.relname = $2 and t.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $1) and t.relkind in ('r', 'p')
		order by 1`, Args: []any{u.Schema, u.Name, c.Name}}
	if l.Engine == engine.SQLite {
		x.Create = "create unique index " + engine.Quote(u.Name+"_"+c.Name) + " on " + u.SQL() + " (" + engine.Quote(c.Name) + ")"
		x.Unique = c.PrimaryKey && u.PrimaryKey() != nil // the rowid has no index
		q = &engine.Query{Text: `
			select i.name, case when i.partial then 'partial' when (select count(*) from pragma_index_info(i.name)) > 1 then 'further columns'
				when (select k.cid from pragma_index_info(i.name) k) < 0 then 'an expression' else '' end
			from sqlite_schema t left join pragma_index_list(t.name) i on i."unique" and (exists (select 1 from pragma_index_info(i.name) k where k.name = $2)
				or exists (select 1 from pragma_index_info(i.name) k where k.cid = -2))
			where t.name = $1 and t.type = 'table' order by 1`, Args: []any{u.Name, c.Name}}
	}
	known := false
	err = tx.Each(ctx, q, func(r engine.Row) error {
		known = true
		name, some := r.TextOrNull()
		why, _ := r.TextOrNull()
		switch {
		case !some:
		case why == "":
			x.Unique = true
		default:
			x.Short = append(x.Short, name+" ("+why+")")
		}
		return r.Err
	})
	if !known {
		x = nil
	}
	return x, err
}

// SharedNames are names that several users have.
type SharedNames struct {
	Names, Users int64    // the number of these names, and of the users who have them
	First        []string // the keys of some users who have one of the names
}

// SharedNames counts the names that several users have, as the database compares names.
func (tx *Tx) SharedNames(ctx context.Context) (SharedNames, error) {
	var s SharedNames
	l := tx.Layout
	u, err := l.Users()
	if err != nil {
		return s, err
	}
	name, key := engine.Quote(u.Username), engine.Quote(u.Key)
	groups := func(columns string) string {
		return "select " + columns + " from " + u.SQL() + " where " + name + " is not null group by " + name + " having count(*) > 1"
	}
	q := &engine.Query{Text: "select count(*), cast(coalesce(sum(n), 0) as bigint) from (" + groups("count(*) as n") + ") g"}
	if err := tx.Scan(ctx, q, &s.Names, &s.Users); err != nil || s.Names == 0 {
		return s, err
	}
	q = &engine.Query{Columns: []string{"cast(u." + key + " as text)"}, From: u.SQL() + " u", Order: []string{"u." + key}, Limit: mostIDs,
		Where: []string{"u." + name + " = (select o." + name + " from " + u.SQL() + " o where o." + name + " in (" + groups(name) + ") order by o." + key + " limit 1)"}}
	s.First, err = engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) string { return l.User.keyText(r.Text()) })
	return s, err
}
