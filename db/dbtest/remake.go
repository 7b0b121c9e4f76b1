package dbtest

import (
	"strings"
	"testing"
)

// Alter changes auth_user, by SQL on PostgreSQL and on SQLite by another text in its
// statement, and then runs statements that answer nothing.
func Alter(t testing.TB, url, postgres, old, new string, then ...string) {
	t.Helper()
	if strings.HasPrefix(url, "sqlite") {
		Remake(t, url, "auth_user", old, new)
	} else {
		Exec(t, url, postgres)
	}
	for _, statement := range then {
		if answer := Query(url, statement); answer != "" {
			t.Fatal(answer)
		}
	}
}

// Remake makes a table of a SQLite database again from its own statement, in which old
// is replaced by new, with the same rows: for changes that "alter table" cannot make.
func Remake(t testing.TB, url, table, old, new string) {
	t.Helper()
	db, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var statement string
	if err := db.QueryRow("select sql from sqlite_schema where type = 'table' and name = $1", table).Scan(&statement); err != nil {
		t.Fatal(err)
	}
	head, columns, _ := strings.Cut(statement, "(")
	if !strings.Contains(columns, old) {
		t.Fatalf("%s: no %q in %s", head, old, columns)
	}
	if _, err := db.Exec("pragma foreign_keys = off; create table remade (" + strings.ReplaceAll(columns, old, new) + ";" +
		"insert into remade select * from " + table + "; drop table " + table + "; alter table remade rename to " + table); err != nil {
		t.Fatal(err)
	}
}
