package commands

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
)

// folder makes a folder with a tokenctl.toml of this text, if any, and goes there.
func folder(t *testing.T, toml string) string {
	t.Helper()
	// The working directory's name has no symbolic links in it.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if toml != "" {
		settings(t, dir, toml, 0o600)
	}
	t.Chdir(dir)
	return dir
}

func settings(t *testing.T, dir, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, settingsFile)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

// app is an App with these global flags and nothing in its environment but pairs.
func app(g globals, pairs ...string) *App {
	g.timeout = time.Second
	env := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return &App{Getenv: func(name string) string { return env[name] }, Now: time.Now, Stderr: &strings.Builder{}, global: g}
}

func wantCode(t *testing.T, err error, want tokenctl.Code) {
	t.Helper()
	if err == nil || tokenctl.CodeOf(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestDatabasePrecedence: of every two sources of the database the first of this list counts, or
// both together are an error.
func TestDatabasePrecedence(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGDATABASE", "PGUSER", "PGSERVICE"} {
		t.Setenv(name, "") // what pgx itself reads
	}
	t.Setenv("PGDATABASE", "libpq")
	sources := []struct {
		name, source, database string
		not                    string // what does not go together with it
		give                   func(g *globals, env map[string]string)
	}{
		{"-d", "-d", "flag.db", "--context", func(g *globals, _ map[string]string) { g.database = "sqlite:///flag.db" }},
		{"--context", "the context one", "one.db", "", func(g *globals, _ map[string]string) { g.context = "one" }},
		{"TOKENCTL_CONTEXT", "the context two", "two.db", "TOKENCTL_DATABASE_URL", func(_ *globals, env map[string]string) { env["TOKENCTL_CONTEXT"] = "two" }},
		{"TOKENCTL_DATABASE_URL", "TOKENCTL_DATABASE_URL", "ours.db", "", func(_ *globals, env map[string]string) { env["TOKENCTL_DATABASE_URL"] = "sqlite:///ours.db" }},
		{"DATABASE_URL", "DATABASE_URL", "django.db", "", func(_ *globals, env map[string]string) { env["DATABASE_URL"] = "sqlite:///django.db" }},
		{settingsFile, settingsFile, "toml.db", "", func(*globals, map[string]string) { settings(t, ".", `database = "sqlite:///toml.db"`, 0o600) }},
		{"PGHOST", "PGHOST", "libpq on", "", func(_ *globals, env map[string]string) { env["PGHOST"] = "db.example" }},
		{"PGSERVICE", "PGSERVICE", "libpq on", "", func(_ *globals, env map[string]string) { env["PGSERVICE"] = "crm" }},
		{"PGDATABASE", "PGDATABASE", "libpq on", "", func(_ *globals, env map[string]string) { env["PGDATABASE"] = "libpq" }},
		{"nothing", byDefault, "db.sqlite3", "", func(*globals, map[string]string) {}},
	}
	for i, first := range sources {
		for _, second := range sources[i:] {
			dir := folder(t, "")
			if err := errors.Join(os.Mkdir("tokenctl", 0o700),
				os.WriteFile("tokenctl/contexts.toml", []byte("[one]\ndatabase = 'sqlite:///one.db'\n[two]\ndatabase = 'sqlite:///two.db'\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
			a := app(globals{}, "XDG_CONFIG_HOME", dir)
			env := map[string]string{"XDG_CONFIG_HOME": dir}
			a.Getenv = func(name string) string { return env[name] }
			first.give(&a.global, env)
			second.give(&a.global, env)
			target, err := a.resolveTarget()
			switch got := strings.TrimPrefix(target.String(), filepath.Join(dir, "tokenctl")+"/"); {
			case first.not == second.name:
				if tokenctl.CodeOf(err) != tokenctl.CodeUsage || !strings.Contains(err.Error(), first.name) || !strings.Contains(err.Error(), second.name) {
					t.Errorf("%s and %s: %v, %v", first.name, second.name, target, err)
				}
			case err != nil || !strings.HasPrefix(got, first.database) || a.databaseSource != first.source:
				t.Errorf("%s and %s: %v from %q, %v, want %s from %q", first.name, second.name, target, a.databaseSource, err, first.database, first.source)
			}
		}
	}
	// A flag is stronger than both of two variables that exclude each other.
	for _, flag := range sources[:2] {
		dir := folder(t, "")
		if err := errors.Join(os.Mkdir("tokenctl", 0o700), os.WriteFile("tokenctl/contexts.toml", []byte("[one]\ndatabase = 'sqlite:///one.db'\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		a := app(globals{}, "XDG_CONFIG_HOME", dir, "TOKENCTL_CONTEXT", "two", "TOKENCTL_DATABASE_URL", "sqlite:///ours.db")
		flag.give(&a.global, nil)
		if _, err := a.resolveTarget(); err != nil || a.databaseSource != flag.source {
			t.Errorf("%s and both variables: %q, %v", flag.name, a.databaseSource, err)
		}
	}
}

func TestSettingsPlaces(t *testing.T) {
	named, here, beside := `auth.user_table = "named"`, `auth.user_table = "here"`, `auth.user_table = "beside"`
	for _, test := range []struct {
		name            string
		config          bool
		here, beside    string
		database, table string
	}{
		{"nowhere", false, "", "", "sqlite:///data/db.sqlite3", ""},
		{"config wins", true, here, beside, "sqlite:///data/db.sqlite3", "named"},
		{"the working directory comes next", false, here, beside, "sqlite:///data/db.sqlite3", "here"},
		{"beside the database", false, "", beside, "sqlite:///data/db.sqlite3", "beside"},
		{"only beside a file", false, "", beside, "postgres://nobody@127.0.0.1:1/data", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, test.here)
			if err := os.Mkdir("data", 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile("data/db.sqlite3", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if test.beside != "" {
				settings(t, "data", test.beside, 0o600)
			}
			g := globals{database: test.database}
			if test.config {
				g.config = settings(t, filepath.Join(dir, "etc"), named, 0o600)
			}
			a := app(g)
			s, err := a.open()
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			if a.settings.Auth.UserTable != test.table {
				t.Errorf("user_table = %q, want %q", a.settings.Auth.UserTable, test.table)
			}
		})
	}
}

// A relative path counts from the file that it stands in.
func TestSettingsRelative(t *testing.T) {
	dir := folder(t, "")
	config := settings(t, filepath.Join(dir, "etc"), `database = "sqlite:///../data/db.sqlite3"`, 0o600)
	for _, path := range []string{config, "etc/tokenctl.toml", "./etc/../etc/tokenctl.toml"} {
		target, err := app(globals{config: path}).resolveTarget()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := filepath.Abs(target.Path); got != filepath.Join(dir, "data", "db.sqlite3") {
			t.Errorf("--config %s: %s", path, got)
		}
	}
	// In the environment it counts from the working directory.
	target, err := app(globals{}, "DATABASE_URL", "sqlite:///x.db").resolveTarget()
	if err != nil || target.Path != "x.db" {
		t.Errorf("%v, %v", target, err)
	}
}

func TestSettingsRefused(t *testing.T) {
	const fine = `database = "sqlite:///db.sqlite3"`
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o610, 0o602, 0o660, 0o777} {
		dir := folder(t, "")
		path := settings(t, dir, fine, mode)
		_, err := app(globals{}).resolveTarget()
		wantCode(t, err, tokenctl.CodeConfigUnsafe)
		var e *tokenctl.Error
		if errors.As(err, &e) && !strings.HasPrefix(e.Hint, "chmod 600 ") {
			t.Errorf("hint %q", e.Hint)
		}
		_, err = app(globals{config: path, database: "sqlite:///x.db"}).resolveTarget()
		wantCode(t, err, tokenctl.CodeConfigUnsafe)
	}
	for text, want := range map[string]string{
		`databse = "x"`:                      "databse",
		"[auth]\nuser_tabel = 'x'":           "auth.user_tabel (line 2)",
		`database = 5`:                       "database",
		`database = "hunter2`:                "line 1",
		"secret = 'hunter2'":                 "secret",
		`database = "mysql://u:hunter2@h/x"`: settingsFile,
	} {
		folder(t, text)
		_, err := app(globals{}).resolveTarget()
		if code := tokenctl.CodeOf(err); code != tokenctl.CodeConfigInvalid && code != tokenctl.CodeUsage {
			t.Errorf("%s: %v (%s)", text, err, code)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), settingsFile) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := app(globals{config: "nowhere.toml"}).resolveTarget()
	wantCode(t, err, tokenctl.CodeNotFound)
}

func TestSettingsOwner(t *testing.T) {
	dir := folder(t, "")
	path := settings(t, dir, `database = "sqlite:///db.sqlite3"`, 0o600)
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Log("only root can give a file away")
		return
	}
	_, err := app(globals{}).resolveTarget()
	wantCode(t, err, tokenctl.CodeConfigUnsafe)
	if !strings.Contains(err.Error(), "another user") {
		t.Error(err)
	}
}

// Arguments can be read by every process; the environment and files cannot.
func TestPasswordInArgument(t *testing.T) {
	folder(t, `database = "postgres://ann:hunter2@h/app"`)
	for _, url := range []string{"postgres://ann:hunter2@h/app", "postgres://ann@h/app?password=hunter2", "postgres://ann@h/app?p%61ssword=hunter2",
		"postgres://ann:hunter%32@h/app", "postgres://ann:hun/ter2@h/app", "host=h password=hunter2", "mysql://ann:hunter2@h/app"} {
		_, err := app(globals{database: url}).resolveTarget()
		wantCode(t, err, tokenctl.CodeSecretInArgument)
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, a := range []*App{app(globals{}), app(globals{}, "DATABASE_URL", "postgres://ann:hunter2@h/app"), app(globals{database: "postgres://ann@h/app"})} {
		target, err := a.resolveTarget()
		if err != nil || target.Engine != engine.PostgreSQL || target.String() != "app on h" {
			t.Errorf("%v, %v", target, err)
		}
	}
}
