package main

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tokenctl/django/djangotest"
)

// The documents name code by one convention, in backquotes: a file, and behind a colon what
// it declares, as in `commands/app.go: App.Run, newRoot`. The peers' code is named likewise.

// codeNames are the names that each Go file declares: functions, methods as Type.Method,
// types, fields as Type.Field, variables and constants.
func codeNames(t *testing.T) map[string][]string {
	files := map[string][]string{}
	for _, s := range sources(t) {
		names := []string{s.syntax.Name.Name}
		for _, d := range s.syntax.Decls {
			names = append(names, declared(d)...)
		}
		files[s.name] = names
	}
	return files
}

func declared(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return []string{receiver(d.Recv.List[0].Type) + "." + d.Name.Name}
		}
		return []string{d.Name.Name}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
				if fields, ok := spec.Type.(*ast.StructType); ok {
					for _, field := range fields.Fields.List {
						for _, name := range field.Names {
							names = append(names, spec.Name.Name+"."+name.Name)
						}
					}
				}
			}
		}
	}
	return names
}

// receiver is the type's name: without a star, and without parameters.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

var (
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	quoted   = regexp.MustCompile("`([^`]+)`")
	codeName = regexp.MustCompile(`^([\w./-]+\.(?:go|py))(?::\s(.+))?$`)
	folder   = regexp.MustCompile(`^[\w.][\w./-]*/[\w.-]*$`)
	linked   = regexp.MustCompile(`\]\(([^)#]+)\)`)
)

// quotes are what a document has in backquotes.
func quotes(text string) (list []string) {
	for _, m := range quoted.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		list = append(list, strings.Join(strings.Fields(m[1]), " "))
	}
	return list
}

// namesOf splits what stands in backquotes; file is empty where that names no code.
func namesOf(quote string) (file string, names []string) {
	m := codeName.FindStringSubmatch(quote)
	switch {
	case m == nil:
		return "", nil
	case m[2] == "":
		return m[1], nil
	}
	return m[1], strings.Split(m[2], ", ")
}

// unknown is what of a name of Go code does not exist; empty: all of it does.
func unknown(files map[string][]string, file string, names []string) string {
	known, ok := files[file]
	if !ok {
		return file
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return file + ": " + name
		}
	}
	return ""
}

func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}

// TestDocumentsNameCode: every file, folder and function that a document names is there.
func TestDocumentsNameCode(t *testing.T) {
	files := codeNames(t)
	found := map[string]int{}
	for document, text := range documents(t) {
		for _, quote := range quotes(text) {
			file, names := namesOf(quote)
			if strings.HasSuffix(file, ".go") {
				found[document]++
				if missing := unknown(files, file, names); missing != "" {
					t.Errorf("docs/%s: there is no %s", document, missing)
				}
			} else if document == "architecture.md" && folder.MatchString(quote) {
				if _, err := os.Stat(filepath.Join("../..", quote)); err != nil {
					t.Errorf("docs/%s: %v", document, err)
				}
			}
		}
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil && !strings.Contains(m[1], "://") {
				t.Errorf("docs/%s: %v", document, err)
			}
		}
	}
	if found["architecture.md"] < 50 || found["peers.md"] < 20 {
		t.Errorf("the documents name little code: %v", found)
	}

	for _, wrong := range []string{"commands/none.go", "commands/app.go: App.Fly", "commands/app.go: Main, Fly", "commands/app.go: Run", "tokens/kind.go: Kind.Wings", "tokens/kind.go: Kind, DRF", "app.go: Main"} {
		if file, names := namesOf(wrong); file == "" || unknown(files, file, names) == "" {
			t.Errorf("%s counts as there", wrong)
		}
	}
	for _, right := range []string{"commands/app.go", "commands/app.go: App.Run", "commands/app.go: App.Stdin, newRoot", "peers.go: newestPeers", "tokens/kind.go: Kind"} {
		file, names := namesOf(right)
		if missing := unknown(files, file, names); missing != "" {
			t.Errorf("%s does not count as there", right)
		}
	}
}

// TestTenSteps: the way of a command has ten steps, and each names its functions.
func TestTenSteps(t *testing.T) {
	_, way, _ := strings.Cut(documents(t)["architecture.md"], "\n## One command")
	way, _, _ = strings.Cut(way, "\n## ")
	steps := regexp.MustCompile(`(?m)^(\d+)\. `).Split(way, -1)[1:]
	if len(steps) != 10 {
		t.Fatalf("there are %d steps", len(steps))
	}
	for i, step := range steps {
		if !slices.ContainsFunc(quotes(step), func(quote string) bool {
			file, names := namesOf(quote)
			return strings.HasSuffix(file, ".go") && names != nil
		}) {
			t.Errorf("step %d names no function", i+1)
		}
	}
}

// TestDocumentsNamePeers: what a document names of the peers' code is in a release that
// the tests run. Of knox and dj-rest-auth that is a checkout, where there is one.
func TestDocumentsNamePeers(t *testing.T) {
	checkouts := map[string]string{"knox": os.Getenv("TOKENCTL_TEST_KNOX"), "dj_rest_auth": os.Getenv("TOKENCTL_TEST_REST_AUTH")}
	peers := djangotest.Peers(t)
	looked := 0
	for document, text := range documents(t) {
		for _, quote := range quotes(text) {
			file, names := namesOf(quote)
			if !strings.HasSuffix(file, ".py") {
				continue
			}
			var texts []string
			pkg, _, _ := strings.Cut(file, "/")
			if checkout, apart := checkouts[pkg]; apart {
				if checkout == "" {
					continue
				}
				text, err := os.ReadFile(filepath.Join(checkout, file))
				if err != nil {
					t.Errorf("docs/%s: %v", document, err)
				}
				texts = append(texts, string(text))
			}
			for _, p := range peers {
				texts = append(texts, p.Source(t, file))
			}
			looked++
			if !slices.ContainsFunc(texts, func(text string) bool { return text != "" && defines(text, names) }) {
				t.Errorf("docs/%s: no release has %s", document, quote)
			}
		}
	}
	if looked < 40 {
		t.Errorf("the documents name little of the peers: %d", looked)
	}
	const module = "class Token:\n    keyword = 1\n    def verify(self): pass\nLIMIT = 2\n"
	if !defines(module, []string{"Token.verify", "Token.keyword", "LIMIT"}) || defines(module, []string{"Token.sign"}) || defines(module, []string{"Limit"}) {
		t.Error("defines is wrong")
	}
}

// defines reports whether a Python module defines all of the names; of Class.name it looks
// for both parts.
func defines(module string, names []string) bool {
	for _, name := range names {
		for part := range strings.SplitSeq(name, ".") {
			if !regexp.MustCompile(`(?m)\b(def|class) ` + part + `\b|\b` + part + `(:[^=\n]+)? = `).MatchString(module) {
				return false
			}
		}
	}
	return true
}
