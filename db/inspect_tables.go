package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// written are the tables that commands write: those of users and credentials, and what
// is behind views of them.
func (l *Layout) written() []*Table {
	list := l.KnownTables()
	for _, t := range list {
		for b := t.base; b != nil && !slices.Contains(list, b); b = b.base {
			list = append(list, b)
		}
	}
	return list
}

// Base is the only table behind a view; nil where there are several, or it is none.
func (t *Table) Base() *Table { return t.base }

// tableNames are the parameters by which a query finds tables in PostgreSQL's catalogue.
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

// NotUnique is a column in which the database allows what Django does not expect.
type NotUnique struct {
	Table  *Table
	Column string
	Create string // the statement that mends it
}

// NotUnique are the columns of the kinds' tables that have lost their unique
// constraint. Of views and foreign tables that cannot be known.
func (l *Layout) NotUnique() (list []NotUnique) {
	for _, known := range []struct{ table, column string }{{tableAuthToken, "key"}, {tableAuthToken, "user_id"}, {tableKnox, "digest"}, {tableOutstanding, "id"}, {tableOutstanding, "jti"},
		{tableBlacklisted, "token_id"}, {tableSession, "session_key"}} {
		t := l.tables[known.table]
		if t == nil || !t.Stored() || known.table == tableAuthToken && known.column == "user_id" && l.SeveralTokens() {
			continue
		}
		c := t.Column(known.column)
		if c == nil || c.Unique || c.PrimaryKey && t.primaryKey() == c {
			continue
		}
		n := NotUnique{Table: t, Column: c.Name, Create: "alter table " + t.SQL() + " add unique (" + quote(c.Name) + ")"}
		if l.Engine == SQLite {
			n.Create = "create unique index " + quote(t.Name+"_"+c.Name+"_key") + " on " + t.SQL() + " (" + quote(c.Name) + ")"
		}
		list = append(list, n)
	}
	return list
}

// OddType is a column of a type that Django does not make for it.
type OddType struct {
	Table              *Table
	Column, Type, Want string
	Mend               string // the statement that mends it; empty where there is none
}

// OddTypes are the columns of the known tables whose types are of another family than
// Django's. SQLite takes any value in any column, and may have no type declared.
func (l *Layout) OddTypes() (list []OddType) {
	for _, t := range l.KnownTables() {
		for i := range t.Columns {
			c := &t.Columns[i]
			want, fits := djangoType(c)
			if want == "" || fits || c.Type == "" {
				continue
			}
			odd := OddType{Table: t, Column: c.Name, Type: c.Type, Want: want}
			if l.Engine == PostgreSQL && t.Stored() {
				odd.Mend = fmt.Sprintf("alter table %s alter column %s type %s using %[2]s::%[3]s", t.SQL(), quote(c.Name), want)
			}
			list = append(list, odd)
		}
	}
	return list
}

// djangoType is the type that Django makes for a column that tokenctl reads, and whether
// c is of its family; empty for other columns.
func djangoType(c *Column) (want string, fits bool) {
	switch c.Name {
	case "created", "expiry", "expires", "created_at", "expires_at", "blacklisted_at", "expire_date", "date_joined", "last_login":
		return "timestamptz", strings.HasPrefix(c.Type, "timestamp") || c.Type == "datetime"
	case "key", "digest", "token_key", "jti", "token", "session_key", "session_data", "password":
		return "text", c.Text && c.Type != "bpchar" || c.Type == "char"
	case "is_active", "is_staff", "is_superuser":
		return "boolean", c.Type == "bool" || c.Type == "boolean"
	}
	return "", false
}

// Trigger is a trigger or rule on a table that commands write.
type Trigger struct {
	Table, Name string
	// Before says that it can keep a row from being changed, or change it otherwise.
	Before bool
	Rule   bool
}

