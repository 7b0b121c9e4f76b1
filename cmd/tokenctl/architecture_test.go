package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tokenctl/tokens"
)

// layers are the packages in the order in which they may import each other:
// later ones only. output stands beside them, and imports none of them.
var layers = []string{"cmd", "commands", "journal", "server", "audit", "scan", "tokens", "db", "db/engine", "cache", "django", "tokenctl"}

// knowOutput are the packages that may render rows.
var knowOutput = []string{"cmd", "commands", "server"}

// beside are folders of Go files that are no part of the program.
var beside = []string{"completions", "docs", "packages", "bench", ".ci"}

// testOnly are packages that nothing but tests may import.
var testOnly = []string{"tokenctl/cache/redistest", "tokenctl/db/dbtest", "tokenctl/django/djangotest"}

// refused are modules that the design refuses, and the reasons that one may
// look for them.
var refused = []string{"github.com/spf13/viper", "gorm.io/", "xorm.io/", "entgo.io/", "github.com/uptrace/bun", "github.com/jmoiron/sqlx",
	"github.com/Masterminds/squirrel", "github.com/sirupsen/logrus", "go.uber.org/zap", "github.com/rs/zerolog", "zxcvbn",
	"github.com/prometheus/client_golang", "github.com/mattn/go-sqlite3", "github.com/stretchr/testify"}

// source is a Go file of this module.
type source struct {
	name   string // from the module's root, such as db/store.go
	pkg    string // its import path
	layer  string // see layerOf
	test   bool   // a test, or part of a package for tests
	syntax *ast.File
	set    *token.FileSet
}

func sources(t *testing.T) []source {
	var list []source
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == ".peers" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, filepath.Join("../..", name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s := source{name: name, pkg: path.Join("tokenctl", path.Dir(name)), syntax: syntax, set: set}
		s.layer = layerOf(s.pkg)
		s.test = strings.HasSuffix(name, "_test.go") || slices.Contains(testOnly, s.pkg)
		list = append(list, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("found only %d Go files", len(list))
	}
	return list
}

// layerOf is the layer of a package of this module: its first folder, tokenctl for
// the root. What is below db's tables is a layer of its own.
func layerOf(pkg string) string {
	_, folder, below := strings.Cut(pkg, "/")
	if folder == "db/engine" {
		return folder
	}
	if !below {
		return pkg
	}
	layer, _, _ := strings.Cut(folder, "/")
	return layer
}

func (s source) imports() []string {
	var list []string
	for _, spec := range s.syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		list = append(list, name)
	}
	return list
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(layers, s.layer) && s.layer != "output" && !slices.Contains(beside, s.layer) {
			t.Errorf("%s: there is no place for a package %s", s.name, s.layer)
		}
		for part := range strings.SplitSeq(path.Dir(s.name), "/") {
			if slices.Contains([]string{"util", "utils", "common", "helpers", "models", "pkg", "internal"}, part) {
				t.Errorf("%s: a package is named by what it is about, not %s", s.name, part)
			}
		}
		if s.test || slices.Contains(beside, s.layer) {
			continue
		}
		for _, name := range s.imports() {
			if slices.Contains(testOnly, name) {
				t.Errorf("%s imports %s, which is for tests", s.name, name)
			}
			if first, _, _ := strings.Cut(name, "/"); first != "tokenctl" {
				continue
			}
			target := layerOf(name)
			from, to := slices.Index(layers, s.layer), slices.Index(layers, target)
			switch {
			case s.layer == target:
			case s.layer == "server" && target == "scan", strings.HasPrefix(s.layer, "db") && target == "cache":
				t.Errorf("%s imports %s, which stands beside it", s.name, name)
			case target == "output" && slices.Contains(knowOutput, s.layer):
			case from < 0 || to < 0 || to < from:
				t.Errorf("%s imports %s against the direction %s", s.name, name, strings.Join(layers, " → "))
			}
		}
	}
}

func TestRefusedModules(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range refused {
		if strings.Contains(string(mod), name) {
			t.Errorf("go.mod has %s", name)
		}
	}
}

// program yields the files of the program itself.
func program(t *testing.T) []source {
	return slices.DeleteFunc(sources(t), func(s source) bool { return s.test || slices.Contains(beside, s.layer) })
}

// uses calls f for every use of an exported name of a package, such as os.Exit,
// with the function that it stands in.
func (s source) uses(f func(name, in string, at token.Pos)) {
	for _, decl := range s.syntax.Decls {
		in := ""
		if function, ok := decl.(*ast.FuncDecl); ok {
			in = function.Name.Name
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := selector.X.(*ast.Ident); ok {
					f(pkg.Name+"."+selector.Sel.Name, in, n.Pos())
				}
			}
			return true
		})
	}
}

