package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// module makes a Go module of some files, with the scripts that check this one.
func module(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{".ci/race", ".ci/fuzz"} {
		text, err := os.ReadFile(filepath.Join("../..", script))
		if err != nil {
			t.Fatal(err)
		}
		write(script, string(text), 0o700)
	}
	write("go.mod", "module x\n\ngo 1.26\n", 0o600)
	for name, text := range files {
		write(name, text, 0o600)
	}
	return dir
}

// check runs a command in a folder, and compares its success and what it writes.
func check(t *testing.T, dir string, succeeds bool, says string, command string) {
	t.Helper()
	cmd := exec.Command("bash", "-o", "pipefail", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "FUZZTIME=1s")
	out, err := cmd.CombinedOutput()
	if (err == nil) != succeeds || !strings.Contains(string(out), says) {
		t.Errorf("%s: %v, want success %v and %q\n%s", command, err, succeeds, says, out)
	}
}

// TestBrokenTestsAreCaught: what the checks are for, they find: a race, a skipped test, an
// input that breaks something. Where nothing is wrong they say nothing.
func TestBrokenTestsAreCaught(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	t.Run("race", func(t *testing.T) {
		t.Parallel()
		const code = `package x
			func two() (n int) {
				done := make(chan bool)
				go func() { n++; close(done) }()
				WAIT
				n++
				return n
			}`
		const test = `package x
			import "testing"
			func TestTwo(t *testing.T) { two() }`
		dir := module(t, map[string]string{
			"racy/x.go": strings.Replace(code, "WAIT", "defer func() { <-done }()", 1), "racy/x_test.go": test,
			"right/x.go": strings.Replace(code, "WAIT", "<-done", 1), "right/x_test.go": test,
			"still/x.go": "package x\nfunc two() {}", "still/x_test.go": test,
		})
		check(t, dir, true, "./racy\n./right\n", ".ci/race list")
		check(t, dir, false, "DATA RACE", ".ci/race")
		if err := os.RemoveAll(filepath.Join(dir, "racy")); err != nil {
			t.Fatal(err)
		}
		check(t, dir, true, "ok  \tx/right", ".ci/race")
	})
	t.Run("fuzz", func(t *testing.T) {
		t.Parallel()
		const test = "package x\nimport \"testing\"\n" +
			`func FuzzX(f *testing.F) { f.Fuzz(func(t *testing.T, s string) { if len(s) > LENGTH { t.Fatal("long") } }) }`
		dir := module(t, map[string]string{"wrong/x_test.go": strings.Replace(test, "LENGTH", "4", 1), "right/x_test.go": strings.Replace(test, "LENGTH", "1<<40", 1)})
		check(t, dir, false, "FAIL ./wrong FuzzX", ".ci/fuzz")
		if inputs, err := os.ReadDir(filepath.Join(dir, "wrong/testdata/fuzz/FuzzX")); err != nil || len(inputs) != 1 {
			t.Errorf("the input is not kept: %v, %v", inputs, err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "wrong")); err != nil {
			t.Fatal(err)
		}
		check(t, dir, true, "1 fuzz targets\n", ".ci/fuzz")
		if err := os.RemoveAll(filepath.Join(dir, "right")); err != nil {
			t.Fatal(err)
		}
		check(t, dir, false, "0 fuzz targets\n", ".ci/fuzz")
	})
	t.Run("report", func(t *testing.T) {
		t.Parallel()
		report := filepath.Join(t.TempDir(), "report")
		check(t, "../..", true, "", "go build -o "+report+" ./.ci/report")
		const passes = "package x\nimport \"testing\"\nfunc TestX(t *testing.T) {}\n"
		for _, test := range []struct {
			name, more string
			succeeds   bool
			says       string
		}{
			{"passes", "", true, "1 passed, 0 failed, 0 skipped\n"},
			{"skip", `func TestY(t *testing.T) { t.Skip("no server") }`, false, "1 passed, 0 failed, 1 skipped\n"},
			{"skip", `func TestY(t *testing.T) { t.Skip("no server") }`, false, "no server"},
			{"fails", `func TestY(t *testing.T) { t.Error("wrong") }`, false, "1 passed, 1 failed, 0 skipped\n"},
			{"ends", `func TestY(t *testing.T) { panic("gone") }`, false, "panic: gone"},
			{"does not build", `func TestY(t *testing.T) { nothing() }`, false, "undefined: nothing"},
		} {
			dir := module(t, map[string]string{"x_test.go": passes + test.more})
			check(t, dir, test.succeeds, test.says, "go test -json ./... | "+report)
		}
		check(t, module(t, map[string]string{"x.go": "package x"}), false, "0 passed, 0 failed, 0 skipped\n", "go test -json ./... | "+report)
	})
}
