package schema_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
	"tokenctl/db/schema"
)

// later is the one migration that the releases of Django 4.2's time lack.
var later = schema.Migration{App: "token_blacklist", Name: "0013_alter_blacklistedtoken_options_and_more"}

// create makes the tables in one transaction, as init does, after whatever
// prepares the transaction.
func create(t *testing.T, engine string, db *sql.DB, prepare ...string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, statement := range append(prepare, schema.Statements(engine)...) {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, m := range schema.Migrations() {
		_, err := tx.ExecContext(t.Context(), "insert into django_migrations (app, name, applied) values ($1, $2, $3)",
			m.App, m.Name, time.Now().UTC().Format("2006-01-02 15:04:05.000000"))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	// The fixture is what a real Django has left, knox's tables included.
	t.Run("equal the fixture", func(t *testing.T) {
		dbtest.Engines(t, func(t *testing.T, engine, url string) {
			ours := open(t, engine, url)
			create(t, engine, ours)
			fixture, _ := dbtest.Fixture(t, engine)
			django := open(t, engine, fixture)
			compare(t, catalogue(t, engine, ours), catalogue(t, engine, django))
			sameMigrations(t, ours, django)
		})
	})

	// With init --schema the tables belong into that schema, and nothing of theirs
	// may lead to tables of the same names further along the search_path.
	t.Run("stay in the first schema of the search_path", func(t *testing.T) {
		db := open(t, "postgres", dbtest.Postgres(t))
		create(t, "postgres", db)
		create(t, "postgres", db, "create schema app", "set local search_path to app, public")
		relations := texts(t, db, `select count(*)::text from pg_class
			where relnamespace in ('app'::regnamespace, 'public'::regnamespace) group by relnamespace`)
		if len(relations) != 2 || relations[0] != relations[1] {
			t.Errorf("relations in the two schemas: %v", relations)
		}
		if astray := texts(t, db, `select conname from pg_constraint k join pg_class f on f.oid = k.confrelid
			where k.connamespace <> f.relnamespace`); len(astray) > 0 {
			t.Errorf("foreign keys into another schema: %v", astray)
		}
	})

	// An id that was given once must not come back: log lines and content types
	// elsewhere may still mean the row that had it.
	t.Run("never give an id twice", func(t *testing.T) {
		dbtest.Engines(t, func(t *testing.T, engine, url string) {
			db := open(t, engine, url)
			create(t, engine, db)
			var ids []int64
			for range 2 {
				var id int64
				if err := db.QueryRowContext(t.Context(), "insert into auth_group (name) values ('ops') returning id").Scan(&id); err != nil {
					t.Fatal(err)
				}
				if _, err := db.ExecContext(t.Context(), "delete from auth_group"); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			if !slices.Equal(ids, []int64{1, 2}) {
				t.Errorf("ids %v, want 1 and 2", ids)
			}
		})
	})
}

// sameMigrations compares the rows of django_migrations, in order, without the
// later one, and without for knox's where the Django at hand has no knox.
func sameMigrations(t *testing.T, ours, django *sql.DB) {
	t.Helper()
	const rows = "select app || '.' || name from django_migrations order by id"
	want := texts(t, django, rows)
	knox := slices.ContainsFunc(want, isKnox)
	got := slices.DeleteFunc(texts(t, ours, rows), func(row string) bool {
		return row == later.App+"."+later.Name || !knox && isKnox(row)
	})
	if !slices.Equal(got, want) {
		t.Errorf("migrations:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// isKnox tells knox's migrations and tables from the rest.
func isKnox(line string) bool {
	return strings.HasPrefix(line, "knox.") || strings.Contains(line, "knox_authtoken")
}