// TestExitsAndStreams: only main ends the process, and only what wires an App knows the process's own streams.
func TestExitsAndStreams(t *testing.T) {
	exits := map[string]string{"cmd/tokenctl/main.go": "main"}
	for _, s := range program(t) {
		s.uses(func(name, in string, at token.Pos) {
			switch name {
			case "os.Exit", "syscall.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln":
				if exits[s.name] != in || in == "" || name != "os.Exit" {
					t.Errorf("%s: %s in %s", s.set.Position(at), name, in)
				}
			case "os.Stdin", "os.Stdout", "os.Stderr":
				if s.name != "commands/app.go" && s.name != "commands/terminal.go" {
					t.Errorf("%s: %s is for the wiring of App", s.set.Position(at), name)
				}
			case "fmt.Print", "fmt.Println", "fmt.Printf", "log.Print", "log.Println", "log.Printf":
				t.Errorf("%s: %s writes past App", s.set.Position(at), name)
			}
		})
	}
}

var sqlText = regexp.MustCompile(`(?is)^\s*(select|with)\s.*\sfrom\s|\binsert\s+into\s|\bdelete\s+from\s+["a-z_%]|\bupdate\s+\S+\s+set\s|\b(create|drop|alter)\s+table\s`)

// TestSQLStaysInDB looks for statements in strings of packages that speak none.
func TestSQLStaysInDB(t *testing.T) {
	for _, s := range program(t) {
		if s.layer == "db" || s.layer == "db/engine" {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if value, err := strconv.Unquote(text.Value); err == nil && sqlText.MatchString(value) {
					t.Errorf("%s: a statement belongs to db: %s", s.set.Position(n.Pos()), text.Value)
				}
			}
			return true
		})
		for _, name := range s.imports() {
			if name == "database/sql" || strings.HasPrefix(name, "github.com/jackc/pgx") || strings.HasPrefix(name, "modernc.org/sqlite") {
				t.Errorf("%s imports %s, which is db's", s.name, name)
			}
		}
	}
}

// TestRedisStaysInCache: only cache speaks with Redis.
func TestRedisStaysInCache(t *testing.T) {
	for _, s := range program(t) {
		for _, name := range s.imports() {
			if s.layer != "cache" && strings.HasPrefix(name, "github.com/redis/") {
				t.Errorf("%s imports %s, which is cache's", s.name, name)
			}
		}
	}
}

// TestKindsKnowThemselves: what differs between kinds is a field of tokens.Kind, so nothing
// above tokens compares with one of them, by value or by name. The server has views of
// certain kinds; the commands have none.
func TestKindsKnowThemselves(t *testing.T) {
	variables := map[string]bool{"DRF": true, "Knox": true, "JWT": true, "Session": true}
	names := tokens.KindNames()
	isKind := func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(e.Value)
			return e.Kind == token.STRING && err == nil && slices.Contains(names, text)
		case *ast.SelectorExpr:
			if inner, ok := e.X.(*ast.SelectorExpr); ok && e.Sel.Name == "Name" {
				e = inner
			}
			pkg, ok := e.X.(*ast.Ident)
			return ok && pkg.Name == "tokens" && variables[e.Sel.Name]
		}
		return false
	}
	for _, s := range program(t) {
		if !slices.Contains([]string{"cmd", "commands", "server", "output"}, s.layer) {
			continue
		}
		complain := func(at token.Pos) { t.Errorf("%s: only package tokens asks which kind it is", s.set.Position(at)) }
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			var compared []ast.Expr
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if n.Op == token.EQL || n.Op == token.NEQ {
					compared = []ast.Expr{n.X, n.Y}
				}
			case *ast.CaseClause:
				compared = n.List
			case *ast.IndexExpr:
				compared = []ast.Expr{n.Index}
			case *ast.SelectorExpr:
				if s.layer != "server" {
					compared = []ast.Expr{n}
				}
			}
			if slices.ContainsFunc(compared, isKind) {
				complain(n.Pos())
			}
			return true
		})
	}
}

// djangoWords are names of Django's tables and of their columns, and kinds of credentials.
var djangoWords = regexp.MustCompile(`\b(auth_\w+|authtoken\w*|knox\w*|token_blacklist\w*|django_\w+|user_id|username|jti|digest|session_\w+|expire_date|is_active|drf|jwt)\b`)

// TestEngineKnowsNoTable: package db/engine works with any table, and names none.
func TestEngineKnowsNoTable(t *testing.T) {
	found := 0
	for _, s := range program(t) {
		if s.layer != "db/engine" {
			continue
		}
		found++
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.BasicLit:
				text = n.Value
			case *ast.Ident:
				text = strings.ToLower(n.Name)
			}
			if word := djangoWords.FindString(text); word != "" {
				t.Errorf("%s: %s is for package db", s.set.Position(n.Pos()), word)
			}
			return true
		})
	}
	if found == 0 {
		t.Error("there is no package db/engine")
	}
}
