package db

import (
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

func inspected(t *testing.T, address, schema string, f func(tx *Tx, unknown error)) {
	t.Helper()
	target, err := engine.ParseURL(address, "")
	if err != nil {
		t.Fatal(err)
	}
	store, err := Open(target, Options{Timeout: 10 * time.Second, Now: time.Now, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	err = store.Inspect(t.Context(), func(tx *Tx, unknown error) error {
		f(tx, unknown)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// asRole is the URL of a database for a new role that has no privileges.
func asRole(t *testing.T, address string) (asRole, role string) {
	t.Helper()
	role = "tokenctl_inspect_" + strings.ToLower(rand.Text())
	dbtest.Exec(t, address, "create role "+role+" login")
	t.Cleanup(func() { dbtest.Exec(t, address, "drop owned by "+role+"; drop role "+role) })
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String(), role
}

func TestLacks(t *testing.T) {
	t.Parallel()
	address, _ := dbtest.Fixture(t, "postgres")
	dbtest.Exec(t, address, `alter table auth_user alter id drop identity; create sequence numbers owned by auth_user.id;
		alter table auth_user alter id set default nextval('numbers')`)
	weak, role := asRole(t, address)
	grants := func(url string) (list []string) {
		inspected(t, url, "", func(tx *Tx, _ error) {
			lacks, err := tx.Lacks(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lacks {
				if l.Rows {
					list = append(list, "rows of "+l.Object)
				} else {
					list = append(list, l.Grant)
				}
			}
		})
		return list
	}
	if got := grants(address); got != nil {
		t.Errorf("the superuser lacks %q", got)
	}
	got := grants(weak)
	for _, want := range []string{"grant select, insert, update, delete on public.auth_user to " + role,
		"grant select on public.django_migrations to " + role, "grant usage on sequence public.numbers to " + role} {
		if !slices.Contains(got, want) {
			t.Errorf("the grants %q lack %q", got, want)
		}
	}
	// What doctor says to run is all that it takes.
	dbtest.Exec(t, address, strings.Join(got, ";\n"))
	if got := grants(weak); got != nil {
		t.Errorf("after the grants the role lacks %q", got)
	}
	dbtest.Exec(t, address, "alter table authtoken_token enable row level security")
	if got := grants(weak); !slices.Equal(got, []string{"rows of public.authtoken_token"}) {
		t.Errorf("row-level security is reported as %q", got)
	}
}

func TestInspectGoesOn(t *testing.T) {
	t.Parallel()
	address, _ := dbtest.Fixture(t, "postgres")
	weak, _ := asRole(t, address)
	inspected(t, weak, "", func(tx *Tx, unknown error) {
		if unknown != nil {
			t.Errorf("the layout is unknown: %v", unknown)
		}
		err := tx.Try(t.Context(), func() error {
			_, err := tx.PasswordUse(t.Context())
			return err
		})
		if tokenctl.CodeOf(err) != tokenctl.CodePermissionDenied {
			t.Errorf("reading passwords without a privilege: %v", err)
		}
		s, err := tx.Server(t.Context())
		if err != nil || !s.Supported || s.Standby || s.ReadOnly || s.Schema != "public" || !s.Link.Local || s.Link.Encrypted {
			t.Errorf("after that, the server is %+v, %v", s, err)
		}
	})
	inspected(t, weak, "nowhere", func(tx *Tx, _ error) {
		schemas, err := tx.SchemasWith(t.Context(), MainTables(), true)
		if err != nil || !slices.Equal(schemas, []string{"public"}) {
			t.Errorf("schemas with tables: %q, %v", schemas, err)
		}
	})
}

func TestPasswordUse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := dbtest.Fixture(t, name)
			inspected(t, address, "", func(tx *Tx, _ error) {
				use, err := tx.PasswordUse(t.Context())
				if err != nil || use.Iterations != 600000 || use.Algorithms["pbkdf2_sha256"] == 0 || use.Algorithms["unknown"] != 0 {
					t.Errorf("got %+v, %v", use, err)
				}
				applied, err := tx.AppliedMigrations(t.Context())
				if err != nil || !slices.Contains(applied["auth"], "0012_alter_user_first_name_max_length") {
					t.Errorf("migrations of auth: %q, %v", applied["auth"], err)
				}
			})
		})
	}
}

func TestTokenOwners(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, secrets := dbtest.Fixture(t, name)
			target, err := engine.ParseURL(address, "")
			if err != nil {
				t.Fatal(err)
			}
			store, err := Open(target, Options{Timeout: 10 * time.Second, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			all, err := store.TokenOwners(context.Background(), "", 200)
			if err != nil || len(all) != len(secrets.DRF) {
				t.Fatalf("%q have tokens, want %d: %v", all, len(secrets.DRF), err)
			}
			one, err := store.TokenOwners(context.Background(), all[0], 200)
			if err != nil || !slices.Contains(one, all[0]) {
				t.Errorf("with the prefix %s: %q, %v", all[0], one, err)
			}
			if none, err := store.TokenOwners(context.Background(), "x", 200); err != nil || none != nil {
				t.Errorf("with the prefix x: %q, %v", none, err)
			}
		})
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	address, _ := dbtest.Fixture(t, "sqlite")
	find := func() (found []engine.Orphans) {
		inspected(t, address, "", func(tx *Tx, _ error) {
			var err error
			if found, err = tx.Orphans(t.Context()); err != nil {
				t.Error(err)
			}
		})
		return found
	}
	if got := find(); got != nil {
		t.Errorf("Django leaves orphans: %v", got)
	}
	if out := dbtest.Query(address, "insert into authtoken_token (key, created, user_id) values ('k', '2026-01-01 00:00:00', 999) returning 1"); out != "1\n" {
		t.Fatal(out)
	}
	if got := find(); !slices.Equal(got, []engine.Orphans{{Table: "authtoken_token", Parent: "auth_user", Rows: 1, Look: `pragma foreign_key_check("authtoken_token")`}}) {
		t.Errorf("got %v", got)
	}
}

func TestLoggingOfServer(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	weak, role := asRole(t, address)
	ask := func() (l engine.Logging) {
		inspected(t, weak, "", func(tx *Tx, _ error) {
			var err error
			if l, err = tx.Logging(t.Context()); err != nil {
				t.Error(err)
			}
		})
		return l
	}
	dbtest.Exec(t, address, "alter role "+role+" set log_statement = 'all'")
	l := ask()
	if !slices.Contains(l.Settings, "log_statement = all") {
		t.Fatalf("got %+v", l)
	}
	dbtest.Exec(t, address, l.Fix)
	if l := ask(); l.Settings != nil {
		t.Errorf("after the fix: %+v", l)
	}
}

func TestInspectThroughPgBouncer(t *testing.T) {
	t.Parallel()
	address, _ := dbtest.Fixture(t, "postgres")
	inspected(t, dbtest.PgBouncer(t, address), "", func(tx *Tx, unknown error) {
		s, err := tx.Server(t.Context())
		if unknown != nil || err != nil || !s.Supported {
			t.Errorf("got %+v, %v, %v", s, err, unknown)
		}
		if lacks, err := tx.Lacks(t.Context(), false); err != nil || lacks != nil {
			t.Errorf("lacks %v, %v", lacks, err)
		}
	})
}
