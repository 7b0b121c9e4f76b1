package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTestModules: go.mod has the modules that only tests use in a block of their own.
func TestTestModules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "tokenctl/cmd/tokenctl").Output()
	if err != nil {
		t.Fatal(err)
	}
	program := strings.Fields(string(out))
	blocks, listed := regexp.MustCompile(`(?s)(// Only tests use these\.\n)?require \(\n(.*?)\n\)`).FindAllStringSubmatch(string(text), -1), 0
	for _, block := range blocks {
		for line := range strings.Lines(block[2]) {
			if strings.Contains(line, "// indirect") {
				continue
			}
			listed++
			module := strings.Fields(line)[0]
			onlyTests := block[1] != ""
			if used := slices.Contains(program, module); used == onlyTests {
				t.Errorf("%s: used by the program: %v; in the block of tests: %v", module, used, onlyTests)
			}
		}
	}
	if listed < 10 {
		t.Errorf("only %d modules were found in go.mod", listed)
	}
}
