package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A reason is a constant. The compiler takes nothing else for one without a
// conversion, and there is none but in reasons.go, apart from those of constants.
func TestReasons(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	reasons := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.Ident); ok && f.Name == "reason" {
				reasons++
				if _, constant := call.Args[0].(*ast.BasicLit); !constant && name != "reasons.go" {
					t.Errorf("%s makes a reason of something else than a constant", name)
				}
			}
			return true
		})
	}
	if reasons < 2 {
		t.Errorf("%d conversions were seen", reasons)
	}
}
