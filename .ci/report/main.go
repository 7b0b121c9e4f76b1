// Report reads the events of "go test -json" and prints a line per package, the
// whole output of every test that failed or was skipped, and the totals last. A
// skipped test counts as a failure of the run, and so does a run of no tests.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of "go test -json": see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string // instead of Package, in a build's events
	Test       string
	Elapsed    float64
	Output     string
}

type report struct {
	w                       io.Writer
	passed, failed, skipped int

	output map[[2]string]*strings.Builder // by package and test
	bad    map[string]bool                // packages that have shown a failed test
}

func main() {
	r := &report{w: os.Stdout, output: map[[2]string]*strings.Builder{}, bad: map[string]bool{}}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			fmt.Fprintf(r.w, "%s", line) // go's own complaint
			continue
		}
		r.add(e)
	}
	fmt.Fprintf(r.w, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 || r.skipped > 0 || r.passed == 0 {
		os.Exit(1)
	}
}

func (r *report) add(e event) {
	key := [2]string{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.w, e.Output)
	case e.Action == "output":
		if r.output[key] == nil {
			r.output[key] = new(strings.Builder)
		}
		r.output[key].WriteString(e.Output)
	case e.Test != "":
		r.test(e, key)
	case e.Action == "pass" || e.Action == "fail":
		if e.Action == "fail" && !r.bad[e.Package] {
			// It did not build, or ended in the middle of a test.
			r.failed++
			for _, key := range r.unfinished(e.Package) {
				r.show(key)
			}
		}
		word := map[string]string{"pass": "ok  ", "fail": "FAIL"}[e.Action]
		fmt.Fprintf(r.w, "%s %-40s %6.1fs\n", word, e.Package, e.Elapsed)
	}
}

// test takes the end of one test.
func (r *report) test(e event, key [2]string) {
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.bad[e.Package] = true
		r.show(key)
	case "skip":
		r.skipped++
		r.show(key)
	default:
		return
	}
	delete(r.output, key)
}

// unfinished returns what has written something in a package and never ended,
// the package itself first.
func (r *report) unfinished(pkg string) [][2]string {
	var keys [][2]string
	for key := range r.output {
		if key[0] == pkg {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return strings.Compare(a[1], b[1]) })
	return keys
}

// show prints what a test, or a package outside its tests, has written.
func (r *report) show(key [2]string) {
	fmt.Fprintf(r.w, "=== %s %s\n", key[0], key[1])
	if out := r.output[key]; out != nil {
		for line := range strings.Lines(out.String()) {
			// The state of the test run itself tells the reader nothing here.
			if !strings.HasPrefix(line, "=== ") {
				fmt.Fprint(r.w, line)
			}
		}
	}
}
