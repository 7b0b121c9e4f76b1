package schema_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// catalogues are queries that together describe everything in a database, one
// line of text for each thing.
var catalogues = map[string][]string{
	"postgres": {
		`select format('%s %s', relkind, relname) from pg_class where relnamespace = 'public'::regnamespace`,

		// The position counts: attnum has gaps where a migration has dropped a column.
		`select format('column %s %s: %s %s %s identity=%s default=%s collation=%s', c.relname,
			row_number() over (partition by c.oid order by a.attnum), a.attname,
			format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' else 'null' end,
			a.attidentity, pg_get_expr(d.adbin, d.adrelid), (select collname from pg_collation where oid = a.attcollation))
		from pg_class c join pg_attribute a on a.attrelid = c.oid
			left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
		where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`,

		// From PostgreSQL 18 on, "not null" is a constraint too, whose name tells
		// the column's first name. Django never uses it.
		`select format('constraint %s: %s %s deferrable=%s deferred=%s validated=%s', conname, conrelid::regclass,
			pg_get_constraintdef(oid), condeferrable, condeferred, convalidated)
		from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'`,

		`select format('index %s: %s', indexname, indexdef) from pg_indexes where schemaname = 'public'`,

		`select format('sequence %s: %s from %s by %s, %s to %s, cycle=%s, owned by %s.%s (%s)', s.seqrelid::regclass,
			s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle,
			d.refobjid::regclass, a.attname, d.deptype)
		from pg_sequence s left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.seqrelid
				and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
			left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid`,
	},
	"sqlite": {
		`select format('%s %s of %s: %s', type, name, tbl_name, sql) from sqlite_master`,

		`select format('column %s %d: %s %s notnull=%d default=%s pk=%d', m.name, p.cid, p.name, p.type, p."notnull",
			p.dflt_value, p.pk) from sqlite_master m, pragma_table_info(m.name) p where m.type = 'table'`,

		`select format('foreign key %s %d: %s to %s (%s) update=%s delete=%s match=%s', m.name, f.id, f."from",
			f."table", f."to", f.on_update, f.on_delete, f."match")
		from sqlite_master m, pragma_foreign_key_list(m.name) f where m.type = 'table'`,

		`select format('index %s %d: %s unique=%d origin=%s partial=%d', m.name, i.seq, i.name, i."unique", i.origin, i.partial)
		from sqlite_master m, pragma_index_list(m.name) i where m.type = 'table'`,
	},
}

// catalogue describes a whole database, sorted.
func catalogue(t *testing.T, engine string, db *sql.DB) []string {
	t.Helper()
	var lines []string
	for _, query := range catalogues[engine] {
		found := texts(t, db, query)
		if len(found) == 0 {
			t.Fatalf("nothing found by %s", query)
		}
		lines = append(lines, found...)
	}
	slices.Sort(lines)
	return lines
}

// compare reports every line that only one of two catalogues has.
func compare(t *testing.T, got, want []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("only ours:     %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("only Django's: %s", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, Django has %d", len(got), len(want))
	}
}

// texts runs a query of one column.
func texts(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// open opens a database by the URL that dbtest gives.
func open(t *testing.T, engine, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if engine == "sqlite" {
		driver, dsn = "sqlite", strings.TrimPrefix(url, "sqlite:///")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
