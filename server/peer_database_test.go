package server_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// database is one side's database, which can be put back as it was and tells
// what has changed.
type database struct {
	conn   *sql.Conn // on SQLite the other database is attached to it
	tables []table
	was    map[string]int // the pristine rows, by their text

	// version is SQLite's data_version when the rows were last as they were: it tells
	// whether another connection has written since. PostgreSQL has no such thing.
	version int64
}

// table is one that requests may change, and what of its rows is compared: not
// their keys, which are the order of writing.
type table struct{ name, columns, from string }

var tables = []table{
	{"auth_user", "username, password, cast(last_login as text), email, first_name, last_name, is_active, is_staff", ""},
	{"authtoken_token", "user_id, key, cast(created as text)", ""},
	{"token_blacklist_outstandingtoken", "user_id, jti, token, cast(created_at as text), cast(expires_at as text)", ""},
	{"token_blacklist_blacklistedtoken", "jti, cast(blacklisted_at as text)",
		"token_blacklist_blacklistedtoken b join token_blacklist_outstandingtoken o on o.id = b.token_id"},
	{"knox_authtoken", "user_id, token_key, digest, cast(created as text), cast(expiry as text)", ""},
	{"django_session", "session_key, session_data, cast(expire_date as text)", ""},
}

// openDatabase opens the database at url, whose pristine state is what it now
// holds; on SQLite a copy of that is beside it.
func openDatabase(t *testing.T, engine, url, pristine string) *database {
	t.Helper()
	pool, err := dbtest.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); pool.Close() })
	d := &database{conn: conn}
	if engine == "postgres" {
		d.exec(t, "create schema pristine")
	} else {
		file := strings.TrimPrefix(dbtest.Copy(t, pristine), "sqlite:///")
		d.exec(t, "attach database '"+file+"' as pristine")
	}
	for _, table := range tables {
		// A table of a kind that this project does not have.
		if _, err := conn.ExecContext(t.Context(), "select 1 from "+table.name+" limit 1"); err != nil {
			continue
		}
		d.tables = append(d.tables, table)
		if engine == "postgres" {
			d.exec(t, fmt.Sprintf("create table pristine.%s as table %s", table.name, table.name))
		}
	}
	d.was = map[string]int{}
	for _, row := range d.rows(t) {
		d.was[row]++
	}
	if engine == "sqlite" {
		d.version = d.dataVersion(t)
	}
	return d
}

func (d *database) dataVersion(t *testing.T) (version int64) {
	t.Helper()
	if err := d.conn.QueryRowContext(context.Background(), "pragma data_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

func (d *database) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := d.conn.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// restore puts everything back.
func (d *database) restore(t *testing.T) {
	t.Helper()
	if len(d.changes(t)) == 0 {
		return
	}
	d.exec(t, "begin")
	for _, table := range d.tables {
		d.exec(t, "delete from "+table.name)
	}
	for _, table := range d.tables {
		d.exec(t, fmt.Sprintf("insert into %s select * from pristine.%s", table.name, table.name))
	}
	d.exec(t, "commit")
	if d.version != 0 {
		d.version = d.dataVersion(t)
	}
}

// changes are the rows that came and those that went, each with its table.
func (d *database) changes(t *testing.T) []string {
	t.Helper()
	if d.version != 0 && d.version == d.dataVersion(t) {
		return nil
	}
	count := map[string]int{}
	for row, n := range d.was {
		count[row] = -n
	}
	for _, row := range d.rows(t) {
		count[row]++
	}
	var changes []string
	for row, n := range count {
		switch {
		case n > 0:
			changes = append(changes, strings.Repeat("+ "+row, n))
		case n < 0:
			changes = append(changes, strings.Repeat("- "+row, -n))
		}
	}
	slices.Sort(changes)
	return changes
}

// rows are all rows, as text.
func (d *database) rows(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, table := range d.tables {
		from := table.from
		if from == "" {
			from = table.name
		}
		rows, err := d.conn.QueryContext(context.Background(), "select "+table.columns+" from "+from)
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, strings.Count(table.columns, ",")+1)
		for i := range values {
			values[i] = new(sql.NullString)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			line := table.name
			for _, v := range values {
				text := v.(*sql.NullString)
				if text.Valid {
					line += " " + text.String
				} else {
					line += " null"
				}
			}
			lines = append(lines, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return lines
}