// Triggers are the enabled ones that somebody made.
func (tx *Tx) Triggers(ctx context.Context) (list []Trigger, err error) {
	tables := tx.Layout.written()
	schemas, names := tableNames(tables)
	q := &query{text: `select k.place, tg.tgname, tg.tgtype & 66 <> 0, false from ` + fromTables + `
		join pg_catalog.pg_trigger tg on tg.tgrelid = c.oid and not tg.tgisinternal and tg.tgenabled <> 'D'
		union all select k.place, w.rulename, true, true from ` + fromTables + ` join pg_catalog.pg_rewrite w on w.ev_class = c.oid and w.ev_type <> '1'
		order by 1, 2`, args: []any{schemas, names}}
	if tx.Layout.Engine == SQLite {
		arg, err := tx.Layout.listArg(texts(names))
		if err != nil {
			return nil, err
		}
		q = &query{text: `select j.key + 1, m.name, m.sql not like '% after %', 0 from json_each($1) j join sqlite_schema m on m.type = 'trigger' and m.tbl_name = j.value order by 1, 2`, args: []any{arg}}
	}
	return list, tx.each(ctx, q, func(r row) error {
		var place int
		var t Trigger
		err := r.Scan(&place, &t.Name, &t.Before, &t.Rule)
		if err == nil {
			t.Table = tables[place-1].String()
		}
		list = append(list, t)
		return err
	})
}

