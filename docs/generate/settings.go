package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// settingsText is what settings.md and tokenctl.toml(5) say: the sections of
// tokenctl.toml with what the root package's source says beside each setting.
type settingsText []section

type section struct {
	name     string // "" for what stands before the first section
	about    string // the comment of the section's type
	settings []setting
}

const introduction = `tokenctl reads tokenctl.toml from --config, else from the working directory, else from beside the SQLite database in use.
The file must belong to the caller or to root, and must give nothing to others (chmod 600). Relative paths in it count from its folder.
An unknown name is an error. A duration is text such as "15m" or "90d". "tokenctl config import ./manage.py" writes the file from a
Django project; "tokenctl config show" prints each value and where it came from.
`

type setting struct {
	name, kind, about string
}

// settingsDocument reads the types of settings*.go in the folder of the root package.
func settingsDocument(source string) (settingsText, error) {
	types := map[string]*ast.GenDecl{}
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			if decl, ok := decl.(*ast.GenDecl); ok && decl.Tok == token.TYPE {
				types[decl.Specs[0].(*ast.TypeSpec).Name.Name] = decl
			}
		}
	}
	general := section{}
	var sections settingsText
	for _, field := range fieldsOf(types["Settings"]) {
		if decl := types[field.kind]; fieldsOf(decl) != nil && field.about == "" {
			sections = append(sections, section{field.name, strings.Replace(commentText(decl.Doc), field.kind, "These settings", 1), fieldsOf(decl)})
			continue
		}
		general.settings = append(general.settings, field)
	}
	if general.settings == nil || sections == nil {
		return nil, fmt.Errorf("no settings were found in %s", source)
	}
	return append(settingsText{general}, sections...), nil
}

// fieldsOf returns the settings that a struct type has, nil for another type.
func fieldsOf(decl *ast.GenDecl) (list []setting) {
	if decl == nil {
		return nil
	}
	structure, ok := decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, field := range structure.Fields.List {
		if field.Tag == nil {
			continue
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		about := commentText(field.Doc)
		if about == "" {
			about = commentText(field.Comment)
		}
		if name := reflect.StructTag(tag).Get("toml"); name != "" {
			list = append(list, setting{name, typeName(field.Type), about})
		}
	}
	return list
}

// commentText is a comment in one line, or "" where there is none.
func commentText(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}

// typeNames are the types of settings as a reader of tokenctl.toml knows them.
var typeNames = map[string]string{"string": "text", "bool": "true or false", "int": "number", "float64": "number", "Duration": "duration", "Seconds": "duration or seconds",
	"KnoxTTL": "duration or \"never\"", "Version": "version", "ServerURL": "URL", "any": "text or a list of texts", "PasswordValidators": "list of tables", "AuditIgnore": "table"}

// typeName is the type of a setting, or the name of its Go type where that is a section's.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return "list of " + typeName(e.Elt) + "s"
	case *ast.Ident:
		if name := typeNames[e.Name]; name != "" {
			return name
		}
		return e.Name
	}
	panic(fmt.Sprintf("a setting of type %T has no name", e))
}

func (s section) title() string {
	if s.name == "" {
		return "Before the sections"
	}
	return "[" + s.name + "]"
}

// markdown is settings.md.
func (s settingsText) markdown() string {
	var b strings.Builder
	b.WriteString("# Settings\n\n" + generated + "\n" + introduction)
	for _, section := range s {
		fmt.Fprintf(&b, "\n## %s\n\n", section.title())
		if section.about != "" {
			b.WriteString(plain(section.about) + "\n\n")
		}
		b.WriteString("| setting | value | meaning or default |\n|---|---|---|\n")
		for _, setting := range section.settings {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", setting.name, setting.kind, plain(setting.about))
		}
	}
	return b.String()
}

// list is the settings as sections of a man page.
func (s settingsText) list() string {
	var b strings.Builder
	for _, section := range s {
		fmt.Fprintf(&b, "\n# %s\n%s\n\n", plain(strings.ToUpper(section.title())), plain(section.about))
		for _, setting := range section.settings {
			fmt.Fprintf(&b, "**%s** (%s)\n: %s\n\n", plain(setting.name), setting.kind, cmp.Or(plain(setting.about), "As Django has it."))
		}
	}
	return b.String()
}
