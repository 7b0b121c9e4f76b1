package engine_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// writeFile writes a private file and returns its name.
func writeFile(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// value runs a statement of one value inside a transaction of the store's: it
// fails the transaction unless the value is as wanted.
func value(s *engine.DB, query, want string) error {
	return s.Transact(context.Background(), engine.Mode{}, func(tx *engine.Tx) error {
		return tx.Exec(context.Background(), fmt.Sprintf(
			`do $do$ declare got text := (%s)::text; begin if got <> $want$%s$want$ then raise exception using errcode = '42000', message = got; end if; end $do$`, query, want))
	})
}

// wantValue is value for a test that has nothing else to say.
func wantValue(t testing.TB, s *engine.DB, query, want string) {
	t.Helper()
	if err := value(s, query, want); err != nil {
		t.Errorf("%s is not %q: %v", query, want, err.(*tokenctl.Error).Err)
	}
}

func TestPassfile(t *testing.T) {
	role := dbtest.NewRole(t, "password 'sésame:\\open' in role needs_password")
	address := dbtest.Postgres(t)
	u, err := url.Parse(dbtest.As(address, role, ""))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	t.Setenv("PGPASSFILE", writeFile(t, fmt.Sprintf("elsewhere:*:*:*:no\n%s:%s:*:%s:sésame\\:\\\\open\n", u.Hostname(), u.Port(), role)))
	wantValue(t, open(t, u.String(), engine.Options{}), "current_user", role)

	t.Setenv("PGPASSFILE", writeFile(t, "*:*:*:*:wrong\n"))
	err = connect(t.Context(), open(t, u.String(), engine.Options{}))
	dbtest.WantCode(t, err, tokenctl.CodeDatabaseRefused)
	t.Setenv("PGPASSFILE", "/nowhere")
	err = connect(t.Context(), open(t, u.String(), engine.Options{}))
	dbtest.WantCode(t, err, tokenctl.CodeDatabaseRefused)
}

func TestServiceFile(t *testing.T) {
	address := dbtest.Postgres(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	t.Setenv("PGSERVICEFILE", writeFile(t, fmt.Sprintf("[app]\nhost=%s\nport=%s\nuser=%s\ndbname=%s\n", u.Hostname(), u.Port(), u.User.Username(), name)))
	wantValue(t, open(t, "postgresql://?service=app", engine.Options{}), "current_database()", name)

	t.Setenv("PGSERVICE", "app")
	target, err := engine.LibpqTarget()
	if err != nil || target.String() != name+" on "+u.Hostname() {
		t.Fatalf("%v, %v", target, err)
	}
	s, err := engine.Open(target, engine.Options{Timeout: 10 * time.Second, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantValue(t, s, "current_database()", name)
}

func TestSSLModes(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	wantValue(t, open(t, dbtest.With(address, "sslmode", "prefer"), engine.Options{}), "1", "1")
	for _, mode := range []string{"require", "verify-full"} {
		err := connect(t.Context(), open(t, dbtest.With(address, "sslmode", mode), engine.Options{}))
		dbtest.WantCode(t, err, tokenctl.CodeDatabaseUnreachable)
		if !strings.Contains(err.Error(), "TLS") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	here := u.Host
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, first := range map[string]string{"closed": closed.Addr().String(), "silent": dbtest.Silent(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := *u
			u.Host = first + "," + here
			s := open(t, dbtest.With(u.String(), "target_session_attrs", "read-write"), engine.Options{Timeout: 6 * time.Second})
			wantValue(t, s, "current_database()", strings.TrimPrefix(u.Path, "/"))
		})
	}
	t.Run("none fits", func(t *testing.T) {
		t.Parallel()
		err := connect(t.Context(), open(t, dbtest.With(u.String(), "target_session_attrs", "standby"), engine.Options{}))
		dbtest.WantCode(t, err, tokenctl.CodeDatabaseUnreachable)
		if !strings.Contains(err.Error(), "target_session_attrs") {
			t.Error(err)
		}
	})
}

// What a URL asks for holds inside a transaction, and there only.
func TestURLParameters(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	dbtest.Exec(t, address, `create schema "Tenant A"; create schema b`)
	for _, test := range []struct{ name, value, query, want string }{
		{"application_name", "not ours", "(select application_name from pg_stat_activity where pid = pg_backend_pid())", "tokenctl/1.2.3"},
		{"options", "-csearch_path=b", "current_schemas(false)", "{b}"},
		{"options", `-c search_path="Tenant\ A",b --work-mem=1MB`, "current_schemas(false)", `{"Tenant A",b}`},
		{"search_path", `"Tenant A"`, "current_schemas(false)", `{"Tenant A"}`},
		{"search_path", `b`, "(select reset_val from pg_settings where name = 'search_path')", `"$user", public`},
		{"statement_timeout", "1", "current_setting('statement_timeout')", "20250ms"},
		{"timezone", "Asia/Tokyo", "current_setting('timezone')", "UTC"},
		{"client_encoding", "LATIN1", "current_setting('client_encoding')", "UTF8"},
		{"keepalives_idle", "30", "1", "1"},
		{"gssencmode", "disable", "1", "1"},
		{"connect_timeout", "3", "1", "1"},
	} {
		s := open(t, dbtest.With(address, test.name, test.value), engine.Options{Version: "1.2.3"})
		if err := value(s, test.query, test.want); err != nil {
			t.Errorf("?%s=%s: %s is not %q: %v", test.name, test.value, test.query, test.want, err.(*tokenctl.Error).Err)
		}
	}
	err := connect(t.Context(), open(t, dbtest.With(address, "options", "-cno_such_setting=x"), engine.Options{}))
	dbtest.WantCode(t, err, tokenctl.CodeDatabaseError)
	if !strings.Contains(err.Error(), "no_such_setting") {
		t.Error(err)
	}
}

// currentSchema is where Django's tables are looked for.
func TestCurrentSchema(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	dbtest.Exec(t, address, "create schema tenant")
	wantValue(t, open(t, dbtest.With(address, "currentSchema", "tenant"), engine.Options{}), "current_schemas(false)", "{tenant}")
}

// mode gives a file other permissions.
func mode(t *testing.T, file string, mode os.FileMode) string {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func fifo(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A password file that libpq does not look into is ignored here too, and that is said
// in libpq's words.
func TestPassfileIgnored(t *testing.T) {
	role := dbtest.NewRole(t, "password 'sesame' in role needs_password")
	u, err := url.Parse(dbtest.As(dbtest.Postgres(t), role, ""))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	const line = "*:*:*:*:sesame\n"
	for _, test := range []struct{ file, want string }{
		{writeFile(t, line), ""},
		{mode(t, writeFile(t, line), 0o400), ""},
		{mode(t, writeFile(t, line), 0o640), "has group or world access; permissions should be u=rw (0600) or less"},
		{mode(t, writeFile(t, line), 0o604), "has group or world access"},
		{writeFile(t, "\ufeff"+line), "begins with a byte order mark"},
		{t.TempDir(), "is not a plain file"},
		{fifo(t), "is not a plain file"},
		{"/dev/zero", "is not a plain file"},
	} {
		t.Setenv("PGPASSFILE", test.file)
		target, err := engine.ParseURL(u.String(), "")
		if err != nil || !strings.Contains(target.Ignored, test.want) || (target.Ignored == "") != (test.want == "") {
			t.Errorf("%s: %q, %v, want %q", test.file, target.Ignored, err, test.want)
		}
		err = connect(t.Context(), open(t, u.String(), engine.Options{}))
		if test.want != "" {
			dbtest.WantCode(t, err, tokenctl.CodeDatabaseRefused)
		} else if err != nil {
			t.Error(err)
		}
	}
	// Where the password is given, no file is looked for.
	u.User = url.UserPassword(role, "sesame")
	if target, err := engine.ParseURL(u.String(), ""); err != nil || target.Ignored != "" {
		t.Errorf("%q, %v", target.Ignored, err)
	}
}

// What libpq would refuse, or pgx would wait for, is an error that says what it is.
func TestLibpqFiles(t *testing.T) {
	for _, test := range []struct{ query, want string }{
		{"sslrootcert=" + fifo(t), "the sslrootcert of the database URL is a FIFO"},
		{"sslrootcert=" + t.TempDir(), "the sslrootcert of the database URL is a directory"},
		{"sslrootcert=/nowhere", "the sslrootcert of the database URL cannot be read: no such file or directory"},
		{"sslkey=/dev/zero&sslcert=" + writeFile(t, ""), "the sslkey of the database URL is a device"},
		{"sslkey=" + mode(t, writeFile(t, ""), 0o644) + "&sslcert=" + writeFile(t, ""), "group or world access"},
		{"service=x&servicefile=" + fifo(t), "the servicefile of the database URL is a FIFO"},
		{"service=x&servicefile=" + writeFile(t, "[y]\nhost=h\n"), "the service of the database URL is not in the service file"},
		{"service=x&servicefile=" + writeFile(t, "\ufeff[x]\nhost=h\n"), "byte order mark"},
		{"service=x&servicefile=" + writeFile(t, "[x]\nhost=h\nsslmode=hunter2\npassword=hunter2\n"), "the sslmode of the service file is not one of"},
	} {
		_, err := engine.ParseURL("postgres://h/app?"+test.query, "")
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", test.query, err, test.want)
		}
	}
	// Without encryption no such file is read.
	for _, query := range []string{"sslmode=disable&sslrootcert=" + fifo(t), "sslmode=disable&sslrootcert=/nowhere"} {
		if _, err := engine.ParseURL("postgres://h/app?"+query, ""); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	t.Setenv("PGSSLROOTCERT", "/nowhere")
	if _, err := engine.ParseURL("postgres:///app?host=/tmp", ""); err != nil {
		t.Error(err)
	}
	if _, err := engine.ParseURL("postgres://h/app", ""); err == nil || !strings.Contains(err.Error(), "PGSSLROOTCERT") {
		t.Error(err)
	}
}