// Unwritable are the known tables that are views or foreign, with the words of SQL that
// cannot be done to them.
func (tx *Tx) Unwritable(ctx context.Context) (map[*Table][]string, error) {
	var tables []*Table
	for _, t := range tx.Layout.KnownTables() {
		if !t.Stored() {
			tables = append(tables, t)
		}
	}
	if tables == nil {
		return nil, nil
	}
	schemas, names := tableNames(tables)
	q := &query{text: "select k.place, pg_relation_is_updatable(c.oid, true) from " + fromTables, args: []any{schemas, names}}
	if tx.Layout.Engine == SQLite {
		arg, err := tx.Layout.listArg(texts(names))
		if err != nil {
			return nil, err
		}
		instead := func(word string, bit int) string {
			return fmt.Sprintf("%d * exists (select 1 from sqlite_schema m where m.type = 'trigger' and m.tbl_name = j.value and m.sql like '%%instead of %s%%')", bit, word)
		}
		q = &query{text: "select j.key + 1, " + instead("update", 4) + " + " + instead("insert", 8) + " + " + instead("delete", 16) + " from json_each($1) j", args: []any{arg}}
	}
	lacks := map[*Table][]string{}
	return lacks, tx.each(ctx, q, func(r row) error {
		var place, can int
		if err := r.Scan(&place, &can); err != nil {
			return err
		}
		t := tables[place-1]
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

// Ownerless are rows that belong to nobody.
type Ownerless struct {
	Table, Parent string
	Rows          int    // MaxOrphans means so many or more
	JWTs          bool   // they are recorded tokens, which need no owner
	Mend          string // the statement that removes them, or the reference
}

// Ownerless looks for rows whose user, or whose token, is not there: where no valid
// foreign key rules them out. It may read whole tables: the caller bounds its time.
func (tx *Tx) Ownerless(ctx context.Context) (list []Ownerless, err error) {
	l := tx.Layout
	type link struct {
		t           *Table
		column, key string
		to          *Table
		from        string
	}
	var links []link
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding} {
		if t := l.tables[name]; t != nil && t.Owner != nil && t.Column("user_id") != nil {
			links = append(links, link{t, "user_id", t.Owner.Key, t.Owner.Table, t.Owner.From("u")})
		}
	}
	if b, o := l.Blacklisted(), l.Outstanding(); b != nil && o != nil && b.Column("token_id") != nil && o.Column("id") != nil {
		links = append(links, link{b, "token_id", "id", o, o.SQL() + " u"})
	}
	for _, k := range links {
		if k.t.Column(k.column).refers != nil && k.t.Stored() {
			valid, err := tx.validKey(ctx, k.t, k.column)
			if err != nil {
				return nil, err
			}
			if valid {
				continue
			}
		}
		condition := "t." + quote(k.column) + " is not null and not exists (select 1 from " + k.from + " where u." + quote(k.key) + " = t." + quote(k.column) + ")"
		n := Ownerless{Table: k.t.String(), Parent: k.to.String(), JWTs: k.t == l.Outstanding(), Mend: "delete from " + k.t.SQL() + " as t where " + condition}
		if n.JWTs { // on_delete of simplejwt since 5.1
			n.Mend = "update " + k.t.SQL() + " as t set user_id = null where " + condition
		}
		q := &query{columns: []string{"count(*)"}, from: fmt.Sprintf("(select 1 from %s t where %s limit %d) x", k.t.SQL(), condition, MaxOrphans)}
		if err := tx.each(ctx, q, func(r row) error { return r.Scan(&n.Rows) }); err != nil {
			return nil, err
		}
		if n.Rows > 0 {
			list = append(list, n)
		}
	}
	return list, nil
}

// validKey reports whether PostgreSQL has checked a foreign key for all rows. SQLite may
// never have: [Tx.Orphans] looks there.
func (tx *Tx) validKey(ctx context.Context, t *Table, column string) (valid bool, err error) {
	if tx.Layout.Engine == SQLite {
		return true, nil
	}
	q := &query{columns: []string{"coalesce(bool_and(f.convalidated), false)"}, from: `pg_catalog.pg_constraint f
		join pg_catalog.pg_class c on c.oid = f.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = f.conkey[1]`, where: []string{"f.contype = 'f'"}}
	q.and("n.nspname = %s", t.Schema)
	q.and("c.relname = %s", t.Name)
	q.and("a.attname = %s", column)
	return valid, tx.each(ctx, q, func(r row) error { return r.Scan(&valid) })
}

// Sequence is what numbers the rows of a table.
type Sequence struct {
	Table, Name string
	Next        int64 // the number that it gives next
	Largest     int64 // that a row has
	Most        int64 // that the sequence and the column can hold
	Set         string
	Widen       string
}

// Behind reports whether a number that it gives is taken already.
func (s *Sequence) Behind() bool { return s.Next <= s.Largest }

// Used is how much of its numbers is used, in percent.
func (s *Sequence) Used() int { return int(float64(max(s.Next-1, s.Largest)) / float64(s.Most) * 100) }

// Sequences are those of the primary keys of the tables that commands add rows to. SQLite's
// numbers follow the table by themselves.
func (tx *Tx) Sequences(ctx context.Context) (list []Sequence, err error) {
	l := tx.Layout
	if l.Engine == SQLite {
		return nil, nil
	}
	for _, t := range l.written() {
		key := t.primaryKey()
		if key == nil || !t.Stored() || !key.Integer() {
			continue
		}
		var name string
		q := &query{text: "select coalesce(pg_get_serial_sequence($1, $2), '')", args: []any{t.SQL(), key.Name}}
		if err := tx.each(ctx, q, func(r row) error { return r.Scan(&name) }); err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		s := Sequence{Table: t.String(), Name: name}
		q = &query{columns: []string{"s.last_value + case when s.is_called then p.seqincrement else 0 end",
			"coalesce((select max(t." + quote(key.Name) + ") from " + t.SQL() + " t), 0)::bigint", "p.seqmax"},
			from: name + " s, pg_catalog.pg_sequence p"}
		q.and("p.seqrelid = cast(%s as regclass)", name)
		if err := tx.each(ctx, q, func(r row) error { return r.Scan(&s.Next, &s.Largest, &s.Most) }); err != nil {
			return nil, err
		}
		if bits := map[string]uint{"int2": 15, "int4": 31}[key.Type]; bits > 0 {
			s.Most = min(s.Most, 1<<bits-1)
		}
		s.Set = fmt.Sprintf("select setval(%s, (select max(%s) from %s))", literal(name), quote(key.Name), t.SQL())
		s.Widen = fmt.Sprintf("alter table %s alter column %s type bigint; alter sequence %s as bigint no maxvalue", t.SQL(), quote(key.Name), name)
		list = append(list, s)
	}
	return list, nil
}

// BypassedSecurity are the tables whose row-level security this role is above.
func (tx *Tx) BypassedSecurity(ctx context.Context) (list []string, err error) {
	if tx.Layout.Engine == SQLite {
		return nil, nil
	}
	tables := tx.Layout.written()
	schemas, names := tableNames(tables)
	q := &query{text: "select k.place from " + fromTables + " where c.relrowsecurity and not row_security_active(c.oid) order by 1", args: []any{schemas, names}}
	return list, tx.each(ctx, q, func(r row) error {
		var place int
		err := r.Scan(&place)
		if err == nil {
			list = append(list, tables[place-1].String())
		}
		return err
	})
}
