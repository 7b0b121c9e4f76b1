package scan

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestSQLite: in a SQLite database a secret stands between other values, with nothing between.
func TestSQLite(t *testing.T) {
	for _, page := range []int{512, 4096, 65536} {
		dir := t.TempDir()
		path := filepath.Join(dir, "copy")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		conn, err := dbtest.Open("sqlite:///" + path)
		if err != nil {
			t.Fatal(err)
		}
		run := func(conn *sql.DB, text string, args ...any) {
			if _, err := conn.Exec(text, args...); err != nil {
				t.Fatal(err)
			}
		}
		run(conn, fmt.Sprintf("pragma page_size = %d", page))
		run(conn, "create table a (name text, key text, created text, n integer, data blob)")
		run(conn, "create unique index i on a (key)")
		run(conn, "begin")
		for i := range 3000 {
			key := fmt.Sprintf("%040x", i*7919)
			switch i {
			case 50, 1500, 2999:
				key = map[int]string{50: secrets["drf"], 1500: secrets["session"], 2999: secrets["jwt"]}[i]
			}
			run(conn, "insert into a values (?, ?, '2026-01-01 12:00:00', ?, ?)", fmt.Sprintf("user%d", i), key, i, []byte(strings.Repeat("x", i%40)))
		}
		run(conn, "commit")
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, packed := range []string{string(text), gzipped(t, string(text))} {
			got := map[string]int{}
			for _, f := range scanText(t, packed) {
				got[f.Match.Kind+" "+f.Form.String()]++
			}
			// The row and the index have it, and perhaps a page that it was moved from.
			if got["drf plain"] < 2 || got["session plain"] < 2 || got["jwt plain"] < 1 || len(got) != 3 {
				t.Errorf("pages of %d: found %v", page, got)
			}
		}
	}
}

// TestBinary: in other binary data a length may stand before a text.
func TestBinary(t *testing.T) {
	for _, text := range []string{"\x00C" + secrets["session"] + "\x00\x01", "\x8c(" + secrets["drf"] + "\x94", "\xd9@" + secrets["knox"] + "\xc0", "\x00\x00\x00\x53" + secrets["drf"] + "\x00", "\x02\x7f" + secrets["word"] + "\x80"} {
		if list := scanText(t, text); len(list) != 1 {
			t.Errorf("%q: found %v", text, describe(list))
		}
	}
}
