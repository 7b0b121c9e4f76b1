// Package schema holds the tables that Django 4.2's own migrations create for
// the token apps, and the names of those migrations, so that a Django project can
// adopt a database that Django never saw.
//
// The schema is not ours to improve. Its tests let a real Django migrate a
// database of its own and compare the two catalogues.
package schema

import (
	_ "embed"
	"strings"
)

//go:embed postgres.sql
var postgres string

//go:embed sqlite.sql
var sqlite string

// Statements returns what creates the tables for the engine, "postgres" or
// "sqlite", one statement each, in order. They belong in one transaction, together
// with the rows of [Migrations].
func Statements(engine string) []string {
	switch engine {
	case "postgres":
		return split(postgres)
	case "sqlite":
		return split(sqlite)
	}
	panic("schema: no such engine: " + engine)
}

// split cuts our own two files at the semicolons that end a line. It drops the
// comments, which have lines of their own, and the layout: SQLite keeps the text of a
// statement, and this way keeps what Django would have written, to the byte.
func split(file string) []string {
	var sql strings.Builder
	for line := range strings.Lines(file) {
		if !strings.HasPrefix(line, "--") {
			sql.WriteString(line)
		}
	}
	inline := strings.NewReplacer("( ", "(", " )", ")")
	var statements []string
	for statement := range strings.SplitSeq(sql.String(), ";\n") {
		if words := strings.Fields(statement); len(words) > 0 {
			statements = append(statements, inline.Replace(strings.Join(words, " ")))
		}
	}
	return statements
}
