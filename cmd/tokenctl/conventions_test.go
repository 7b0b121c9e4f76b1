package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestConventions: docs/conventions.md has every statement once, and each names its tests.
// TestDocumentsNameCode looks whether these exist; the scripts are looked up here.
func TestConventions(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| C(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(documents(t)["conventions.md"], -1)
	for i, row := range rows {
		if row[1] != fmt.Sprint(i+1) {
			t.Fatalf("C%s stands where C%d should", row[1], i+1)
		}
		named := 0
		for _, quote := range quotes(row[4]) {
			file, names := namesOf(quote)
			switch {
			case strings.HasSuffix(file, "_test.go"):
				for _, name := range names {
					if !regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]`).MatchString(name) {
						t.Errorf("C%s: %s is no test", row[1], quote)
					}
				}
				named += len(names)
			case strings.HasSuffix(quote, ".txt"):
				if _, err := os.Stat(filepath.Join("testdata/script", quote)); err != nil {
					t.Errorf("C%s: %v", row[1], err)
				}
				named++
			default:
				t.Errorf("C%s: %s is neither a test nor a script", row[1], quote)
			}
		}
		if named == 0 && !strings.Contains(row[3], "not tested") {
			t.Errorf("C%s names no test", row[1])
		}
	}
	if len(rows) != 50 {
		t.Errorf("there are %d statements", len(rows))
	}
}
