package dbtest

import (
	"database/sql"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers
	_ "modernc.org/sqlite"
)

// Open opens a test's database on either engine without tokenctl's own code, to
// look at what that wrote.
func Open(url string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:///"); ok {
		return sql.Open("sqlite", "file:"+path+"?mode=rw&_pragma=busy_timeout(10000)")
	}
	return sql.Open("pgx", url)
}

// Query runs one statement and returns its rows as lines, the columns apart by
// "|" and NULL as nothing. What goes wrong is the text returned: it is for
// tests, which compare it.
func Query(url, statement string) string {
	db, err := Open(url)
	if err != nil {
		return err.Error() + "\n"
	}
	defer db.Close()
	rows, err := db.Query(statement)
	if err != nil {
		return err.Error() + "\n"
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err.Error() + "\n"
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.NullString)
	}
	var b strings.Builder
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return err.Error() + "\n"
		}
		for i, v := range values {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(v.(*sql.NullString).String)
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		return err.Error() + "\n"
	}
	return b.String()
}
