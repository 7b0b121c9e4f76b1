package engine

import (
	"context"
	"fmt"
)

// Sequence numbers the rows of a table.
type Sequence struct {
	Table, Name string
	Next        int64 // the next number of the sequence
	Largest     int64 // the largest number of a row
	Most        int64 // the largest number that both the sequence and the column can hold
	Set         string
	Widen       string
}

// Behind reports whether the next number may belong to a row already.
func (s *Sequence) Behind() bool { return s.Next <= s.Largest }

// Used returns the used part of the numbers, in percent.
func (s *Sequence) Used() int { return int(float64(max(s.Next-1, s.Largest)) / float64(s.Most) * 100) }

// Over reports whether more than percent of the numbers are used.
func (s *Sequence) Over(percent int64) bool {
	return float64(max(s.Next-1, s.Largest))*100 > float64(s.Most)*float64(percent)
}

// Sequences returns the sequences of the tables' primary keys. SQLite has none: its numbers follow the
// table.
func (tx *Tx) Sequences(ctx context.Context, tables []*Table) (list []Sequence, err error) {
	if tx.Engine == SQLite {
		return nil, nil
	}
	for _, t := range tables {
		key := t.PrimaryKey()
		if key == nil || !t.Stored() || !key.Integer() {
			continue
		}
		var name string
		q := &Query{Text: "select coalesce(pg_get_serial_sequence($1, $2), '')", Args: []any{t.Own(), key.Name}}
		if err := tx.Scan(ctx, q, &name); err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		s := Sequence{Table: t.String(), Name: name}
		q = &Query{Columns: []string{"s.last_value + case when s.is_called then p.seqincrement else 0 end",
			"coalesce((select max(t." + Quote(key.Name) + ") from " + t.SQL() + " t), 0)::bigint", "p.seqmax"},
			From: name + " s, pg_catalog.pg_sequence p"}
		q.And("p.seqrelid = cast(%s as regclass)", name)
		if err := tx.Scan(ctx, q, &s.Next, &s.Largest, &s.Most); err != nil {
			return nil, err
		}
		if bits := map[string]uint{"int2": 15, "int4": 31}[key.Type]; bits > 0 {
			s.Most = min(s.Most, 1<<bits-1)
		}
		s.Set = fmt.Sprintf("select setval(%s, (select max(%s) from %s))", Literal(name), Quote(key.Name), t.Own())
		s.Widen = fmt.Sprintf("alter table %s alter column %s type bigint; alter sequence %s as bigint no maxvalue", t.Own(), Quote(key.Name), name)
		list = append(list, s)
	}
	return list, nil
}

// setvalHint returns the hint with the statement that corrects a sequence behind its column.
func setvalHint(schema, table, column, sequence string) string {
	t := Quote(table)
	if schema != "" {
		t = Quote(schema) + "." + t
	}
	of := Literal(sequence)
	if sequence == "" {
		of = "pg_get_serial_sequence(" + Literal(t) + ", " + Literal(column) + ")"
	}
	return "as its owner: select setval(" + of + ", (select max(" + Quote(column) + ") from " + t + "))"
}

// sequence gives the numbers of a column.
type sequence struct {
	name, column, typ string
	key, usedUp       bool
}

// sequences returns the sequences of a table, including those that only a default names.
func (tx *Tx) sequences(ctx context.Context, u *unclear) []sequence {
	q := &Query{Text: `
		with numbering as (
			select d.objid as sequence, d.refobjid as relation, d.refobjsubid as place from pg_catalog.pg_depend d
			where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
			union
			select d.refobjid, f.adrelid, f.adnum from pg_catalog.pg_attrdef f
			join pg_catalog.pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass)
		select format('%I.%I', m.nspname, s.relname), a.attname, format_type(a.atttypid, null),
			exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any(i.indkey)),
			coalesce(pg_sequence_last_value(s.oid) >= least(q.seqmax, case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647 else q.seqmax end), false)
		from numbering b
		join pg_catalog.pg_class s on s.oid = b.sequence and s.relkind = 'S'
		join pg_catalog.pg_namespace m on m.oid = s.relnamespace
		join pg_catalog.pg_sequence q on q.seqrelid = s.oid
		join pg_catalog.pg_class c on c.oid = b.relation
		join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = b.place
		where c.relname = $1 and ($2 = '' and pg_table_is_visible(c.oid) or n.nspname = $2)`, Args: []any{u.table, u.schema}}
	list, err := Collect(ctx, tx, q, func(r *Row) (s sequence) {
		r.Scan(&s.name, &s.column, &s.typ, &s.key, &s.usedUp) //nolint:errcheck // Collect returns it
		return s
	})
	if err != nil {
		return nil
	}
	return list
}

// SequencesOf are the quoted names of the sequences from which the defaults of a table's columns take
// numbers. Identity columns need no privilege on theirs.
func (tx *Tx) SequencesOf(ctx context.Context, t *Table) ([]string, error) {
	return tx.texts(ctx, &Query{Text: `select distinct format('%I.%I', m.nspname, s.relname) from pg_catalog.pg_class c
		join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_attrdef f on f.adrelid = c.oid
		join pg_catalog.pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
		join pg_catalog.pg_class s on s.oid = d.refobjid and s.relkind = 'S'
		join pg_catalog.pg_namespace m on m.oid = s.relnamespace
		where n.nspname = $1 and c.relname = $2 order by 1`, Args: []any{t.Schema, t.Name}})
}

// Database is the name of the database.
func (tx *Tx) Database(ctx context.Context) (name string, err error) {
	return name, tx.Scan(ctx, &Query{Text: "select current_database()"}, &name)
}
