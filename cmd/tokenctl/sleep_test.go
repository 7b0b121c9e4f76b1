package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// polls are the functions of tests that may sleep: each looks again and again until
// something has happened.
var polls = []string{
	"bench/serve_test.go BenchmarkServe",
	"cmd/tokenctl/browser_test.go shows",
	"cmd/tokenctl/process_test.go within",
	"cmd/tokenctl/terminal_test.go shows",
	"db/dbtest/pgbouncer.go PgBouncer",
	"db/dbtest/wait.go Await",
}

// sleeps returns the functions that sleep. Time is not real in a
// file that uses synctest.
func (s source) sleeps() (list []string) {
	if !s.test || slices.Contains(s.imports(), "testing/synctest") {
		return nil
	}
	s.uses(func(name, in string, _ token.Pos) {
		if name == "time.Sleep" {
			list = append(list, s.name+" "+in)
		}
	})
	return list
}

// TestNobodySleeps: a test that sleeps until something has probably happened fails on a
// busy machine and wastes time on every other. It waits for a line, a row, a lock or a file
// instead.
func TestNobodySleeps(t *testing.T) {
	var found []string
	for _, s := range sources(t) {
		found = append(found, s.sleeps()...)
	}
	slices.Sort(found)
	if !slices.Equal(slices.Compact(found), polls) {
		t.Errorf("these sleep:\n%q\nand these may:\n%q", found, polls)
	}
	scripts, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts; %v", err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if line := scriptSleep.Find(text); line != nil {
			t.Errorf("%s sleeps: %s", name, line)
		}
	}
}

var scriptSleep = regexp.MustCompile(`(?m)^.*\bsleep [0-9.].*$`)

// TestSleepersAreFound: the test above finds who sleeps, and only them.
func TestSleepersAreFound(t *testing.T) {
	const body = "func TestX(t *testing.T) { go f(); time.Sleep(time.Second); g() }"
	for text, want := range map[string]int{
		`package x; import ("testing"; "time"); ` + body:                                         1,
		`package x; import ("testing"; "testing/synctest"; "time"); ` + body:                     0,
		`package x; import ("testing"; "time"); func TestX(t *testing.T) { <-done; time.Now() }`: 0,
	} {
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, "x_test.go", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := (source{name: "x_test.go", test: true, syntax: syntax, set: set}).sleeps(); len(got) != want {
			t.Errorf("%q in %s", got, text)
		}
	}
	for line, want := range map[string]bool{"exec sleep 2": true, "exec sh -c 'tokenctl list; sleep 0.5'": true, "stdout asleep": false, "# Nobody may sleep here.": false} {
		if scriptSleep.MatchString(line) != want {
			t.Errorf("%s: %v", line, !want)
		}
	}
}
