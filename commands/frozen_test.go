package commands

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tokenctl/output"
)

// Scripts name these fields and rely on their order. They may be added to at
// the end, and otherwise never change.
var frozenFields = map[string]string{
	"credential": "id kind type user user_id status created expires signature",
	"show":       "id kind type user user_id status created expires signature owner claims notes",
	"minted":     "id kind type user user_id status created expires signature token",
	"minted jwt": "id kind type user user_id status created expires signature refresh access",
	"rotated":    "id kind type user user_id status created expires signature token replaces",
	"verify":     "id kind type status reason user expires",
	"user":       "id username email is_active is_staff is_superuser has_usable_password date_joined last_login",
	"doctor":     "check status found fix",
	"version":    "version commit go dirty date sum",
	"purge":      "kind expired deleted",
	"journal":    "entry time user sudo_user host context database schema command kind count outcome settled",
	"journaled":  "entry time user sudo_user host context database schema command kind count outcome settled note ids",
	"tampering":  "file line problem",
	"stats":      "kind status by value count",
	"grants":     "statement why",
	"import":     "file status",
	"setting":    "setting value source",
	"incident":   "schema_version subject reach done residual proof contained",
	"subject":    "id kind type user user_id status reason created expires last_used signature owner notes",
	"rights":     "is_active is_staff is_superuser groups permissions has_usable_password last_login",
	"done":       "action kind id",
	"residual":   "what id until certain lever command logs_out",
	"proof":      "id dead status reason probe",
	"audit":      "rule severity kind id user user_id message fix",
	"finding":    "path line column commit form kind type id user user_id status is_staff is_superuser",
}

func TestFrozenFields(t *testing.T) {
	t.Parallel()
	got := map[string][]output.Column{
		"credential": credentialColumns, "show": showColumns, "verify": verifyColumns, "user": userColumns, "doctor": doctorColumns, "version": versionColumns, "purge": purgeColumns, "stats": statsColumns, "grants": grantColumns, "journal": journalColumns, "journaled": journalShowColumns, "tampering": journalVerifyColumns, "import": importColumns, "setting": configColumns, "finding": findingColumns, "audit": auditFindingColumns,
		"incident": incidentColumns, "subject": subjectColumns, "rights": rightsColumns, "done": doneColumns, "residual": residualColumns, "proof": proofColumns,
		"minted": mintedColumns([]string{"token"}, false), "minted jwt": mintedColumns([]string{"refresh", "access"}, false), "rotated": mintedColumns([]string{"token"}, true),
	}
	for object, want := range frozenFields {
		var names []string
		for _, c := range got[object] {
			names = append(names, c.Name)
		}
		if have := strings.Join(names, " "); have != want {
			t.Errorf("%s has the fields %s, want %s", object, have, want)
		}
	}
}

// declaredCodes are the constants of type Code.
func declaredCodes(t *testing.T) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "../error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			if kind, ok := value.Type.(*ast.Ident); !ok || kind.Name != "Code" {
				t.Errorf("%s has no type Code", value.Names[0].Name)
				continue
			}
			text, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes[text] = value.Names[0].Name
		}
	}
	return codes
}

func TestCodes(t *testing.T) {
	t.Parallel()
	declared := declaredCodes(t)
	if len(declared) < 30 {
		t.Fatalf("found only %d codes in django/errors.go", len(declared))
	}
	statuses := []int{exitFailed, exitUsage, exitNotFound, exitNo, exitConflict, exitPartly, exitUnreachable, exitConfirm, 130}
	listed := map[string]bool{}
	for _, c := range codes {
		code := string(c.code)
		switch {
		case declared[code] == "":
			t.Errorf("%s is no constant of package django", code)
		case listed[code]:
			t.Errorf("%s is listed twice", code)
		case c.meaning == "" || strings.HasSuffix(c.meaning, "."):
			t.Errorf("%s: meaning %q: want some, without a full stop", code, c.meaning)
		case !slices.Contains(statuses, c.status):
			t.Errorf("%s: %d is no exit status for a failure", code, c.status)
		}
		listed[code] = true
	}
	for code, name := range declared {
		if !listed[code] {
			t.Errorf("django.%s (%s) has no exit status and meaning in codes", name, code)
		}
	}
}
