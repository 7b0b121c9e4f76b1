package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tokenctl/commands"
	"tokenctl/db/dbtest"
)

// The test binary re-executes itself as tokenctl, so that the scripts drive the
// real program. Only completions may take longer than they may elsewhere: the scripts say
// what is offered, however slow the machine is.
func TestMain(m *testing.M) {
	if strings.HasSuffix(os.Args[0], ".test") {
		flag.Parse()
		// Most tests wait for other processes, so more of them than processors run at a time.
		if parallel := flag.Lookup("test.parallel").Value; parallel.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
			parallel.Set("4") //nolint:errcheck // it is a number
		}
	}
	testscript.Main(m, map[string]func(){"onterminal": onTerminal, "tokenctl": func() {
		app := commands.NewApp()
		app.CompletionTime = time.Minute
		os.Exit(app.Run(context.Background(), os.Args[1:]))
	}})
}

// TestScripts runs every script on both engines; unless every test must run, on SQLite only.
// A script sees:
//
//   - DATABASE_URL, an initialised database of its own without users;
//   - DATABASE, how messages name it;
//   - ENGINE, and the conditions [sqlite] and [postgres];
//   - `empty`: DATABASE_URL becomes a database without tables (on SQLite: a file that does not exist yet);
//   - `sql QUERY`: what the database answers, a line a row, columns apart by |;
//   - `capture NAME`: the last stdout without its line end, as the variable NAME;
//   - `exits N PROGRAM ARGS…`: the program ends with exactly the status N;
//   - `mode OCTAL FILE`: the file has exactly these permissions;
//   - `redis COMMAND…`: a Redis of its own, see redisCommand;
//   - `golden FILE`: stdout equals the file once ids, times and keys are masked.
func TestScripts(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		if engine == "postgres" {
			dbtest.Slow(t)
		}
		testscript.Run(t, testscript.Params{
			Dir:                 filepath.Join("testdata", "script"),
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			UpdateScripts:       os.Getenv("TOKENCTL_UPDATE_SCRIPTS") != "",
			Condition: func(cond string) (bool, error) {
				if cond == "sqlite" || cond == "postgres" {
					return cond == engine, nil
				}
				return false, fmt.Errorf("unknown condition %s", cond)
			},
			Setup: func(env *testscript.Env) error { return setUp(env, engine) },
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"empty": empty, "sql": sqlCommand, "capture": capture, "golden": golden, "exits": exits, "mode": modeCommand, "redis": redisCommand,
			},
		})
	})
}

// initialised returns the URL of a database that tokenctl init has made.
func initialised(t testing.TB, engine string) string {
	t.Helper()
	return dbtest.Template(t, engine, "tokenctl init", func(url string) {
		init := &commands.App{Stdin: strings.NewReader(""), Stdout: testWriter{t}, Stderr: testWriter{t}, Now: time.Now, Random: rand.Reader,
			Getenv: func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }}
		if status := init.Run(t.Context(), []string{"init", "-q"}); status != 0 {
			t.Fatalf("tokenctl init ended with status %d", status)
		}
	})
}

func setUp(env *testscript.Env, engine string) error {
	t := env.T().(testing.TB)
	url := dbtest.Reuse(t, initialised(t, engine))
	env.Setenv("DATABASE_URL", url)
	env.Setenv("DATABASE", dbtest.Name(url))
	env.Setenv("ENGINE", engine)
	env.Values["test"] = t
	env.Values["redis"] = &scriptRedis{}
	for _, name := range []string{"PGPASSWORD", "PGPASSFILE", "PGUSER"} {
		if value, ok := os.LookupEnv(name); ok {
			env.Setenv(name, value)
		}
	}
	return nil
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

// testOf returns the test that a script belongs to.
func testOf(ts *testscript.TestScript) testing.TB { return ts.Value("test").(testing.TB) }

func empty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: empty")
	}
	ts.Setenv("DATABASE_URL", dbtest.Fresh(testOf(ts), ts.Getenv("ENGINE")))
}

func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sql QUERY")
	}
	fmt.Fprint(ts.Stdout(), dbtest.Query(ts.Getenv("DATABASE_URL"), args[0]))
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile("stdout"), "\n"))
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var status *exec.ExitError
		if !errors.As(err, &status) {
			ts.Fatalf("%v", err)
		}
		got = status.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func modeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`@[0-9a-f]{8}\b`), "@FINGERPRINT"},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), "KEY"},
	{timePattern, "TIME"},
}

var timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

func golden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: golden FILE")
	}
	got := ts.ReadFile("stdout")
	for _, m := range masks {
		got = m.pattern.ReplaceAllString(got, m.with)
	}
	if want := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("stdout is not %s:\n%s\nbut:\n%s", args[0], want, got)
	}
}
