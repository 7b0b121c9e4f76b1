package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tokenctl"
)

// unclear is an error of PostgreSQL's about whose cause the database can say more.
// In the transaction that it ended nothing can be asked.
type unclear struct {
	err           *tokenctl.Error
	code          string // SQLSTATE
	schema, table string // perhaps unknown
}

// clarify completes an error that ended the transaction. Whatever cannot be found
// out, the error stays as it is.
func (tx *Tx) clarify(ctx context.Context, err error) {
	u := tx.unclear.Load()
	if u == nil || !errors.Is(err, u.err) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	switch u.code {
	case "25006":
		var standby, byDefault bool
		if tx.conn.QueryRowContext(ctx, "select pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool").Scan(&standby, &byDefault) != nil {
			return
		}
		switch {
		case standby:
			u.err.Message = "the database takes no changes from here: the server is a standby"
			u.err.Hint = "connect to the primary, for example with target_session_attrs=read-write"
		case byDefault:
			u.err.Message = "the database takes no changes from here: default_transaction_read_only is on for the role " + tx.store.role + ", the database or the server"
			u.err.Hint = "connect as a role that may write"
		}
	case "23505":
		if u.err.Code != tokenctl.CodeDatabaseError {
			return
		}
		for _, s := range tx.sequences(ctx, u) {
			if s.key {
				u.err.Message = fmt.Sprintf("the sequence %s is behind %s.%s: it gives numbers that are taken", s.name, u.table, s.column)
				u.err.Hint = setvalHint(u.schema, u.table, s.column, s.name)
			}
		}
	case "2200H", "22003":
		for _, s := range tx.sequences(ctx, u) {
			if s.usedUp {
				u.err.Code = tokenctl.CodeDatabaseError
				u.err.Message = fmt.Sprintf("the numbers of %s.%s are used up: the column is %s, and its sequence %s has given the last one", u.table, s.column, s.typ, s.name)
				u.err.Hint = "widen both to bigint, or let the sequence begin in a gap"
			}
		}
	}
}

// setvalHint mends a sequence that is behind its column.
func setvalHint(schema, table, column, sequence string) string {
	t := quote(table)
	if schema != "" {
		t = quote(schema) + "." + t
	}
	of := literal(sequence)
	if sequence == "" {
		of = "pg_get_serial_sequence(" + literal(t) + ", " + literal(column) + ")"
	}
	return "as its owner: select setval(" + of + ", (select max(" + quote(column) + ") from " + t + "))"
}

// sequence gives the numbers of a column.
type sequence struct {
	name, column, typ string
	key, usedUp       bool
}

// sequences are those of a table, also where only a default names them.
func (tx *Tx) sequences(ctx context.Context, u *unclear) (list []sequence) {
	rows, err := tx.conn.QueryContext(ctx, `
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
		where c.relname = $1 and ($2 = '' and pg_table_is_visible(c.oid) or n.nspname = $2)`, u.table, u.schema)
	if err != nil {
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var s sequence
		if rows.Scan(&s.name, &s.column, &s.typ, &s.key, &s.usedUp) != nil {
			return nil
		}
		list = append(list, s)
	}
	return list
}
