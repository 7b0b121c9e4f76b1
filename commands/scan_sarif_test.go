package commands

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // its source has the schema
	"github.com/xeipuuv/gojsonschema"

	"tokenctl/scan"
)

// sarifSchemaText is the schema of SARIF 2.1.0, which stands in the source of go-sarif.
func sarifSchemaText(t *testing.T) string {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok {
			text, err = strconv.Unquote(literal.Value)
		}
		return true
	})
	if err != nil || !strings.Contains(text, sarifSchema) {
		t.Fatalf("no schema of that address: %v", err)
	}
	return text
}

// TestSARIF holds the output against the schema of SARIF 2.1.0.
func TestSARIF(t *testing.T) {
	yes := true
	schema := gojsonschema.NewStringLoader(sarifSchemaText(t))
	findings := []scan.Finding{
		{Path: "a b/ü%.txt", Line: 3, Column: 7, Form: scan.Base64, Match: &scan.Match{Kind: "drf", ID: "drf:1@01234567", User: "al\x1bice", UserID: "1", Status: "active", Staff: &yes}},
		{Path: "/var/log/x.gz!m", Line: 1, Column: 1, Commit: "c0ffee", Match: &scan.Match{Kind: "jwt", Type: "refresh", ID: "jwt:1", Status: "expired"}},
		{Path: "-", Line: 1, Column: 1, Match: &scan.Match{Kind: "knox"}},
	}
	for n := range len(findings) + 1 {
		var b bytes.Buffer
		w := newScanSARIF(&b)
		for i := range findings[:n] {
			if err := w.Write(&findings[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		result, err := gojsonschema.Validate(schema, gojsonschema.NewBytesLoader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range result.Errors() {
			t.Errorf("%d findings: %v", n, problem)
		}
		var log struct {
			Runs []struct {
				Tool struct {
					Driver struct{ Rules []struct{ ID string } }
				}
				Results []struct {
					RuleID  string
					Message struct{ Text string }
				}
			}
		}
		if err := json.Unmarshal(b.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		rules := map[string]bool{}
		for _, r := range log.Runs[0].Tool.Driver.Rules {
			rules[r.ID] = true
		}
		if len(log.Runs[0].Results) != n {
			t.Errorf("%d results of %d findings", len(log.Runs[0].Results), n)
		}
		for _, r := range log.Runs[0].Results {
			if !rules[r.RuleID] || strings.Contains(r.Message.Text, "\x1b") {
				t.Errorf("%s: %q", r.RuleID, r.Message.Text)
			}
		}
	}
	wrong := `{"version":"2.1.0","runs":[{"results":[]}]}`
	if result, err := gojsonschema.Validate(schema, gojsonschema.NewStringLoader(wrong)); err != nil || result.Valid() {
		t.Errorf("the schema takes a run without a tool: %v", err)
	}
	if got := fileURI("a b/ü%.txt") + " " + fileURI("/x"); got != "a%20b/%C3%BC%25.txt file:///x" {
		t.Error(got)
	}
}
